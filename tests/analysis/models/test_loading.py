"""Model files that are missing, damaged or of the wrong kind, and models in memory."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import sys
import zipfile

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

import modelglass as mg
from modelglass.analysis.errors import InputError, MissingPackage, NotApplicable
from modelglass.analysis.feeding import call
from modelglass.analysis.models import loading
from modelglass.analysis.models.loading import load_model, wrap_model
from modelglass.analysis.models.predictions import PredictionsOnly


@pytest.fixture
def fitted(small):
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(small.X, small.y)


def refused(path, **how) -> str:
    with pytest.raises(InputError) as caught:
        load_model(path, **how)
    text = str(caught.value)
    assert 1 <= len(text.split("\n")) <= 5
    return text


def test_missing_file_suggests_the_nearest(tmp_path):
    (tmp_path / "model.skops").write_bytes(b"x")
    assert "model.skops?" in refused(tmp_path / "modle.skops")
    (tmp_path / "modle.csv").write_bytes(b"x")  # nearer, but no model
    assert "model.skops?" in refused(tmp_path / "modle.skops")
    assert "no folder" in refused(tmp_path / "nowhere" / "m.skops")
    assert "is a folder" in refused(tmp_path)


@pytest.mark.parametrize("name", ["m.skops", "m.json", "m.ubj", "m.txt"])
def test_empty_file(name, tmp_path):
    (tmp_path / name).write_bytes(b"")
    assert "is empty" in refused(tmp_path / name)


def test_unknown_ending(tmp_path):
    (tmp_path / "model.h5").write_bytes(b"x")
    assert ".skops" in refused(tmp_path / "model.h5")
    (tmp_path / "model").write_bytes(b"x")
    assert "has no ending" in refused(tmp_path / "model")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_truncated_skops(share, fitted, tmp_path):
    data = skops.io.dumps(fitted)
    (tmp_path / "m.skops").write_bytes(data[: int(share * len(data))])
    assert "cut short" in refused(tmp_path / "m.skops")


@pytest.mark.parametrize(("content", "said"), [
    (b"a,b\n1,2\n", "a text file"), (b"PAR1....", "a Parquet file"), (b'{"a": 1}', "JSON"), (pickle.dumps([1]), "a pickle"),
    (b"\x00\x01\x02", "not a zip archive"),
])  # fmt: skip
def test_skops_that_is_something_else(content, said, tmp_path):
    (tmp_path / "m.skops").write_bytes(content)
    assert said in refused(tmp_path / "m.skops")


def test_zip_without_schema_and_damaged_part(fitted, tmp_path):
    with zipfile.ZipFile(tmp_path / "m.skops", "w") as z:
        z.writestr("a.txt", "x")
    assert "without it" in refused(tmp_path / "m.skops")
    data = bytearray(skops.io.dumps(fitted))
    data[120] ^= 0xFF
    (tmp_path / "m.skops").write_bytes(data)
    refused(tmp_path / "m.skops")


@pytest.mark.parametrize("ending", [".pkl", ".pickle", ".joblib"])
def test_pickles_need_trust(ending, fitted, small, tmp_path):
    path = tmp_path / f"m{ending}"
    joblib.dump(fitted, path)
    text = refused(path)
    assert "can run any code" in text
    assert "--trust" in text
    model = load_model(path, trust=True)
    np.testing.assert_array_equal(model.predict(small.X), fitted.predict(small.X))
    assert model.fingerprint == hashlib.blake2b(path.read_bytes()).hexdigest()


def test_an_untrusted_pickle_is_not_even_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "m.pkl").write_bytes(pickle.dumps(Bomb()))
    refused(tmp_path / "m.pkl")
    assert not (tmp_path / "ran").exists()


def test_broken_pickles_and_pickles_of_something_else(fitted, tmp_path):
    data = pickle.dumps(fitted)
    (tmp_path / "m.pkl").write_bytes(data[:-40])
    assert "cannot be read" in refused(tmp_path / "m.pkl", trust=True)
    (tmp_path / "m.pkl").write_bytes(skops.io.dumps(fitted))
    assert ".skops" in refused(tmp_path / "m.pkl", trust=True)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"a": 1}))
    assert "type dict" in refused(tmp_path / "m.pkl", trust=True)
    (tmp_path / "m.pkl").write_bytes(b"cno_such_package.inside\nThing\n.")
    with pytest.raises(MissingPackage, match="no_such_package"):
        load_model(tmp_path / "m.pkl", trust=True)


def test_another_version_of_scikit_learn_is_a_note(fitted, tmp_path):
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(fitted))) as z:
        parts = {n: z.read(n) for n in z.namelist()}
    schema = json.loads(parts["schema.json"])
    stack = [schema]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if "_sklearn_version" in item:
                item["_sklearn_version"].pop("__id__")
                item["_sklearn_version"]["content"] = '"1.2.3"'
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    with zipfile.ZipFile(tmp_path / "m.skops", "w") as z:
        for name, part in {**parts, "schema.json": json.dumps(schema)}.items():
            z.writestr(name, part)
    notes = load_model(tmp_path / "m.skops").notes
    assert len(notes) == 1
    assert "scikit-learn 1.2.3" in notes[0]


def test_fingerprint_is_of_the_bytes(fitted, tmp_path):
    skops.io.dump(fitted, tmp_path / "m.skops")
    model = load_model(tmp_path / "m.skops")
    assert model.fingerprint == hashlib.blake2b((tmp_path / "m.skops").read_bytes()).hexdigest()
    assert (model.name, model.kind) == ("m.skops", "scikit-learn")


def test_what_a_model_says_of_itself(small):
    named = RandomForestClassifier(2).fit(pd.DataFrame(small.X, columns=list("abcd")), small.y > 0)
    model = wrap_model(named)
    assert (model.task, model.classes, model.feature_names, model.n_features) == (
        "binary",
        (False, True),
        tuple("abcd"),
        4,
    )
    assert model.fingerprint == hashlib.blake2b(pickle.dumps(named, protocol=5)).hexdigest()
    assert wrap_model(model) is model
    search = wrap_model(GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=2).fit(small.X, small.y))
    assert (search.task, search.classes, search.feature_names, search.n_features) == ("regression", None, None, 4)
    vectors = wrap_model(SVC().fit(small.X, small.y > 0))
    assert vectors.score_kind == "decision"
    assert vectors.scores(small.X).shape == (150, 1)
    one_by_one = wrap_model(SVC(decision_function_shape="ovo").fit(small.X, small.y))
    assert one_by_one.score_kind is None
    assert one_by_one.scores(small.X) is None
    assert "one against one" in one_by_one.notes[0]


def test_recorded_categories(small, tmp_path):
    frame = small.frame[["a", "b"]]
    hist = HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype").fit(frame, small.y)
    assert wrap_model(hist).categories == {"b": ["u", "v"]}
    assert wrap_model(GridSearchCV(hist, {"max_iter": [2]}, cv=2).fit(frame, small.y)).categories == {"b": ["u", "v"]}


def test_models_without_names_are_handed_an_array_and_no_warning_comes(small):
    frame = pd.DataFrame(small.X, columns=list("abcd"))
    plain = wrap_model(LogisticRegression(max_iter=500).fit(small.X, small.y))
    handed = plain.prepare(frame)
    assert isinstance(handed, np.ndarray)
    assert plain.predict(handed).shape == (150,)
    mixed = plain.prepare(frame.assign(a=True, b=3))
    assert mixed.dtype == float
    named = wrap_model(LogisticRegression(max_iter=500).fit(frame, small.y))
    assert named.prepare(frame) is frame
    assert named.predict(frame).shape == (150,)


class Counting(StandardScaler):
    """A scaler that counts how often it is asked."""

    asked = 0

    def transform(self, X, copy=None):
        type(self).asked += 1
        return super().transform(X, copy)


class OwnPipeline(Pipeline):
    """A pipeline whose predict is its own."""

    def predict(self, X, **params):
        return super().predict(X)[::-1]


def test_a_plain_pipeline_runs_its_transformers_once_for_both(small):
    pipe = make_pipeline(Counting(), "passthrough", LogisticRegression()).fit(small.X, small.y)
    Counting.asked = 0
    labels, scores = wrap_model(pipe).both(small.X)
    assert Counting.asked == 1
    np.testing.assert_array_equal(labels, pipe.predict(small.X))
    np.testing.assert_array_equal(scores, pipe.predict_proba(small.X))
    own = OwnPipeline(pipe.steps)
    np.testing.assert_array_equal(wrap_model(own).both(small.X)[0], pipe.predict(small.X)[::-1])


class Rule:
    """An object that predicts and is nobody's estimator."""

    def predict(self, X):
        return np.where(X["a"] > 5, "yes", "no")


