"""A date column of a CSV: the model gets dates where it reads dates, and the text where it learnt from text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

import modelglass as mg
from modelglass.analysis.errors import InputError
from modelglass.explainers import partial_dependence


def parts_of(frame):
    """Refuses texts: they have no months."""
    return np.column_stack([frame["when"].dt.month, frame["when"].dt.day_of_week])


class ByMonth:
    """A function of frames in all but name: no columns recorded, no levels."""

    def predict(self, frame):
        return np.where(frame["when"].dt.month <= 6, "early", "late")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"when": pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 700, 300), "D")})
    frame["size"] = rng.normal(size=300).round(3)
    frame["y"] = np.where((frame.when.dt.month + rng.normal(0, 2, 300)) > 6, "late", "early")
    path = tmp_path_factory.mktemp("dates") / "d.csv"
    frame.to_csv(path, index=False)
    read = mg.read_data(path)
    assert read["when"].iloc[0] == str(frame.when.dt.date[0]), "the file holds text, as pandas reads it"
    return frame, read


def said(ev):
    return [n.text for n in ev.notes if "as dates" in n.text]


def test_a_model_that_refuses_the_text_gets_dates(data):
    frame, read = data
    model = make_pipeline(FunctionTransformer(parts_of), HistGradientBoostingClassifier(max_iter=5))
    model.fit(frame[["when", "size"]], frame.y)
    ev = mg.Evaluation(model, read, target="y")
    np.testing.assert_allclose(ev.score, model.predict_proba(frame[["when", "size"]])[:, 1])
    assert said(ev) == ["when: text in the data, handed to the model as dates, because it refuses them as text."]
    assert ev.columns["when"].kind == "datetime"
    assert str(ev.frame["when"].dtype).startswith("datetime64")
    assert ev.where('month("when") = 1 AND "when" >= \'2024-01-01\'').n == int(
        (frame.when >= "2024-01-01").mul(frame.when.dt.month == 1).sum()
    )
    shown = partial_dependence(ev, features=["when"], rows=20)
    assert shown.kinds["when"] == "ordered"


def test_a_model_that_learnt_text_keeps_it(data):
    _, read = data
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    coded = make_column_transformer((encoder, ["when"]), remainder="passthrough")
    model = make_pipeline(coded, LogisticRegression()).fit(read[["when", "size"]], read.y)
    ev = mg.Evaluation(model, read, target="y")
    assert said(ev) == []
    assert isinstance(ev.frame["when"].iloc[0], str)
    assert ev.columns["when"].kind == "datetime", "for slices and conditions it is a date all the same"
    np.testing.assert_allclose(ev.score, model.predict_proba(read[["when", "size"]])[:, 1])


def test_an_encoder_that_learnt_dates_gets_dates(data):
    """As text every date would be a level never seen, in silence."""
    frame, read = data
    coded = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["when"]), remainder="passthrough"
    )
    model = make_pipeline(coded, HistGradientBoostingClassifier(max_iter=5)).fit(frame[["when", "size"]], frame.y)
    ev = mg.Evaluation(model, read, target="y")
    assert said(ev) == ["when: text in the data, handed to the model as dates, as the model's encoder learnt them."]
    np.testing.assert_allclose(ev.score, model.predict_proba(frame[["when", "size"]])[:, 1])
    assert not any("never saw" in n.text for n in ev.notes)


def test_training_data_with_dates_decide_and_other_data_follow(data):
    frame, read = data
    columns = ["when", "size"]
    model = make_pipeline(FunctionTransformer(parts_of), HistGradientBoostingClassifier(max_iter=5))
    model.fit(frame[columns], frame.y)
    ev = mg.Evaluation(model, read, target="y", train=frame, reference=read.iloc[:100])
    assert said(ev)[0].endswith("as dates, as the training data do.")
    np.testing.assert_allclose(ev.on("train").score, ev.score)
    np.testing.assert_allclose(ev.on("reference").score, ev.score[:100])
    turned = mg.Evaluation(model, frame, target="y", train=read)
    np.testing.assert_allclose(turned.on("train").score, ev.score)
    assert not any("other types" in n.text for n in turned.notes)


def test_an_object_that_recorded_nothing(data):
    frame, read = data
    ev = mg.Evaluation(ByMonth(), read, target="y", features=["when"])
    assert [ev.classes[c] for c in ev.predicted] == ByMonth().predict(frame).tolist()


def test_what_is_no_date_stays_and_the_refusal_is_the_models_own(data):
    frame, read = data
    model = make_pipeline(FunctionTransformer(parts_of), HistGradientBoostingClassifier(max_iter=2))
    model.fit(frame[["when", "size"]], frame.y)
    with pytest.raises(InputError):
        mg.Evaluation(model, read.assign(when=read["when"].str.replace("2023-01", "13th of")), target="y")
    with pytest.raises(InputError):
        mg.Evaluation(model, read.assign(when="2023-02-31"), target="y")


def test_missing_dates_and_offsets(data):
    frame, read = data
    gaps = read.assign(when=(read["when"] + "T10:00:00+02:00").where(read.index % 5 != 0))
    model = make_pipeline(FunctionTransformer(parts_of), HistGradientBoostingClassifier(max_iter=3))
    dated = frame.assign(when=(frame.when + pd.Timedelta(hours=8)).where(frame.index % 5 != 0))
    model.fit(dated[["when", "size"]], frame.y)
    ev = mg.Evaluation(model, gaps, target="y")
    np.testing.assert_allclose(ev.score, model.predict_proba(dated[["when", "size"]])[:, 1])
