import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.lift import captured, lift, measure
from modelglass.analysis.ranking import ranked
from modelglass.analysis.roc import measure as roc_of


def rows(n=400, seed=0, digits=2):
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(size=n) * 1.5))
    return (rng.random(n) < p).astype(int), np.round(p, digits), rng.random(n) + 0.1


def test_by_hand():
    found = measure([1, 1, 0, 1, 0, 0, 0, 0, 0, 0], np.arange(10)[::-1], top=0.2)
    assert found.curve.share.tolist() == pytest.approx(np.arange(1, 11) / 10)
    assert found.curve.gain.tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1, 1, 1, 1, 1, 1, 1])
    assert found.curve.lift[0] == pytest.approx(10 / 3)
    assert found.curve.precision[2] == pytest.approx(2 / 3)
    assert found.curve.n.tolist() == list(range(1, 11))
    area = found.areas.iloc[0]
    assert area.estimate == pytest.approx(1 - 1 / 7)  # after four rows: all three found, one of seven others
    assert (area.threshold, area.share) == (6.0, 0.4)
    assert np.isnan(area.low)  # three rows of the class


def test_rows_of_equal_score_are_taken_evenly():
    found = captured(ranked([1, 0, 0, 1], [5, 5, 5, 5]), np.array([0.25, 0.5, 1.0]), 0.95, weighted=False)
    assert found.gain.tolist() == pytest.approx([0.25, 0.5, 1.0])
    assert found.lift.tolist() == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("weighted", [False, True])
def test_gain_is_the_share_of_positives_among_the_top_rows(weighted):
    y, p, w = rows(digits=12)
    w = w if weighted else np.ones(len(y))
    order = np.argsort(-p)
    taken = np.append(0, np.cumsum(w[order])) / w.sum()
    held = np.append(0, np.cumsum((w * y)[order])) / (w * y).sum()
    found = measure(y, p, w if weighted else None).curve
    np.testing.assert_allclose(found.gain, np.interp(found.share, taken, held), atol=1e-12)
    np.testing.assert_allclose(found.lift, found.gain / found.share, atol=1e-12)


def test_the_statistic_equals_scipy_where_the_class_scores_higher():
    y, p, _ = rows(digits=3)
    theirs = stats.ks_2samp(p[y == 0], p[y == 1], alternative="greater").statistic
    assert measure(y, p).areas.estimate[0] == pytest.approx(theirs, abs=1e-12)
    curve = roc_of(y, p).curve
    assert measure(y, p).areas.estimate[0] >= (curve.tpr - curve.fpr).max() - 1e-12


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_order_is_irrelevant_weights_mean_rows_and_clusters_of_one_row_are_rows(seed):
    y, p, w = rows(90, seed, digits=1)
    order = np.random.default_rng(seed).permutation(90)
    base, other = measure(y, p, w), measure(y[order], p[order], w[order])
    pd.testing.assert_frame_equal(base.curve, other.curve, rtol=1e-9, atol=1e-12)
    pd.testing.assert_frame_equal(base.areas, other.areas, rtol=1e-6, atol=1e-8)
    double, twice = measure(y, p, np.full(90, 2.0)), measure(np.tile(y, 2), np.tile(p, 2))
    at = [0.3, 0.7, 1.0]
    np.testing.assert_allclose(
        np.interp(at, double.curve.share, double.curve.gain),
        np.interp(at, twice.curve.share, twice.curve.gain),
        atol=1e-9,
    )
    single = captured(ranked(y, p, None, np.arange(90)), np.array(at), 0.95, weighted=False)
    plain = captured(ranked(y, p), np.array(at), 0.95, weighted=False)
    np.testing.assert_allclose(single.gain_high - single.gain_low, plain.gain_high - plain.gain_low, rtol=0.1)


WORLDS = {"alike": (400, 0.0, 0.3), "apart": (400, 1.0, 0.3), "rare": (800, 2.0, 0.06)}


