"""Columns shared out otherwise than in training: what moved is told with its shares, chance, cohorts and few clusters are let be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.checked_data import of_frame
from modelglass.analysis.checks_shift import Shares, check_shift
from modelglass.analysis.errors import NotApplicable


def table(seed=0, n=2_000):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "a": rng.normal(50, 10, n).round(1),
            "d": rng.poisson(2, n),
            "c": rng.choice(list("pqrs"), n, p=[0.4, 0.3, 0.2, 0.1]),
            "f": rng.random(n) < 0.3,
            "y": rng.integers(0, 2, n),
        }
    )


def found(frame, train, **more):
    return [h.finding for h in check_shift(replace(of_frame(frame, "y", train=train), **more))]


def test_the_distance_by_hand():
    shares = Shares(np.array([0.5, 0.5, 0.0]), np.array([0.2, 0.5, 0.3]), 1e12, 1e12, list("abc"))
    assert shares.distance() == pytest.approx(0.3, abs=1e-5)
    assert shares.gone() == 2
    # 200 rows of two equal levels differ by chance by half the mean of |N(0, sd)| summed over both: 0.798 * 0.0707 * 2 / 2
    few = Shares(np.array([0.5, 0.5]), np.array([0.5, 0.5]), 100, 100, list("ab"))
    assert few.distance() == pytest.approx(-np.sqrt(2 / np.pi) * np.sqrt(0.25 * 0.02), abs=1e-9)


def test_what_chance_subtracts_is_what_chance_gives():
    """Over 300 pairs of samples of one source the distance is 0 on average."""
    rng = np.random.default_rng(4)
    p = np.array([0.3, 0.25, 0.2, 0.15, 0.1])
    made = [Shares(*(rng.multinomial(n, p) / n for n in (400, 900)), 400, 900, list("abcde")) for _ in range(300)]
    assert abs(np.mean([s.distance() for s in made])) < 0.002
    assert np.mean([s.p_value() < 0.05 for s in made]) == pytest.approx(0.05, abs=0.035)


def test_what_moved_is_told_and_honest_columns_are_not():
    train = table(1, 4_000)
    frame = table()
    assert found(frame, train) == []
    told = found(frame.assign(a=frame["a"] + 20), train)
    assert [(f.kind, f.severity, f.features) for f in told] == [("column_shift", "high", ("a",))]
    told = found(frame[frame["c"] != "s"], train)
    assert [(f.severity, f.features) for f in told] == [("medium", ("c",))]
    assert f"c is s on 0.0% of these {(frame['c'] != 's').sum():,} rows" in told[0].sentence
    told = found(frame.assign(f=frame["f"] | (np.arange(2_000) % 2 == 0)), train)
    assert [(f.severity, f.features) for f in told] == [("medium", ("f",))]
    assert told[0].estimate == pytest.approx(0.35, abs=0.04)


def test_gaps_and_new_values_are_left_to_their_own_checks():
    train, frame = table(1, 4_000), table()
    odd = np.arange(2_000) % 3 == 0
    assert found(frame.assign(a=frame["a"].mask(odd)), train) == []
    assert found(frame.assign(c=frame["c"].mask(odd, "new")), train) == []
    assert found(frame.assign(a=frame["a"].mask(odd, 1e6)), train) == []


def test_weights_and_clusters_count():
    train, frame = table(1, 4_000), table()
    moved = frame.assign(a=frame["a"] + 6)
    assert len(found(moved, train)) == 1
    of_twelve = np.arange(2_000) % 12
    assert found(moved, train, cluster=of_twelve) == []  # twelve clusters may lie anywhere
    # rows drawn three times as often where f holds, and weights that say so
    drawn = frame.iloc[np.repeat(np.arange(2_000), np.where(frame["f"], 3, 1))].reset_index(drop=True)
    assert [f.features for f in found(drawn, train)] == [("f",)]
    assert found(drawn, train, weight=np.where(drawn["f"], 1 / 3, 1.0)) == []


@pytest.mark.parametrize("side", ["weight", "train_weight"])
def test_columns_known_only_on_rows_without_weight_say_nothing(side):
    train, frame = table(1), table()
    odd = np.arange(2_000) % 3 == 0
    if side == "weight":
        frame = frame.assign(a=frame["a"].where(odd) + 20, c=frame["c"].where(odd))
    else:
        train = train.assign(a=train["a"].where(odd) + 20, c=train["c"].where(odd))
    assert found(frame, train, **{side: np.where(odd, 0.0, 1.0)}) == []


def test_cohorts_and_data_without_training_cannot_be_told():
    frame = table()
    with pytest.raises(NotApplicable, match="because of the condition"):
        found(frame, table(1), whole=False)
    with pytest.raises(NotApplicable, match="training data"):
        found(frame, None)
    with pytest.raises(NotApplicable, match="none of the columns"):
        found(frame, table(1)[["y"]])


def test_the_order_of_rows_does_not_matter():
    train, frame = table(1, 4_000), table()
    moved = frame.assign(a=frame["a"] + 20)
    one, other = found(moved, train), found(moved.sample(frac=1, random_state=2), train.sample(frac=1, random_state=3))
    assert [f.sentence for f in one] == [f.sentence for f in other]
