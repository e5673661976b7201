"""Each check by itself: the defect it is for is found, what looks like it and is honest is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.checked_data import of_frame
from modelglass.analysis.checks_codes import spikes
from modelglass.analysis.checks_columns import longest_run
from modelglass.analysis.checks_rows import pairs_by_chance
from modelglass.analysis.checks_training import _beyond
from modelglass.analysis.data_checks import CHECKS
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.row_hashes import column_hashes, equal_pairs

N = 1500


def found(check, frame, train=None, **more):
    data = replace(of_frame(frame, "y", train=train), **more)
    return [h.finding for h in CHECKS[check][1](data)]


def world(seed=0, n=N, task="binary"):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": rng.normal(50, 10, n),
            "b": np.exp(rng.normal(3, 1, n)),
            "c": rng.choice(list("pqrs"), n, p=[0.4, 0.3, 0.2, 0.1]),
            "d": rng.poisson(4, n),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(n), unit="h"),
        }
    )
    pull = (frame["a"] - 50) / 10 + 0.5 * (frame["c"] == "q")
    if task == "regression":
        frame["y"] = pull + rng.normal(size=n)
    else:
        frame["y"] = (rng.random(n) < 1 / (1 + np.exp(-pull))).astype(int)
    return frame, rng


def inside(frame, low, high):
    ranks = frame["when"].rank(pct=True)
    return ranks.between(low, high)


# rows ----------------------------------------------------------------------------------------------------------------


def test_pairs_by_chance_are_those_that_independent_columns_give():
    """Counted pairs of equal rows over 30 tables of independent categories are what the formula expects."""
    expected, counted = 0.0, 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        hashes = np.stack([column_hashes(pd.Series(rng.integers(0, 5, 600)), j) for j in range(5)])
        total = hashes.sum(axis=0, dtype=np.uint64)
        counted += equal_pairs(total)
        expected += pairs_by_chance(hashes, total, equal_pairs(total))
    assert expected == pytest.approx(counted, rel=0.1)


def test_copies_are_told_and_chance_repeats_are_not():
    frame, _ = world()
    assert found("duplicates", frame) == []
    copied = found("duplicates", pd.concat([frame, frame.iloc[:60]], ignore_index=True))
    assert (copied[0].n, copied[0].severity, copied[0].kind) == (120, "high", "duplicates")
    assert (
        "60 rows (3.8% of 1,560) repeat another row in every column, in 60 groups; chance would give none"
        in copied[0].sentence
    )
    rng = np.random.default_rng(1)
    few = pd.DataFrame({f"c{i}": rng.choice(list("abc"), N) for i in range(5)} | {"y": rng.integers(0, 2, N)})
    assert few.duplicated().mean() > 0.5
    assert found("duplicates", few) == []
    idle = pd.DataFrame(
        {f"x{i}": np.where(np.arange(N) % 2, rng.normal(size=N), 0) for i in range(5)} | {"y": few["y"]}
    )
    assert found("duplicates", idle) == []


def test_copies_of_some_days_are_selected_by_a_condition():
    frame, _ = world()
    days = frame[inside(frame, 0.3, 0.36)]
    told = found("duplicates", pd.concat([frame, days], ignore_index=True))[0]
    assert told.where.startswith('"when" BETWEEN TIMESTAMP')
    low, high = (pd.Timestamp(t.split("'")[1]) for t in told.where.split(" AND "))
    assert (low, high) == (days["when"].min(), days["when"].max())


def test_equal_rows_with_other_outcomes():
    frame, _ = world()
    more = frame.iloc[:80].assign(y=1 - frame["y"].iloc[:80])
    told = found("conflicts", pd.concat([frame, more], ignore_index=True))
    assert (told[0].n, told[0].kind) == (160, "conflicting_rows")
    assert found("conflicts", frame) == []
    rng = np.random.default_rng(1)
    noise = pd.DataFrame({"c": rng.choice(list("abc"), N), "d": rng.integers(0, 4, N), "y": rng.integers(0, 2, N)})
    assert found("conflicts", noise) == []


def test_rows_of_the_training_data():
    frame, _ = world()
    train, _ = world(1)
    assert found("overlap", frame, train) == []
    told = found("overlap", pd.concat([frame, train.iloc[:40]], ignore_index=True), train)
    assert (told[0].kind, told[0].n, told[0].severity) == ("train_overlap", 40, "high")
    moved = train.iloc[:120].assign(a=0.0 + np.arange(120))
    told = found("overlap", pd.concat([frame, moved], ignore_index=True), train)
    assert (told[0].features, told[0].n) == (("a",), 120)
    rng = np.random.default_rng(2)

    def cells(n):
        return pd.DataFrame(
            {"p": rng.integers(0, 9, n), "q": rng.choice(list("abcdef"), n), "y": rng.integers(0, 2, n)}
        )

    assert found("overlap", cells(500), cells(1000)) == []
    with pytest.raises(NotApplicable, match="no training data"):
        found("overlap", frame)


def test_clusters_that_stand_in_both():
    frame, rng = world()
    train, _ = world(1)
    frame["patient"], train["patient"] = rng.integers(0, 300, N), rng.integers(200, 500, N)
    told = found("overlap", frame, train, cluster_name="patient", roles=("patient",))
    assert told[0].kind == "shared_names"
    assert told[0].n == (frame["patient"] >= 200).sum()


# leaks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_leak_is_told_and_a_good_column_is_not(task):
    frame, rng = world(task=task)
    assert found("leaks", frame) == []
    leak = frame["y"] * 7.0 + rng.normal(size=N) * 0.1
    told = found("leaks", frame.assign(later=leak))
    assert [(f.features, f.severity) for f in told] == [(("later",), "high")]
    assert told[0].estimate > 0.95
    copies = found("leaks", frame.assign(later=leak, again=leak * 2))
    assert {f.features for f in copies} == {("later",), ("again",)}


def test_a_leak_among_three_classes():
    frame, rng = world()
    frame["y"] = np.digitize(frame["a"] + rng.normal(0, 10, N), [45, 55])
    assert found("leaks", frame) == []
    told = found("leaks", frame.assign(code=np.array(["u", "v", "w"])[frame["y"]]))
    assert [f.features for f in told] == [("code",)]


def test_of_classes_a_column_right_on_94_of_100_rows_is_told_and_a_good_one_is_not():
    frame, rng = world(n=4000)
    wrong = rng.random(4000) < 0.06
    told = found("leaks", frame.assign(code=np.where(wrong, 1 - frame["y"], frame["y"]).astype(str)))
    assert [(f.features, f.severity) for f in told] == [(("code",), "medium")]
    good = frame["y"] + rng.normal(size=4000) * 0.5  # a ROC AUC of 0.92
    assert found("leaks", frame.assign(good=good)) == []


def test_a_leak_in_one_period_or_slice():
    frame, rng = world()
    assert found("local_leaks", frame) == []
    when = inside(frame, 0.5, 0.7)
    told = found(
        "local_leaks", frame.assign(later=np.where(when, frame["y"] + 0.1 * rng.normal(size=N), rng.normal(size=N)))
    )
    assert (told[0].kind, told[0].features) == ("local_leak", ("later", "when"))
    part = frame["c"] == "r"
    told = found(
        "local_leaks", frame.assign(later=np.where(part, frame["y"] + 0.1 * rng.normal(size=N), rng.normal(size=N)))
    )
    assert told[0].where == "\"c\" = 'r'"


def test_a_column_joined_to_the_wrong_rows_for_a_while():
    frame, rng = world()
    good = frame["y"] * 3 + rng.normal(size=N)
    assert found("local_leaks", frame.assign(good=good)) == []
    when = inside(frame, 0.6, 0.8).to_numpy()
    good[when] = rng.permutation(good[when])
    told = found("local_leaks", frame.assign(good=good))
    assert [(f.kind, f.features) for f in told] == [("lost_link", ("good", "when"))]


def test_a_level_that_is_sure_of_the_outcome():
    frame, rng = world(n=4000)
    frame["y"] = (rng.random(4000) < 0.15).astype(int)
    reminded = np.where(frame["y"] & (rng.random(4000) < 0.4), rng.integers(1, 4, 4000), 0)
    told = found("sure_levels", frame.assign(reminders=reminded))
    assert [(f.features, f.severity) for f in told] == [(("reminders",), "medium")]
    assert told[0].estimate == 1.0
    steep = (rng.random(4000) < 1 / (1 + np.exp(-frame["a"] + 50))).astype(int)
    assert found("sure_levels", frame.assign(y=steep)) == []


# columns -------------------------------------------------------------------------------------------------------------


def test_constants_beside_training():
    frame, _ = world()
    train, _ = world(1)
    still = frame.assign(a=1.0, empty=np.nan)
    assert {f.features[0]: f.severity for f in found("constants", still)} == {"a": "medium", "empty": "medium"}
    assert {f.features[0]: f.severity for f in found("constants", still, train)} == {"a": "high", "empty": "medium"}
    assert [f.severity for f in found("constants", frame.assign(e=1), train.assign(e=1))] == ["low"]
    assert found("constants", frame) == []


def test_runs_along_time_by_hand():
    seconds = np.array([1.0, 2, 2, 3, 4, 5, np.nan])
    values = np.array([7, 7, 7, 7, 8, 7, 7], dtype=np.uint64)
    places, length, next_length, _, count, _, rows = longest_run(seconds, values)
    assert (sorted(places.tolist()), length, next_length, count, rows) == ([0, 1, 2, 3], 4, 1, 3, 6)
    values[2] = 9  # two values at time 2: only whole times count
    assert longest_run(seconds, values) is None


def test_a_column_that_freezes():
    frame, _ = world()
    assert found("frozen", frame) == []
    when = inside(frame, 0.4, 0.5)
    for name in ("a", "d", "c"):
        stuck = frame.copy()
        stuck.loc[when, name] = stuck[name].iloc[0]
        told = found("frozen", stuck)
        assert [(f.kind, f.features) for f in told] == [("frozen_column", (name,))], name
        assert abs(told[0].n - when.sum()) <= 8
    gone = found("frozen", frame.assign(a=frame["a"].where(~when)))
    assert [(f.kind, f.features) for f in gone] == [("gap", ("a",))]


def test_rain_and_snow_are_not_frozen():
    rng = np.random.default_rng(0)
    n = 3000
    winter = np.arange(n) > 2000
    snow = np.where(winter & (np.convolve(rng.normal(size=n), np.ones(30), "same") > 3), rng.integers(1, 9, n), 0)
    frame = pd.DataFrame({"snow": snow, "when": pd.date_range("2024", periods=n, freq="h"), "y": rng.integers(0, 2, n)})
    assert found("frozen", frame) == []


def test_a_default_in_one_level():
    frame, _ = world()
    told = found("frozen", frame.assign(a=np.where(frame["c"] == "r", 50.0, frame["a"])))
    assert [(f.features, f.where) for f in told] == [(("a", "c"), "\"c\" = 'r'")]
    zero = found("frozen", frame.assign(b=np.where(frame["c"] == "r", 0.0, frame["b"])))
    assert zero == []  # nothing of it there is honest


@pytest.mark.parametrize(("name", "factor"), [("a", 100), ("b", 100), ("b", 0.001), ("d", 10)])
def test_other_units_for_a_while(name, factor):
    frame, _ = world()
    when = inside(frame, 0.55, 0.7)
    told = found("units", frame.assign(**{name: frame[name] * np.where(when, factor, 1.0)}))
    assert [(f.features, f.severity) for f in told] == [((name,), "high")]
    assert told[0].estimate == pytest.approx(factor, rel=0.5)
    assert abs(told[0].n - when.sum()) <= 20


def test_other_units_in_a_level_and_since_training():
    frame, _ = world()
    train, _ = world(1)
    told = found("units", frame.assign(b=frame["b"] * np.where(frame["c"] == "q", 1000, 1)))
    assert [(f.where, f.kind) for f in told] == [("\"c\" = 'q'", "unit_change")]
    since = found("training", frame.assign(b=frame["b"] * 100), train)
    assert [(f.features, f.kind, f.severity) for f in since] == [(("b",), "unit_change", "high")]
    assert found("units", frame) == []


def test_small_counts_whose_median_jumps_by_one_are_no_change_of_units():
    """Poisson counts of about 1.7: medians of bins are 1 or 2, and none is told in 30 tables of 4,000 rows over 60 bins."""
    rng = np.random.default_rng(8)
    for _ in range(30):
        frame = pd.DataFrame(
            {"k": np.floor(np.exp(0.75 + 0.6 * rng.normal(size=4_000))), "y": rng.integers(0, 2, 4_000)}
        )
        frame["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, 4_000), unit="D")
        assert found("units", frame) == []
    late = frame["when"] >= "2025-03-01"
    told = found("units", frame.assign(k=frame["k"] * np.where(late, 100, 1)))
    assert [(f.kind, f.features) for f in told] == [("unit_change", ("k",))]


def test_heavy_tails_growth_and_wandering_are_no_change_of_units():
    told = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        t = np.linspace(0, 1, 900)
        frame = pd.DataFrame(
            {
                "heavy": np.exp(2.5 * rng.normal(size=900)),
                "growth": np.exp(4 * t + 0.3 * rng.normal(size=900)),
                "walk": np.cumsum(rng.normal(size=900)),
                "season": 10 * np.sin(12 * t) + rng.normal(size=900),
                "zeros": np.where(rng.random(900) < 0.8, 0, np.exp(rng.normal(size=900))),
                "when": pd.date_range("2024", periods=900, freq="h"),
                "y": rng.integers(0, 2, 900),
            }
        )
        told += bool(found("units", frame))
    assert told <= 1


def test_a_time_unlike_the_others():
    frame, rng = world()
    assert found("periods", frame) == []
    when = inside(frame, 0.3, 0.45)
    turned = found("periods", frame.assign(a=np.where(when, -frame["a"], frame["a"])))
    assert [(f.kind, f.features) for f in turned] == [("period_break", ("a",))]
    levels = found("periods", frame.assign(c=np.where(when & (rng.random(N) < 0.8), "new", frame["c"])))
    assert [f.features for f in levels] == [("c",)]
    unripe = found("periods", frame.assign(y=np.where(inside(frame, 0.85, 1), 0, frame["y"])))
    assert [f.features for f in unripe] == [("y",)]


# codes and texts -----------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
HONEST = {
    "normal": RNG.normal(size=N),
    "lognormal": np.exp(2 * RNG.normal(size=N)),
    "pareto": RNG.pareto(1.2, N),
    "counts": RNG.poisson(1, N),
    "zero inflated": np.where(RNG.random(N) < 0.6, 0, np.exp(RNG.normal(size=N))),
    "zero or about 50": np.where(RNG.random(N) < 0.3, 0, RNG.normal(50, 10, N)),
    "heaped": np.where(RNG.random(N) < 0.4, np.round(RNG.normal(40, 12, N), -1), np.round(RNG.normal(40, 12, N))),
    "tens": np.round(RNG.normal(300, 100, N), -1),
    "signs": RNG.integers(-1, 2, N),
    "grades": RNG.integers(0, 10, N),
    "differences": np.round(RNG.normal(0, 3, N)),
    "prices": RNG.choice([9.99, 19.99, 49.99, 99.99, 49, 99, 199], N),
    "ages": np.clip(np.round(18 + RNG.gamma(2.6, 9, N)), 18, 90),
}


@pytest.mark.parametrize("kind", HONEST)
def test_honest_numbers_are_no_codes(kind):
    assert spikes(HONEST[kind].astype(float)) == []


@pytest.mark.parametrize("code", [-999, 999, 9999])
@pytest.mark.parametrize("kind", ["normal", "lognormal", "counts", "zero inflated", "heaped", "tens", "grades", "ages"])
def test_codes_among_honest_numbers(kind, code):
    values = np.where(np.arange(N) % 25 == 0, float(code), HONEST[kind])
    assert [s.value for s in spikes(values)] == [code]


def test_several_codes_caps_and_defaults():
    values = HONEST["ages"].astype(float)
    values[::30], values[::31] = -9, -99
    assert {s.value for s in spikes(values)} == {-9, -99}
    cap = spikes(np.minimum(np.exp(HONEST["normal"]), 4.0))
    assert [(s.value, s.how) for s in cap] == [(4.0, "edge")]
    filled = spikes(np.where(np.arange(N) % 10 == 0, 0.25, HONEST["normal"]))
    assert [(s.value, s.how) for s in filled] == [(0.25, "inside")]
    assert [(s.value, s.how) for s in spikes(np.where(np.arange(N) % 50 == 0, 0.0, 80 + 5 * HONEST["normal"]))] == [
        (0.0, "zero")
    ]


def test_codes_in_times():
    frame, _ = world()
    when = frame["when"].where(np.arange(N) % 20 > 0, pd.Timestamp("1900-01-01"))
    told = found("codes", frame.assign(born=when))
    assert told[0].where == "\"born\" = TIMESTAMP '1900-01-01 00:00:00'"


def test_texts():
    frame, rng = world()
    numbers = pd.Series(rng.integers(0, 40, N).astype(str)).where(np.arange(N) % 40 > 0, "n/k")
    told = found("texts", frame.assign(size=numbers))
    assert [(f.kind, f.where) for f in told] == [("mixed_types", "\"size\" IN ('n/k')")]
    twice = found("texts", frame.assign(c=frame["c"].where(np.arange(N) % 10 > 0, " P")))
    assert [f.kind for f in twice] == ["written_twice"]
    absent = found("texts", frame.assign(c=frame["c"].where(np.arange(N) % 10 > 0, "?")))
    assert [(f.kind, f.severity) for f in absent] == [("missing_as_text", "low")]
    assert found("texts", frame) == []


def test_identifiers_that_are_read():
    frame, _ = world()
    named = frame.assign(customer_id=np.arange(N) + 10_000)
    assert [f.features for f in found("identifiers", named, reads=("a", "customer_id"))] == [("customer_id",)]
    assert found("identifiers", named, reads=("a",)) == []


# training, labels, scores --------------------------------------------------------------------------------------------


def test_beyond_the_training_range_by_hand():
    # of 2 new and 2 old values, both new ones lie above both old ones in 1 of 6 orders; at least one does in 3 of 6
    assert _beyond(2, 2, 2) == pytest.approx(1 / 6)
    assert _beyond(1, 2, 2) == pytest.approx(1 / 2)


def test_values_and_levels_not_seen_in_training():
    frame, rng = world()
    train, _ = world(1, n=3000)
    assert found("training", frame, train) == []
    told = found("training", frame.assign(a=np.where(np.arange(N) % 20 == 0, 150.0, frame["a"])), train)
    assert [(f.kind, f.features) for f in told] == [("outside_training", ("a",))]
    assert (75 <= told[0].n <= 78, told[0].severity) == (True, "medium")
    assert found("training", frame.assign(a=-frame["a"]), train)[0].severity == "high"
    told = found("training", frame.assign(c=frame["c"].where(rng.random(N) > 0.1, "solar")), train)
    assert [(f.kind, f.severity, f.where) for f in told] == [("new_levels", "high", "\"c\" IN ('solar')")]
    seen = train.assign(c=train["c"].where(np.arange(3000) >= 4, "solar"))
    told = found("training", frame.assign(c=frame["c"].where(rng.random(N) > 0.1, "solar")), seen)
    assert [(f.kind, f.severity, f.where) for f in told] == [("scarce_in_training", "medium", "\"c\" = 'solar'")]
    assert "on 4 of 3,000 training rows" in told[0].sentence
    told = found("training", frame.assign(d=frame["d"].where(rng.random(N) > 0.2)), train)
    assert [(f.kind, f.features) for f in told] == [("gap", ("d",))]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_outcomes_beside_training(task):
    frame, _ = world(task=task)
    train, _ = world(1, task=task)
    assert found("shares", frame, train) == []
    if task == "binary":
        less = frame[(frame["y"] == 1) | (np.arange(N) % 2 == 0)]
    else:
        less = frame.assign(y=frame["y"] + 1)
    assert [(f.kind, f.severity) for f in found("shares", less, train)] == [("outcome_shift", "high")]


def test_a_few_rows_of_a_class_that_training_hardly_holds_cannot_be_compared():
    """Without the classes of fewer than 10 rows there is no row left here."""
    x = np.arange(620.0)
    train = pd.DataFrame({"x": x, "y": ["a", "b"] * 310})
    frame = pd.DataFrame({"x": x[:28], "y": [*"ab"] * 10 + ["c"] * 8})
    data = of_frame(frame, "y", train=train)
    with pytest.raises(NotApplicable, match="hardly more than one class"):
        CHECKS["shares"][1](data.cut(np.flatnonzero(data.y == 2)))


def test_missing_outcomes_that_depend_on_a_column():
    frame, rng = world(n=3000)
    frame["y"] = frame["y"].astype(float)
    plain = frame.assign(y=frame["y"].where(rng.random(3000) > 0.2))
    assert found("missing_outcomes", plain) == []
    told = found("missing_outcomes", frame.assign(y=frame["y"].where((frame["c"] != "r") | (rng.random(3000) > 0.5))))
    assert told[0].where == "\"c\" = 'r'"
    assert told[0].estimate == pytest.approx(0.5, abs=0.07)
    with pytest.raises(NotApplicable, match="no row was left out"):
        found("missing_outcomes", frame)


def test_rare_classes_and_levels():
    frame, rng = world()
    assert found("classes", frame) == []
    rare = frame.assign(y=np.where(np.arange(N) < 12, "yes", "no"))
    assert [(f.n, f.severity) for f in found("classes", rare)] == [(12, "medium")]
    assert found("levels", frame) == []
    frame["branch"] = rng.choice(["n", "s", "w"], N)
    frame.loc[:9, "branch"] = "e"
    told = found("levels", frame)
    assert [(f.kind, f.n, f.where) for f in told] == [("rare_level", 10, "\"branch\" = 'e'")]
    spread = frame.assign(branch=rng.choice([f"r{i}" for i in range(45)], N, p=np.arange(1, 46) / 1035))
    assert {f.kind for f in found("levels", spread)} <= {"few_rows"}


def test_scores():
    frame, rng = world()
    p = np.clip(rng.beta(2, 2, N), 0.01, 0.99)
    y = frame["y"].to_numpy()
    honest = {"predicted": (p > 0.5).astype(int), "score": p, "probability": True}
    assert found("scores", frame, **honest) == []
    sure = np.where(np.arange(N) % 5 == 0, (p > 0.5).astype(float), p)
    told = found("scores", frame, **honest | {"score": sure})
    assert (told[0].kind, told[0].n) == ("saturated_scores", 300)
    assert told[0].estimate == pytest.approx(np.mean(((p > 0.5) != y)[::5]))
    one = found("scores", frame, **honest | {"score": np.full(N, 0.3)})
    assert [(f.kind, f.severity) for f in one] == [("one_answer", "high")]
    default = found("scores", frame, **honest | {"score": np.where(np.arange(N) % 4 == 0, 0.5, p)})
    assert [(f.kind, f.n) for f in default] == [("one_answer", 375)]