def test_any_object_that_predicts(small):
    model = wrap_model(Rule())
    assert (model.kind, model.task, model.fingerprint is None) == ("Python object", None, False)
    assert set(model.predict(small.frame)) == {"yes", "no"}
    unpicklable = make_pipeline(FunctionTransformer(lambda X: X), LogisticRegression(max_iter=500)).fit(
        small.X, small.y
    )
    assert wrap_model(unpicklable).fingerprint is None


@pytest.mark.parametrize(("thing", "said"), [
    (LogisticRegression, "not an object of it"), ({"a": 1}, "type dict"), (LogisticRegression(), "has not been fitted"),
    (make_pipeline(StandardScaler(), LogisticRegression()), "has not been fitted"), (StandardScaler(), "type StandardScaler"),
])  # fmt: skip
def test_what_is_not_a_fitted_model(thing, said):
    with pytest.raises(InputError, match=said):
        wrap_model(thing)


def test_outputs_of_a_classifier_of_several_are_kept_with_their_labels(small):
    several = RandomForestClassifier(2).fit(small.X, np.column_stack([small.y, small.y]))
    assert wrap_model(several).several == (tuple(np.unique(small.y)),) * 2


def test_a_failing_model_ends_in_a_sentence(small):
    model = wrap_model(LogisticRegression(max_iter=500).fit(small.X, small.y))
    with pytest.raises(InputError, match="ValueError: X has 2 features") as caught:
        call(model, pd.DataFrame(small.X[:, :2]))
    assert len(str(caught.value).split("\n")) <= 5