@pytest.mark.parametrize("world", sorted(WORLDS))
@pytest.mark.parametrize("kind", ["rows", "weighted", "clustered"])
def test_intervals_hold_their_level(world, kind):
    """Simulation: gain at a share of the population, and the Kolmogorov-Smirnov distance."""
    n, shift, rate = WORLDS[world]
    rng, at, hit, far = np.random.default_rng(5), np.array([0.05, 0.2, 0.6]), [], []
    grid = np.linspace(-6, 9, 40_001)
    taken = rate * stats.norm.sf(grid - shift) + (1 - rate) * stats.norm.sf(grid)
    truth = stats.norm.sf(np.interp(-at, -taken, grid) - shift)
    distance = 2 * stats.norm.cdf(shift / 2) - 1
    for turn in range(120):
        y = (rng.random(n) < rate).astype(int)
        s, w, cluster = rng.normal(size=n) + shift * y, None, None
        if kind == "weighted":
            w = rng.gamma(2.0, size=n)
        elif kind == "clustered":
            cluster = np.repeat(np.arange(n), 2)
            y, s = np.repeat(y, 2), np.repeat(s, 2)
        found = captured(ranked(y, s, w, cluster), at, 0.95, weighted=w is not None)
        hit.append((found.gain_low <= truth) & (truth <= found.gain_high))
        if turn < 30:
            area = measure(y, s, w, cluster=cluster).areas.iloc[0]
            far.append(area.low <= distance + 1e-12 and distance <= area.high)
    assert np.mean(hit, axis=0).min() >= 0.88
    assert np.mean(hit) <= 0.99
    assert np.mean(far) >= 0.85


def evaluation(**options):
    y, p, w = rows(600)
    frame = pd.DataFrame({"w": w, "g": np.arange(600) % 60, "part": [f"p{i % 11}" for i in range(600)], "one": 1})
    return Evaluation.from_predictions(
        np.where(y == 1, "<i>yes", "no"), score=p, positive="<i>yes", frame=frame, **options
    )


@pytest.mark.parametrize("options", [{}, {"weight": "w"}, {"cluster": "g"}])
def test_door_and_figure(options):
    found = lift(evaluation(**options), top=0.2)
    assert "The rows with the top 20% of scores hold" in found.sentence()
    assert "nan" not in found.sentence()
    lines = [t for t in figure(found).data if t.name and t.name.startswith("&lt;i&gt;yes")]
    np.testing.assert_array_equal(lines[0].y[1:], found.curve.gain)
    np.testing.assert_array_equal(lines[1].y, found.curve.lift)


def test_by_slice_and_by_class():
    found = lift(evaluation(), by="part")
    assert found.areas.group.tolist()[0] == "all rows"
    assert len(found.areas) == 9
    assert "levels of part with fewer rows" in found.sentence() or "levels" in found.note
    figure(found)
    rng = np.random.default_rng(0)
    score = rng.dirichlet([1, 1, 1], 400)
    y = np.array([rng.choice(3, p=s) for s in score])
    ev = Evaluation.from_predictions(np.array(list("pqr"))[y], score={c: score[:, i] for i, c in enumerate("pqr")})
    several = lift(ev)
    assert several.areas.group.tolist() == list("pqr")
    one = lift(ev, class_="q")
    np.testing.assert_array_equal(one.curve.gain, several.curve[several.curve.group == "q"].gain)
    assert "nan" not in several.sentence()
    figure(several)


def test_cannot_say():
    ev = Evaluation.from_predictions([0, 1, 1, 0], prediction=[0, 1, 0, 0])
    with pytest.raises(NotApplicable, match="no scores"):
        lift(ev)
    with pytest.raises(InputError, match="above 0"):
        lift(evaluation(), top=0.0)
    with pytest.raises(NotApplicable, match="every row is"):
        lift(
            Evaluation.from_predictions([1, 1, 0], score=[0.1, 0.4, 0.5], frame=pd.DataFrame({"a": [1, 1, 0]})).where(
                "a = 1"
            )
        )
