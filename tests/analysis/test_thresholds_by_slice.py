import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.costs import given_costs, read_costs
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure, marks
from modelglass.analysis.thresholds_by_slice import measure, thresholds_by_slice


def rows(rng, n, shift=0.0):
    """Scores that are probabilities; in slice 1 they are pushed up by ``shift`` on the logit scale without any reason."""
    code = rng.integers(0, 2, n)
    logit = rng.normal(size=n) * 1.3
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    return y, 1 / (1 + np.exp(-(logit + shift * code))), code


def compared(y, p, code, said="fp=1, fn=1", **options):
    costs = given_costs(read_costs(said), read_costs(said), y)
    return measure(y, p, code, costs, labels=["a", "b"], by="part", **options)


def test_own_thresholds_save_what_one_for_all_loses():
    y, p, code = rows(np.random.default_rng(0), 4000, shift=2.0)
    found = compared(y, p, code)
    gain = found.pick("all rows", "difference", "mean_cost")
    assert gain.high < 0
    assert gain.estimate == pytest.approx(
        found.pick("all rows", "own", "mean_cost").estimate - found.pick("all rows", "common", "mean_cost").estimate
    )
    a, b = (found.pick(g, "own", "mean_cost").threshold for g in "ab")
    assert a == pytest.approx(0.5, abs=0.1)
    assert b == pytest.approx(1 / (1 + np.exp(-2)), abs=0.1)
    gap = found.gaps.set_index(["rule", "metric"])
    assert gap.loc[("own", "selection_rate")].estimate < gap.loc[("common", "selection_rate")].estimate - 0.1
    assert gap.loc[("common", "selection_rate")].highest == "b"
    assert "saves" in found.sentence()
    assert found.frame().set_index(["group", "rule", "metric"]).index.is_unique


def test_rates_are_those_of_the_decisions():
    """Where every half picks the same thresholds, cross-fitted rates are the plain ones."""
    p = np.repeat([0.2, 0.4, 0.6, 0.8], 200)
    y = np.concatenate(
        [np.arange(200) % 10 == 0, np.arange(200) % 10 < 3, np.arange(200) % 10 < 7, np.arange(200) % 10 < 9]
    )
    code = np.tile([0, 1], 400)
    found = compared(y.astype(int), p, code)
    for g, label in enumerate("ab"):
        among = code == g
        said = p[among] >= 0.5
        assert found.pick(label, "common", "selection_rate").estimate == pytest.approx(said.mean())
        assert found.pick(label, "common", "recall").estimate == pytest.approx(said[y[among]].mean())
        assert found.pick(label, "common", "fpr").estimate == pytest.approx(said[~y[among]].mean())
        assert found.pick(label, "common", "recall").n == y[among].sum()


@pytest.mark.parametrize("kind", ["rows", "clusters"])
def test_no_gain_appears_where_there_is_none(kind):
    """Simulation: slices that are alike. The interval of the gain holds 0 or says that own thresholds cost more: where chance says
    otherwise in 1 of 10, more than 1 of 60 do so in 99 of 100 such tests (exact binomial)."""
    rng, claimed, around = np.random.default_rng(3), [], []
    for seed in range(60):
        y, p, code = rows(rng, 300)
        cluster = None
        if kind == "clusters":
            y, p, code, cluster = (np.repeat(v, 2) for v in (y, p, code, np.arange(300)))
        found = compared(y, p, code, "fp=1, fn=3", cluster=cluster, seed=seed)
        gain = found.pick("all rows", "difference", "mean_cost")
        claimed.append(gain.high < 0)
        around.append(gain.estimate)
    assert np.mean(claimed) <= 0.025
    assert np.mean(around) > -0.002


def evaluation(**options):
    y, p, code = rows(np.random.default_rng(1), 900, shift=1.0)
    frame = pd.DataFrame(
        {"part": np.array(["a", "<b>"])[code], "amount": np.arange(900) % 7 + 1.0, "g": np.arange(900) % 90}
    )
    frame["w"] = frame.amount
    frame["name"] = [f"row {i}" for i in range(900)]
    return Evaluation.from_predictions(np.where(y == 1, "yes", "no"), score=p, positive="yes", frame=frame, **options)


@pytest.mark.parametrize("options", [{}, {"weight": "w"}, {"cluster": "g"}])
def test_door_sentence_and_figure(options):
    found = thresholds_by_slice(evaluation(**options), by="part", costs="fp=2, fn=amount")
    assert "nan" not in found.sentence()
    assert "true positive rate differs by" in found.sentence()
    assert found.settings["costs"]["fn"] == "amount"
    drawn = figure(found)
    own = next(t for t in drawn.data if t.name == "one for each slice")
    costs = found.table[(found.table.rule == "own") & (found.table.metric == "mean_cost")]
    np.testing.assert_array_equal(own.x, costs.estimate)
    assert "<b>" not in str(marks.without_conditions(drawn.to_dict())).replace("<br>", "")


def test_small_slices_keep_the_common_threshold():
    rng = np.random.default_rng(0)
    y, p, code = rows(rng, 400)
    code = np.where(np.arange(400) < 15, 1, 0)
    found = compared(y, p, code)
    assert found.slices.own.tolist() == [True, False]
    assert found.pick("b", "difference", "mean_cost").estimate == pytest.approx(0.0)
    assert "Too few rows of a class" in found.sentence()


def test_cannot_say_or_refuses():
    ev = evaluation()
    with pytest.raises(NotApplicable, match="no column is chosen"):
        thresholds_by_slice(ev)
    with pytest.raises(NotApplicable, match="only one level"):
        thresholds_by_slice(ev.where("part = 'a'"), by="part")
    with pytest.raises(InputError, match="prat"):
        thresholds_by_slice(ev, by="prat")

    def stop(share, what):
        raise Stopped("now")

    with pytest.raises(Stopped):
        thresholds_by_slice(ev, by="part", progress=stop)
