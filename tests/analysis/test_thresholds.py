import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from modelglass.analysis.cheapest import cheapest, cost_of, crossfitted, not_clearly_worse, threshold_of
from modelglass.analysis.costs import costing, given_costs, read_costs
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.performance import performance
from modelglass.analysis.ranking import one_group, ranked
from modelglass.analysis.thresholds import measure, thresholds

SHOWN = ["precision", "recall", "f1", "accuracy", "balanced_accuracy", "fpr", "selection_rate"]


def rows(n=300, seed=0, digits=2):
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(size=n) * 1.5))
    return (rng.random(n) < p).astype(int), np.round(p, digits), rng.random(n) + 0.1


def evaluation(n=300, **options):
    y, p, w = rows(n)
    frame = pd.DataFrame({"w": w, "g": np.arange(n) % 50, "one": y})
    return Evaluation.from_predictions(
        np.where(y == 1, "<i>yes", "no"), score=p, positive="<i>yes", frame=frame, **options
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn_at_every_threshold(weighted):
    y, p, w = rows()
    weight = w if weighted else None
    table = measure(y, p, weight).frame().pivot(index="threshold", columns="metric", values="estimate")
    assert len(table) == len(np.unique(p))
    for t, found in table.iterrows():
        said = (p >= t).astype(int)
        keyword = {"sample_weight": weight}
        assert found.precision == pytest.approx(sk.precision_score(y, said, **keyword), abs=1e-12)
        assert found.recall == pytest.approx(sk.recall_score(y, said, **keyword), abs=1e-12)
        assert found.f1 == pytest.approx(sk.f1_score(y, said, **keyword), abs=1e-12)
        assert found.accuracy == pytest.approx(sk.accuracy_score(y, said, **keyword), abs=1e-12)
        assert found.balanced_accuracy == pytest.approx(sk.balanced_accuracy_score(y, said, **keyword), abs=1e-12)
        assert found.fpr == pytest.approx(sk.recall_score(1 - y, said, **keyword), abs=1e-12)
        assert found.selection_rate == pytest.approx(np.average(said, weights=weight), abs=1e-12)


@pytest.mark.parametrize("options", [{}, {"weight": "w"}, {"cluster": "g"}, {"weight": "w", "cluster": "g"}])
def test_one_number_one_interval_on_all_pages(options):
    for cut in (0.2, 0.5, 0.81):
        ev = evaluation(threshold=cut, **options)
        known = performance(ev, metrics=SHOWN).frame().set_index("metric")
        found = thresholds(ev)
        for rows_ in (found.operating, found.frame()[found.frame().threshold == cut]):
            at = rows_.set_index("metric").loc[SHOWN, ["estimate", "low", "high"]]
            np.testing.assert_allclose(
                at.astype(float), known.loc[SHOWN, ["estimate", "low", "high"]].astype(float), atol=1e-12
            )
        assert found.operating.n.tolist() == known.loc[SHOWN].support.tolist()


@pytest.mark.parametrize("weighted", [False, True])
def test_any_threshold_at_once(weighted):
    y, p, w = rows(5000, digits=9)
    found = measure(y, p, w if weighted else None, costs="fp=1,fn=3")
    assert found.table.threshold.nunique() <= 200
    for t in (0.123456, 0.77, -1.0, 2.0):
        direct = measure(y, p, w if weighted else None, threshold=t, costs="fp=1,fn=3").operating
        at = found.at(t).set_index("metric").loc[direct.metric]
        np.testing.assert_allclose(at.estimate, direct.estimate, atol=1e-12)
        np.testing.assert_allclose(at[["low", "high"]].iloc[:-1], direct[["low", "high"]].iloc[:-1], atol=1e-12)
        np.testing.assert_allclose(at[["low", "high"]].iloc[-1], direct[["low", "high"]].iloc[-1], rtol=3e-3)
        said = p >= t
        assert found.counts(t) == {
            "tp": int((said & (y == 1)).sum()),
            "fp": int((said & (y == 0)).sum()),
            "fn": int((~said & (y == 1)).sum()),
            "tn": int((~said & (y == 0)).sum()),
        }


@pytest.mark.parametrize("weighted", [False, True])
def test_the_cheapest_threshold_is_the_cheapest(weighted):
    y, p, w = rows(80)
    w = w if weighted else None
    cost = read_costs({"fp": 1, "fn": 4, "tp": -0.5})
    found = measure(y, p, w, costs=cost).optimum.iloc[0]

    def mean(t):
        said = p >= t
        each = np.where(y == 1, np.where(said, -0.5, 4.0), np.where(said, 1.0, 0.0))
        return np.average(each, weights=w)

    least = min(mean(t) for t in [*np.unique(p), 2.0])
    assert mean(found.threshold) == pytest.approx(least, abs=1e-12)
    assert found.on_these_rows == pytest.approx(least, abs=1e-12)
    assert found.from_threshold <= found.threshold <= found.to_threshold
    assert found.n == 80


def test_thresholds_between_scores():
    ranking = ranked([0, 1, 1], [0.1, 0.5, 0.9])
    for place, said in ((0, 0), (1, 1), (2, 2), (3, 3)):
        assert (ranking.threshold >= threshold_of(ranking.threshold, place)).sum() == said
    near = ranked([0, 1], [0.5, np.nextafter(0.5, 1)])
    assert (near.threshold >= threshold_of(near.threshold, 1)).sum() == 1
    flat = ranked([0, 1], [0.5, 0.5])
    assert (flat.threshold >= threshold_of(flat.threshold, 0)).sum() == 0


def test_cheapest_takes_the_middle_of_equals():
    assert cheapest(np.array([3.0, 1.0, 1.0, 1.0, 2.0])) == 2


def population(rng, n):
    z = rng.normal(size=n) - 1.0
    p = 1 / (1 + np.exp(-1.2 * z))
    return (rng.random(n) < p).astype(int), p


def test_the_cost_of_a_chosen_threshold_holds_its_level_and_the_same_rows_flatter():
    """Simulation of the coverage of C(chosen threshold), and of the set of thresholds that are not clearly worse."""
    said = read_costs("fp=1, fn=5")
    y, p = population(np.random.default_rng(1), 300_000)
    truth = ranked(y, p)
    total = costing(truth, one_group(y, None, p).rows, given_costs(said, said, y)).total() / len(y)
    best = threshold_of(truth.threshold, cheapest(total))
    rng, honest, flattering, held = np.random.default_rng(2), [], [], []
    for seed in range(160):
        y, p = population(rng, 200)
        everyone, ranking, cost = one_group(y, None, p), ranked(y, p), given_costs(said, said, y)
        along = costing(ranking, everyone.rows, cost)
        chosen = threshold_of(ranking.threshold, cheapest(along.total()))
        real = total[truth.place([chosen])[0]]
        _, low, high = crossfitted(everyone.rows, cost, 0.95, seed)
        honest.append(low <= real <= high)
        flattering.append(cost_of(everyone, cost.of(p >= chosen), 0.95)[0] < real)
        if seed < 40:
            place = np.arange(0, len(ranking.threshold) + 1)
            stays = place[not_clearly_worse(along, place, 0.95, seed)]
            held.append(stays.min() <= ranking.place([best])[0] <= stays.max())
    assert 0.91 <= np.mean(honest) <= 0.995
    assert np.mean(flattering) > 0.8
    assert np.mean(held) >= 0.9


def test_clusters_that_repeat_rows_change_nothing_but_honesty():
    y, p, _ = rows(200)
    cost = read_costs("fp=1,fn=4")
    single = measure(y, p, costs=cost, cluster=np.arange(200))
    repeated = measure(np.repeat(y, 3), np.repeat(p, 3), costs=cost, cluster=np.repeat(np.arange(200), 3))
    one, three = (found.table[["estimate", "low", "high"]].to_numpy() for found in (single, repeated))
    known = np.isfinite(one) & np.isfinite(
        three
    )  # where rows are very few their number decides whether there is an interval
    assert known.mean() > 0.97
    np.testing.assert_allclose(one[known], three[known], atol=1e-9)
    a, b = single.optimum.iloc[0], repeated.optimum.iloc[0]
    assert a[["threshold", "on_these_rows"]].tolist() == pytest.approx(b[["threshold", "on_these_rows"]].tolist())
    assert (b.high - b.low) == pytest.approx(a.high - a.low, rel=0.15)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_order_is_irrelevant_and_weights_mean_rows(seed):
    y, p, w = rows(60, seed, digits=1)
    order = np.random.default_rng(seed).permutation(60)
    base, other = measure(y, p, w, costs="fp=1,fn=2"), measure(y[order], p[order], w[order], costs="fp=1,fn=2")
    pd.testing.assert_frame_equal(base.table, other.table, rtol=1e-9, atol=1e-12)
    pd.testing.assert_frame_equal(base.optimum, other.optimum, rtol=1e-9, atol=1e-12)
    plain, ones = measure(y, p).table, measure(y, p, np.ones(60)).table
    pd.testing.assert_frame_equal(
        plain[["threshold", "metric", "estimate", "n"]], ones[["threshold", "metric", "estimate", "n"]]
    )
    double, twice = measure(y, p, np.full(60, 2.0)), measure(np.tile(y, 2), np.tile(p, 2))
    np.testing.assert_allclose(double.table.estimate, twice.table.estimate, atol=1e-12)


def test_what_decides_now():
    y, p, _ = rows()
    own = measure(y, p, predicted=p >= 0.5)
    assert own.operating.threshold.unique().tolist() == [0.5]
    assert np.isnan(measure(y, p, predicted=np.arange(300) % 2).operating.threshold[0])
    assert "the model decides" in measure(y, p, predicted=np.arange(300) % 2).sentence()


def test_sentences():
    said = thresholds(evaluation(threshold=0.4), costs="fp=1, fn=5").sentence()
    assert said.startswith("As used now (threshold 0.4), over 300 rows: precision ")
    assert "With costs fp = 1, fn = 5 a row costs" in said
    assert "judged on rows that did not pick it" in said
    assert "costs" not in thresholds(evaluation()).sentence()


@pytest.mark.parametrize("y", [[1], [0, 0, 0], [1, 1]])
def test_one_row_and_one_class(y):
    found = measure(y, np.linspace(0.2, 0.8, len(y)), costs="fp=1,fn=5")
    assert "nan" not in found.sentence()
    assert f"over {len(y)} row" in found.sentence()
    figure(found)


def test_costs_are_read_or_refused():
    assert read_costs("fp: 2; fn=1e1") == {"tp": 0.0, "fp": 2.0, "fn": 10.0, "tn": 0.0}
    assert read_costs("") is None
    for bad, said in (
        ("fp", "Got 'fp'"),
        ("fp=1, fn=1, fp=2", "two costs of 'fp'"),
        ({"fn": None}, "Got None"),
        ({"fq": 1}, "a cost of 'fq'"),
        ({"fp": np.inf}, "not finite"),
        ({"tp": 1, "fn": 1}, "every threshold costs the same"),
    ):
        with pytest.raises(InputError, match=said):
            read_costs(bad)


def test_cannot_say():
    with pytest.raises(NotApplicable, match="a number and not a class"):
        thresholds(Evaluation.from_predictions([1.5, 2.5, 3.5], prediction=[1.0, 2.0, 3.0]))
    with pytest.raises(NotApplicable, match="no scores"):
        thresholds(Evaluation.from_predictions([0, 1, 1], prediction=[0, 1, 0]))
    with pytest.raises(InputError, match="two thresholds or more"):
        thresholds(evaluation(), n_points=1)


def test_figure_shows_the_frame():
    found = thresholds(evaluation(), costs="fp=1,fn=5")
    drawn = figure(found)
    for name, metric in (("precision", "precision"), ("F1", "f1"), ("mean cost", "mean_cost")):
        line = next(t for t in drawn.data if t.name == name)
        rows_ = found.frame()[found.frame().metric == metric]
        np.testing.assert_array_equal(line.x, rows_.threshold)
        np.testing.assert_array_equal(line.y, rows_.estimate)
    best = next(t for t in drawn.data if t.name == "cheapest")
    assert (best.x[0], best.y[0]) == (found.optimum.threshold[0], found.optimum.estimate[0])
    assert "<i>" not in drawn.layout.title.text


# amounts and limits ------------------------------------------------------------------------------------------------


def paid(n=300, **options):
    ev = evaluation(n)
    frame = ev.frame.assign(amount=np.arange(n) % 9 + 0.5, gap=np.where(np.arange(n) == 3, np.nan, 1.0))
    y, p, _ = rows(n)
    return Evaluation.from_predictions(np.where(y == 1, "yes", "no"), score=p, positive="yes", frame=frame, **options)


@pytest.mark.parametrize("weighted", [False, True])
def test_amounts_by_hand_and_like_numbers(weighted):
    y, p, w = rows(120)
    w = w if weighted else None
    amount = np.arange(120) % 9 + 0.5
    found = measure(y, p, w, costs={"fp": 2.0, "fn": amount, "tp": -0.2 * amount})
    shown = found.table[found.table.metric == "mean_cost"].set_index("threshold").estimate
    for t in (0.2, 0.5, 0.81):
        t = shown.index[np.abs(shown.index - t).argmin()]
        said = p >= t
        each = np.where(y == 1, np.where(said, -0.2 * amount, amount), np.where(said, 2.0, 0.0))
        assert shown[t] == pytest.approx(np.average(each, weights=w), abs=1e-12)
        at = found.at(t)
        assert at[at.metric == "mean_cost"].estimate.iloc[0] == pytest.approx(shown[t], abs=1e-12)
    same = measure(y, p, w, costs={"fp": np.full(120, 1.0), "fn": np.full(120, 4.0)})
    plain = measure(y, p, w, costs={"fp": 1, "fn": 4})
    pd.testing.assert_frame_equal(same.table, plain.table)
    pd.testing.assert_frame_equal(same.optimum, plain.optimum)


@pytest.mark.parametrize("options", [{}, {"cluster": "g"}, {"weight": "w"}, {"weight": "w", "cluster": "g"}])
def test_the_interval_of_a_cost_is_that_of_a_mean(options):
    """Along the ranking in one pass, and row by row: the same interval (weights: Kish's n, so nearly; of clusters their number)."""
    found = thresholds(paid(threshold=0.5, **options), costs="fp=1, fn=0.4*amount")
    now = found.operating.set_index("metric").loc["mean_cost"]
    at = found.at(0.5).set_index("metric").loc["mean_cost"]
    assert at.estimate == pytest.approx(now.estimate, abs=1e-12)
    assert (at.high - at.low) == pytest.approx(now.high - now.low, rel=0.06)
    assert "fn = 0.4*amount" in found.sentence()


def test_amounts_that_cannot_be_used():
    for costs, said in (("fn=amuont", "amuont"), ("fn=gap", "1 row of 300"), ("fn=word", "is categorical")):
        ev = paid()
        ev.frame["word"] = "a"
        if costs == "fn=word":
            y, p, _ = rows()
            ev = Evaluation.from_predictions(y, score=p, frame=pd.DataFrame({"word": np.where(y == 1, "a", "b")}))
        with pytest.raises(InputError, match=said):
            thresholds(ev, costs=costs)
    with pytest.raises(InputError, match="Expected numbers as costs"):
        measure([0, 1], [0.1, 0.9], costs="fn=amount")


def test_room_for_some_rows_only():
    y, p, _ = rows(400, digits=3)
    found = measure(y, p, costs="fp=1, fn=9", top=40)
    at = found.capacity.iloc[0]
    said = p >= at.threshold
    assert at.n == said.sum() <= 40
    assert at.precision == pytest.approx(y[said].mean())
    assert at.recall == pytest.approx(y[said].sum() / y.sum())
    assert at.recall_low < at.recall < at.recall_high
    best = found.optimum.iloc[0]
    assert (p >= best.threshold).sum() <= 40
    assert (p >= best.from_threshold).sum() <= 40
    assert best.on_these_rows > measure(y, p, costs="fp=1, fn=9").optimum.on_these_rows[0]
    assert measure(y, p, top=0.1).capacity.iloc[0].threshold == at.threshold
    assert "With room for 40 rows the threshold is" in found.sentence()
    tied = measure(y, np.full(400, 0.5), top=40)
    assert "No threshold flags 40 rows or fewer" in tied.sentence()
    for bad in (0, -1, 2.5, "x"):
        with pytest.raises(InputError, match="whole number or as a share"):
            measure(y, p, top=bad)


def test_clusters_at_any_threshold_are_exact():
    """The products of clusters are kept along the ranking: any threshold has the interval that ``performance`` gives."""
    ev = evaluation(2000, cluster="g")
    for t in (0.123, 0.5551):
        at = thresholds(ev, n_points=10).at(t).set_index("metric")
        known = performance(ev.with_threshold(t), metrics=SHOWN).frame().set_index("metric")
        np.testing.assert_allclose(
            at.loc[SHOWN, ["estimate", "low", "high"]], known.loc[SHOWN, ["estimate", "low", "high"]]
        )
