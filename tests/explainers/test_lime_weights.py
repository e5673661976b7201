"""LIME on raw columns: against lime itself where both can run, and for what lime alone cannot do."""

import numpy as np
import pandas as pd
import pytest
from lime.lime_tabular import LimeTabularExplainer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import lime_weights
from modelglass.explainers.coded import Coded


def test_equals_lime_on_plain_numbers():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 4)), columns=list("abcd"))
    y = (X.a + 0.5 * X.b * X.c > 0).astype(int)
    model = HistGradientBoostingClassifier(max_iter=20).fit(X, y)
    got = lime_weights(Evaluation(model, X.assign(y=y), target="y"), row=5, seed=3)
    reference = X.to_numpy()
    explainer = LimeTabularExplainer(reference, mode="classification", feature_names=list("abcd"), random_state=3)
    theirs = explainer.explain_instance(
        reference[5], lambda Z: model.predict_proba(pd.DataFrame(Z, columns=list("abcd")))
    )
    assert dict(zip(got.frame().condition, got.frame().weight, strict=True)) == pytest.approx(dict(theirs.as_list()))
    assert got.fit.r2[0] == pytest.approx(theirs.score)
    assert got.fit.intercept[0] == pytest.approx(theirs.intercept[1])


def test_mixed_columns_come_back_in_raw_names_and_values(made):
    ev = made(LogisticRegression(max_iter=300))
    missing = int(np.flatnonzero(ev.frame.pay.isna() & ev.frame.job.isna())[0])
    got = lime_weights(ev, row=missing)
    assert set(got.frame().feature) == set(ev.features)
    words = got.frame().set_index("feature").condition
    assert words["pay"] == "pay = missing"
    assert words["job"] == "job = missing"
    assert words["city"] == f"city = {ev.frame.city.iloc[missing]}"
    assert got.fit.output[0] == pytest.approx(ev.score[missing])
    assert "pay has missing values" in got.notes[0]
    assert 0.2 < got.fit.r2[0] < 1
    again = lime_weights(ev, row=missing)
    assert got.frame().equals(again.frame())
    assert not got.frame().equals(lime_weights(ev, row=missing, seed=9).frame())


def test_direction_of_a_linear_model_is_found(made):
    ev = made(LinearRegression(), "amount")
    oslo = int(np.flatnonzero(ev.frame.city == "Oslo")[0])
    weights = lime_weights(ev, row=oslo).frame().set_index("feature").weight
    assert weights["city"] == pytest.approx(10, abs=2)  # the data are made with 10 more for Oslo


def test_three_classes_each_with_a_fit(made):
    ev = made(LogisticRegression(max_iter=500), "y3")
    got = lime_weights(ev, row=4)
    assert got.fit.group.tolist() == ["low", "mid", "top"]
    assert got.fit.output.to_numpy() == pytest.approx(ev.score[4])
    sums = got.frame().groupby("feature").weight.sum()
    assert np.abs(sums).max() < 1e-9  # probabilities sum to one, so the weights of a feature cancel


def test_codes_decode_to_the_frame_they_came_from(made):
    ev = made(LogisticRegression(max_iter=300))
    X = ev.inputs()
    coded = Coded(ev, X, X.iloc[[3]])
    back = coded.decode(coded.reference, np.random.default_rng(0))
    assert back.dtypes.to_dict() == X.dtypes.to_dict()
    for name in ("age", "city", "job", "member"):
        pd.testing.assert_series_equal(back[name], X[name].reset_index(drop=True), check_names=False)
    assert (back.pay.isna() == X.pay.isna()).all()
    own = coded.decode(np.stack([coded.row, coded.row]), np.random.default_rng(1))
    pd.testing.assert_frame_equal(own, pd.concat([X.iloc[[3]]] * 2, ignore_index=True))
    halves = coded.decode(np.array([[40.4, *coded.row[1:]]]), np.random.default_rng(0))
    assert halves.age.tolist() == [40]


def test_refusals_and_stop(made):
    ev = made(LogisticRegression(max_iter=300))
    with pytest.raises(InputError, match="Expected the number of a row"):
        lime_weights(ev, row=10_000)
    with pytest.raises(InputError, match="at least 100 samples"):
        lime_weights(ev, row=1, n_samples=3)
    with pytest.raises(NotApplicable, match="there is no model here"):
        lime_weights(Evaluation.from_predictions([0, 1], prediction=[0, 1]), row=0)

    def stop(share, what):
        raise Stopped("stop")

    with pytest.raises(Stopped):
        lime_weights(ev, row=0, progress=stop)
