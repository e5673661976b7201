"""Sobol indices: Ishigami's closed form, SALib's estimators on the same answers, and a model of raw columns by hand."""

import numpy as np
import pandas as pd
import pytest

import modelglass as mg
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.sobol_indices import Drawn, measured, of_function, sobol_indices

PI = np.pi


def ishigami(x):
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_ishigami_in_closed_form():
    """Ishigami and Homma 1990: variances worked out by hand."""
    first, second, both = 0.5 * (1 + 0.1 * PI**4 / 5) ** 2, 49 / 8, 0.01 * PI**8 * (1 / 18 - 1 / 50)
    whole = first + second + both
    truth = {"x0": (first, first + both), "x1": (second, second), "x2": (0.0, both)}
    got = of_function(ishigami, [lambda u: PI * (2 * u - 1)] * 3, points=8192)
    for row in got.itertuples():
        want = truth[row.feature][row.order != "alone"] / whole
        assert row.estimate == pytest.approx(want, abs=0.02)
        assert row.low - 0.02 < want < row.high + 0.02
    assert got.n.iloc[0] == 8192


def test_equals_salib_on_the_same_answers():
    """SALib 1.5's sobol.analyze, its formulas (first_order, total_order) written out; see benchmarks/sobol.py for SALib itself."""
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-PI, PI, (2, 512, 3))
    f_a, f_b = ishigami(a), ishigami(b)
    f_ab = np.stack([ishigami(np.where(np.arange(3) == j, b, a)) for j in range(3)])
    got, variance = measured(f_a[None], f_b[None], f_ab[:, None])
    every = np.r_[f_a, f_b, f_ab.ravel()]
    A, B, AB = ((v - every.mean()) / every.std() for v in (f_a, f_b, f_ab))
    spread = np.var(np.r_[A, B])
    np.testing.assert_allclose(got[0, :, 0], [np.mean(B * (ab - A)) / spread for ab in AB], rtol=1e-10)
    np.testing.assert_allclose(got[1, :, 0], [0.5 * np.mean((A - ab) ** 2) / spread for ab in AB], rtol=1e-10)
    assert variance == pytest.approx(np.var(np.r_[f_a, f_b]))
    assert np.isnan(got[:, :, 1:]).all()


def test_equals_what_salib_gave():
    """Recorded from SALib 1.6.0, sobol.analyze(calc_second_order=False), on the same answers: benchmarks/sobol.py."""
    a, b = np.random.default_rng(0).uniform(-PI, PI, (2, 512, 3))
    mixed = np.stack([ishigami(np.where(np.arange(3) == j, b, a)) for j in range(3)])
    got, _ = measured(ishigami(a)[None], ishigami(b)[None], mixed[:, None])
    first = [0.31088535640123466, 0.5168020283060325, 0.031759117981711285]
    total = [0.5427291409168997, 0.4979177557915679, 0.2250764330733761]
    np.testing.assert_allclose(got[:, :, 0], [first, total], rtol=1e-12)


@pytest.fixture(scope="module")
def ev():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.normal(size=500), "k": rng.choice(["p", "q"], 500, p=[0.8, 0.2]), "z": rng.normal(size=500)}
    )
    frame.loc[:49, "z"] = np.nan
    frame["twice"] = 2 * frame.a
    return mg.Evaluation(
        lambda x: 2 * x.a.to_numpy() + 3 * (x.k == "q").to_numpy(),
        frame.assign(t=rng.normal(size=500)),
        target="t",
        task="regression",
    )


def test_shares_of_a_model_of_raw_columns(ev):
    got = sobol_indices(ev)
    table = got.frame().set_index(["feature", "order"]).estimate
    a, k = 4 * ev.frame.a.var(ddof=0), 9 * (ev.frame.k == "q").var(ddof=0)
    for order in ("alone", "with interactions"):
        assert table[("a", order)] == pytest.approx(a / (a + k), abs=0.02)
        assert table[("k", order)] == pytest.approx(k / (a + k), abs=0.02)
        assert table[("z", order)] == pytest.approx(0, abs=1e-12)
    assert got.variance == pytest.approx(a + k, rel=0.02)
    assert got.impossible > 0.9  # twice is 2 x a on every row of the data
    assert got.asked == 2048 * 6
    assert "If columns varied independently, a alone" in got.sentence()
    assert mg.figure(got).data
    some = sobol_indices(ev, features=["k"], points=512).frame().set_index("order").estimate
    assert some["alone"] == pytest.approx(k / (a + k), abs=0.04)


def test_rows_are_drawn_by_frequency_and_weight(ev):
    rows = Drawn(ev).rows(np.random.default_rng(0).random((4000, 4)))
    assert (rows.k == "q").mean() == pytest.approx((ev.frame.k == "q").mean(), abs=0.03)
    assert rows.z.isna().mean() == pytest.approx(0.1, abs=0.03)
    heavy = mg.Evaluation(
        ev.model, ev.frame.assign(w=np.where(ev.frame.k == "q", 4.0, 1.0)), target="t", task="regression", weight="w"
    )
    share = np.average(ev.frame.k == "q", weights=heavy.weight)
    assert (Drawn(heavy).rows(np.random.default_rng(0).random((4000, 4))).k == "q").mean() == pytest.approx(
        share, abs=0.03
    )


def test_what_is_said_of_columns_together_is_no_chance_and_none_of_columns_not_asked_for():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 4)), columns=list("abcd"))

    def said(predict, **more):
        own = mg.Evaluation(predict, frame.assign(t=predict(frame)), target="t", task="regression")
        return sobol_indices(own, **more).sentence()

    def added(rows):
        return (3 * rows.a + 2 * rows.b + rows.c + rows.d).to_numpy()

    by_seed = [said(added, points=256, seed=s) for s in range(12)]
    assert not any("acting together" in s for s in by_seed)
    assert any("differ by chance alone" in s for s in by_seed)
    assert "acting together" not in said(added, points=2048, features=["a", "b"])
    assert "acting together" in said(lambda rows: (rows.a * rows.b).to_numpy(), points=2048)


def test_bad_input_and_stop(ev):
    with pytest.raises(InputError, match="at least 256"):
        sobol_indices(ev, points=10)
    with pytest.raises(InputError, match="Expected the name of a feature"):
        sobol_indices(ev, features="zz")
    with pytest.raises(NotApplicable, match="there is no model here"):
        sobol_indices(mg.Evaluation.from_predictions([0, 1], prediction=[0, 1]))
    still = mg.Evaluation(lambda x: np.ones(len(x)), ev.frame, target="t", task="regression")
    with pytest.raises(NotApplicable, match="never changes"):
        sobol_indices(still)

    def stop(share, what):
        raise Stopped("stop")

    with pytest.raises(Stopped):
        sobol_indices(ev, progress=stop)
