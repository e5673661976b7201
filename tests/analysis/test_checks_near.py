"""Rows that nearly repeat another: copies with small changes are told, chance, series in time and clusters are not; gaps that tell the outcome."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.checked_data import of_frame
from modelglass.analysis.checks_leaks import check_telling_gaps
from modelglass.analysis.checks_near import check_near
from modelglass.analysis.errors import NotApplicable

N = 2_000


def table(seed=0, n=N, columns=5, task="binary"):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    frame = pd.DataFrame({f"x{i}": 0.6 * common + rng.normal(size=n) for i in range(columns)})
    frame["z"] = np.exp(frame["x0"] + rng.normal(size=n))
    frame["c"] = rng.choice(list("pqr"), n)
    values = frame["x0"] + rng.normal(size=n)
    frame["y"] = values if task == "regression" else (values > 0).astype(int)
    return frame, rng


def found(frame, **more):
    return [h.finding for h in check_near(replace(of_frame(frame, "y"), **more))]


def test_copies_with_small_changes_are_told_and_honest_rows_are_not():
    for task in ("binary", "regression"):
        frame, rng = table(task=task)
        assert found(frame) == []
        copies = frame.iloc[:300].copy()
        copies[["x0", "x1", "z"]] += rng.normal(size=(300, 3)) * 0.01
        told = found(pd.concat([frame, copies], ignore_index=True))
        assert [(f.kind, f.severity) for f in told] == [("near_copies", "high")]
        assert 300 <= told[0].n <= 610  # both rows of most pairs, and a few by chance
        assert "look like copies of another row" in told[0].sentence


def test_no_clean_table_of_60_is_told():
    rng = np.random.default_rng(9)
    for seed in range(60):
        frame, _ = table(seed, 600 + 40 * seed, columns=3 + seed % 6, task="regression" if seed % 2 else "binary")
        if seed % 3 == 0:  # rounded, so that some values repeat
            frame["x1"] = frame["x1"].round(1)
        if seed % 4 == 0:  # rows crowd in two places
            frame.loc[rng.random(len(frame)) < 0.5, ["x0", "x1", "x2"]] *= 0.01
        assert found(frame) == [], seed


def test_a_series_in_time_is_no_copy():
    rng = np.random.default_rng(3)
    walks = {f"x{i}": np.cumsum(rng.normal(size=N)) for i in range(5)}
    frame = pd.DataFrame(walks | {"y": rng.integers(0, 2, N)})
    assert found(frame) == []


@pytest.mark.parametrize("seed", range(4))
def test_rows_that_differ_in_few_columns_are_no_copies(seed):
    """A block of zeros or of means leaves two columns free; columns made of one another leave one."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"x{i}": rng.lognormal(size=3 * N // 2) for i in range(8)})
    frame["y"] = (rng.random(len(frame)) < 0.3).astype(int)
    block = frame.copy()
    block.loc[rng.random(len(frame)) < 0.2, [f"x{i}" for i in range(6)]] = 0.0
    assert found(block) == []
    a = rng.normal(size=len(frame))
    line = pd.DataFrame({"a": a, "b": 2 * a, "c": a**2, "d": a + 1, "y": frame["y"]})
    assert found(line) == []
    copies = block.iloc[:400].copy()
    copies[["x6", "x7"]] *= 1 + 1e-4 * rng.normal(size=(400, 2))
    assert [f.kind for f in found(pd.concat([block, copies], ignore_index=True))] == ["near_copies"]


def test_what_cannot_be_told():
    frame, _ = table()
    with pytest.raises(NotApplicable, match="cluster"):
        found(frame, cluster=np.arange(N) // 2)
    with pytest.raises(NotApplicable, match="fewer than 3 columns of numbers"):
        found(frame[["x0", "x1", "c", "y"]])
    with pytest.raises(NotApplicable, match="fewer than 500 different rows"):
        found(table(n=300)[0])


def test_the_order_of_rows_does_not_matter():
    frame, _ = table()
    copies = frame.iloc[:200].assign(x0=lambda f: f["x0"] + 0.001)
    frame = pd.concat([frame, copies], ignore_index=True)
    one, other = found(frame), found(frame.sample(frac=1, random_state=1))
    assert [f.sentence for f in one] == [f.sentence for f in other]


def gaps(frame, **more):
    return [h.finding for h in check_telling_gaps(replace(of_frame(frame, "y"), **more))]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_gaps_that_know_the_outcome(task):
    frame, rng = table(task=task)
    honest = frame.assign(x3=frame["x3"].mask(rng.random(N) < np.where(frame["y"] > 0, 0.12, 0.06)))
    assert gaps(honest) == []  # a little more often missing: no leak
    upper = frame["y"] > frame["y"].quantile(0.8) if task == "regression" else frame["y"] == 1
    told = gaps(frame.assign(x3=frame["x3"].mask(upper & (rng.random(N) < 0.8))))
    assert [(f.kind, f.features, f.where) for f in told] == [("telling_gap", ("x3",), '"x3" IS NULL')]
    assert told[0].sentence.startswith("Whether x3 is missing alone explains ")


def test_gaps_on_rows_without_weight_alone_say_nothing():
    frame, _ = table()
    odd = np.arange(N) % 3 == 0
    for gone in (odd, ~odd):  # every row that counts has a value, or lacks it
        assert gaps(frame.assign(x3=frame["x3"].mask(gone)), weight=np.where(odd, 0.0, 1.0)) == []


def test_what_gaps_explain_is_the_squared_correlation():
    frame, rng = table()
    gone = (frame["y"] == 1) & (rng.random(N) < 0.7)
    told = gaps(frame.assign(x3=frame["x3"].mask(gone)))
    assert told[0].estimate == pytest.approx(np.corrcoef(gone, frame["y"])[0, 1] ** 2, abs=1e-12)
    assert "y is 1 on 100.0% there" in told[0].sentence