def test_predictions_only():
    model = PredictionsOnly()
    assert (model.kind, model.estimator) == ("predictions only", None)
    for question in (model.predict, model.scores, model.both):
        with pytest.raises(NotApplicable, match="there is no model, only predictions"):
            question(None)


def test_every_known_ending_has_a_reader():
    assert set(loading.KNOWN) == {".skops", ".joblib", ".pkl", ".pickle", ".json", ".ubj", ".txt", ".cbm", ".onnx"}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("tied", [False, True])
def test_boosting_is_asked_once_and_decides_as_it_does_itself(classes, tied, monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5) * (classes - 2)
    estimator = GradientBoostingClassifier(n_estimators=4, random_state=0).fit(X, y)
    if tied:  # a raw output so near 0 that the probabilities are equal: only the raw output says which
        raw = np.array([[1e-30]] if classes == 2 else [[-1e-30, 0.0, 1e-30]])
        monkeypatch.setattr(estimator, "_raw_predict", lambda X: np.repeat(raw, len(X), axis=0))
    wanted, scores = estimator.predict(X), estimator.predict_proba(X)
    asked = []
    monkeypatch.setattr(estimator, "predict", lambda X, own=estimator.predict: (asked.append(len(X)), own(X))[1])
    labels, got = wrap_model(estimator).both(X)
    np.testing.assert_array_equal(labels, wanted)
    np.testing.assert_array_equal(got, scores)
    assert asked == ([200] if tied else [])
    if tied:
        assert set(labels) == {classes - 1}


def test_code_of_a_notebook_is_not_told_by_its_name(monkeypatch):
    found = []
    for answer in (0, 1):
        space = {"__name__": "__main__"}
        exec(f"class Rule:\n    def predict(self, X):\n        return [{answer}] * len(X)", space)
        monkeypatch.setattr(sys.modules["__main__"], "Rule", space["Rule"], raising=False)
        pickle.dumps(space["Rule"]())  # it can be pickled, by its name
        X = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
        model = wrap_model(space["Rule"]())
        assert model.fingerprint is None
        found.append(mg.Evaluation(space["Rule"](), X.assign(y=[0, 1, 0, 1]), target="y").fingerprint)
    assert found[0] != found[1]
    inside = Ridge()
    inside.rule = space["Rule"]
    assert wrap_model(inside.fit(X, X.x)).fingerprint is None
