"""Why here: the loss, what goes with it on its own scale, and the words for it; on every task, weight, cluster and small cohort."""

import inspect
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import special
from sklearn.linear_model import LinearRegression, LogisticRegression

import modelglass as mg
from modelglass.analysis import performance
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.registry import fitting, get, run
from modelglass.analysis.result import result_json
from modelglass.analysis.sides import sides_of
from modelglass.analysis.why_here import EXCESS, SPREAD, why_here

NAMES = ["why_here", "contrast", "column_differences", "remedies"]


def hard_and_easy(n=2_000, seed=0, scale=1.0, **more):
    """Rows of kind "hard" are noise, and the cohort (g = in) has more of them; the column pay may come in another unit there."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"pay": rng.gamma(4, 10, n), "a": rng.normal(size=n), "g": rng.choice(["in", "out"], n, p=[0.3, 0.7])}
    )
    frame["kind"] = np.where(rng.random(n) < np.where(frame.g == "in", 0.7, 0.2), "hard", "easy")
    z = (2.5 * frame.a + 0.08 * (frame.pay - 40)) * (frame.kind == "easy")
    frame["y"] = np.where(rng.random(n) < special.expit(z), "yes", "no")
    frame["w"], frame["c"] = rng.random(n) + 0.5, np.arange(n) // 4
    model = LogisticRegression(C=100).fit(np.c_[frame.a, frame.pay], frame.y)
    model.feature_names_in_ = np.array(["a", "pay"], dtype=object)
    frame.loc[frame.g == "in", "pay"] *= scale
    return Evaluation(model, frame, target="y", positive="yes", **more)


def test_a_higher_loss_goes_with_how_a_column_is_spread():
    ev = hard_and_easy()
    found = why_here(ev.where("g = 'in'"))
    first, second = found.frame().iloc[0], found.frame().iloc[1]
    losses = [performance(ev.where(f"g = '{g}'"), metrics=["log_loss"]).frame().estimate[0] for g in ("in", "out")]
    assert first.kind == EXCESS
    assert first.estimate == pytest.approx(losses[0] - losses[1])
    assert (second.kind, second.column) == (SPREAD, "kind")
    by_kind = {
        k: performance(ev.where(f"g = 'out' AND kind = '{k}'"), metrics=["log_loss"]).frame().estimate[0]
        for k in ("hard", "easy")
    }
    share = (ev.where("g = 'in'").frame.kind == "hard").mean()
    assert second.estimate == pytest.approx(share * by_kind["hard"] + (1 - share) * by_kind["easy"] - losses[1])
    assert second.share == pytest.approx(second.estimate / first.estimate)
    assert second.share > 0.6
    text = found.sentence()
    assert "What goes with it most: how kind is spread here (hard" in text
    assert "because" not in text
    assert "cause" not in text
    assert "% of the difference" in text


def test_the_strongest_explanation_leads():
    found = why_here(hard_and_easy(scale=100.0).where("g = 'in'"))
    assert found.sure.iloc[0]["kind"] == "repair column"
    assert found.sure.iloc[0]["column"] == "pay"
    assert "What goes with it most: looking into pay" in found.sentence()
    assert found.beside == ("own threshold",) or found.beside == ()
    kinds = set(found.frame()["kind"])
    assert {EXCESS, SPREAD, "recalibrate", "check labels", "repair column"} <= kinds
    assert "own threshold" not in kinds  # on another scale


def test_a_lower_loss_is_explained_the_other_way_round():
    found = why_here(hard_and_easy().where("g = 'out'"))
    assert found.frame().iloc[0].estimate < 0
    second = found.frame().iloc[1]
    assert (second.column, second.sure) == ("kind", True)
    assert second.estimate < 0
    assert second.share > 0
    assert "lower on these" in found.sentence()
    assert found.sentence().count("lower") >= 2


def test_where_nothing_differs_nothing_is_said():
    sure = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        ev = hard_and_easy(900, seed)
        cohort = ev.take(np.sort(rng.choice(900, 300, replace=False)))
        sure += len(why_here(cohort).sure) > 0
    assert sure <= 3
    assert "is not surely other on these 300 rows" in why_here(cohort).sentence()


def test_a_cohort_chosen_by_error_is_only_described():
    found = why_here(hard_and_easy().where("_error = 1"))
    assert found.by_choice
    assert found.frame()["kind"].tolist() == [EXCESS]
    assert found.sentence().startswith("The condition of these")
    assert "The column that differs most is kind" in found.sentence()


def test_another_cohort_and_other_data():
    ev = hard_and_easy(train=hard_and_easy(seed=1).frame)
    cohort = ev.where("g = 'in'")
    assert "than in the other cohort" in why_here(cohort, "kind = 'easy'").sentence()
    assert "than in the other data" in why_here(cohort, ev.on("train")).sentence()
    part = sides_of(cohort, "kind = 'easy'")
    assert part.shared == (cohort.frame.kind == "easy").sum()
    assert part.by_condition == ("g", "kind")


def all_pairs():
    """Every kind of model with every option, every condition with every kind and with every option: half of all that could be joined."""
    rng = np.random.default_rng(0)
    n = 700
    frame = pd.DataFrame(
        {
            "<b>a</b>": rng.normal(size=n),
            "b": rng.integers(0, 4, n),
            "town": rng.choice(["Rome", "<i>Oslo</i>"], n),
            "gone": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "w": rng.random(n) + 0.1,
            "c": np.arange(n) % 70,
            "zero": np.where(np.arange(n) < 5, 0.0, 1.0),
        }
    )
    a = frame["<b>a</b>"]
    several = rng.dirichlet([1, 1, 1], n)
    inputs = frame[["<b>a</b>", "b"]]
    binary = np.where(rng.random(n) < special.expit(a), "yes", "no")
    for i, options in enumerate(({}, {"weight": "w"}, {"cluster": "c"}, {"weight": "zero"})):
        kinds = (
            Evaluation(LogisticRegression().fit(inputs, binary), frame.assign(y=binary), target="y", **options),
            Evaluation(
                LinearRegression().fit(inputs, a), frame.assign(y=a + rng.normal(size=n)), target="y", **options
            ),
            Evaluation.from_predictions(
                np.array(list("pqr"))[rng.integers(0, 3, n)],
                score={c: several[:, i] for i, c in enumerate("pqr")},
                frame=frame,
                **options,
            ),
            Evaluation.from_predictions(binary, prediction=rng.permutation(binary), frame=frame, **options),
        )
        yield from (
            whole.where(condition)
            for k, whole in enumerate(kinds)
            for j, condition in enumerate(CONDITIONS)
            if (i + j + k) % 2 == 0
        )


CONDITIONS = ["town = 'Rome'", "b = 3", "_row = 600", "_row < 3", "_error > 0", "gone IS NULL"]


@pytest.fixture(scope="module")
def cohorts():
    """Made once: a cohort keeps what the analyses that why_here asks have said of it."""
    return list(all_pairs())


@pytest.mark.parametrize("name", NAMES)
def test_a_result_or_a_reason_on_every_cohort(name, cohorts):
    given = 0
    for cohort in cohorts:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            outcome = run(cohort, get(name))
        if outcome.result is None:
            assert outcome.reason
            assert not outcome.reason.endswith("..")
            continue
        given += 1
        result, said = outcome.result, outcome.result.sentence()
        assert " nan" not in said, said
        assert "  " not in said, said
        picture = mg.figure(result).to_json()
        assert "<i>Oslo" not in picture
        assert "<b>a</b>" not in picture
        assert json.dumps(result_json(name, result), allow_nan=False)
    assert given >= 30


@pytest.mark.parametrize("name", [*NAMES, "shapley_difference"])
def test_records(name):
    record = get(name)
    assert record.page == "why"
    assert record.needs_cohort
    parameters = inspect.signature(record.function()).parameters
    for setting in record.settings:
        assert parameters[setting.name].default == setting.default
    assert name in {a.name for a in fitting("regression", "why")}


def test_order_of_rows_does_not_matter():
    ev = hard_and_easy(900, scale=10.0)
    mixed = ev.frame.sample(frac=1, random_state=1).reset_index(drop=True)
    other = Evaluation(ev.estimator, mixed, target="y", positive="yes")
    one, two = (why_here(e.where("g = 'in'")).frame() for e in (ev, other))
    pd.testing.assert_frame_equal(one, two, rtol=1e-8, atol=1e-10)


def test_progress_and_refusals():
    ev = hard_and_easy(900)
    told = []
    why_here(ev.where("g = 'in'"), progress=lambda share, what: told.append(share))
    assert told == sorted(told)

    def stop(share, what):
        raise Stopped("stop")

    with pytest.raises(Stopped):
        why_here(ev.where("g = 'out'"), progress=stop)
    with pytest.raises(NotApplicable, match="no cohort is set"):
        why_here(ev)
    with pytest.raises(InputError, match="gg"):
        why_here(ev.where("g = 'in'"), "gg = 1")
    assert "no cohort is set" in str(run(ev, get("why_here")).reason)
