"""Classifiers that give several labels a row: one is chosen, by its labels or by number, and is a classifier like any other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelglass as mg
from modelglass.analysis.errors import InputError
from modelglass.analysis.models.loading import load_model
from modelglass.explainers import shapley_values

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
YES = np.column_stack([X.a > 0, X.b + rng.normal(size=200) > 0]).astype(int)
WORDS = pd.DataFrame(
    {"sure": np.where(X.a > 0, "u", "v"), "size": np.array(["l", "m", "h"])[np.digitize(X.c + X.a, [-0.5, 0.5])]}
)
MODELS = {
    "forest": RandomForestClassifier(8, random_state=0),
    "each by itself": MultiOutputClassifier(LogisticRegression()),
    "neighbours": KNeighborsClassifier(),
    "pipeline": make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("column", [0, 1])
def test_the_output_whose_labels_the_target_holds(name, column):
    fitted = MODELS[name].fit(X.to_numpy(), WORDS)
    ev = mg.Evaluation(fitted, X.assign(**WORDS), target=WORDS.columns[column], features=list("abc"))
    assert [ev.classes[i] for i in ev.predicted] == fitted.predict(X.to_numpy())[:, column].tolist()
    own = fitted.predict_proba(X.to_numpy())[column]
    np.testing.assert_allclose(ev.score if column else np.column_stack([1 - ev.score, ev.score]), own)
    assert ev.task == ("binary", "multiclass")[column]
    assert any(f"gives 2 labels a row; this is output {column} (the others: {1 - column})" in n.text for n in ev.notes)
    got = shapley_values(ev, rows=3, method="auto")
    np.testing.assert_allclose(got.base + got.values.sum(axis=1), got.prediction, atol=1e-6)
    np.testing.assert_allclose(got.prediction, own[got.rows][:, 1:] if not column else own[got.rows], atol=1e-6)


@pytest.mark.parametrize("model", [RandomForestClassifier(8, random_state=0), ClassifierChain(LogisticRegression())], ids=["forest", "chain"])  # fmt: skip
def test_alike_labels_ask_for_the_number(model):
    fitted = model.fit(X, YES)
    frame = X.assign(first=YES[:, 0], second=YES[:, 1])
    with pytest.raises(InputError, match=r"2 labels a row \(0: 0, 1; 1: 0, 1\)") as error:
        mg.Evaluation(fitted, frame, target="second")
    assert "The labels of 'second' fit 2 of them." in str(error.value)
    assert "--output-column N, from 0 to 1" in str(error.value)
    ev = mg.Evaluation(fitted, frame, target="second", output_column=1, baseline=model)
    proba = fitted.predict_proba(X)
    np.testing.assert_allclose(ev.score, proba[1][:, 1] if isinstance(proba, list) else proba[:, 1])
    np.testing.assert_allclose(ev.of_baseline().score, ev.score)
    assert mg.Evaluation(fitted, frame, target="second", output_column="1").predicted.tolist() == ev.predicted.tolist()
    with pytest.raises(InputError, match="Got 2"):
        mg.Evaluation(fitted, frame, target="second", output_column=2)


def test_without_probabilities_and_from_a_file(tmp_path):
    fitted = MultiOutputClassifier(RidgeClassifier()).fit(X, WORDS)
    skops.io.dump(fitted, tmp_path / "m.skops")
    ev = mg.Evaluation(load_model(tmp_path / "m.skops"), X.assign(**WORDS), target="size")
    assert ev.score is None
    assert [ev.classes[i] for i in ev.predicted] == fitted.predict(X)[:, 1].tolist()


def test_other_labels_and_other_shapes_are_told():
    fitted = RandomForestClassifier(3).fit(X, WORDS)
    with pytest.raises(InputError, match="fit none of them"):
        mg.Evaluation(fitted, X.assign(sure="w"), target="sure")
    one = LogisticRegression().fit(X, WORDS.sure)
    with pytest.raises(InputError, match="one label a row"):
        mg.Evaluation(one, X.assign(sure=WORDS.sure), target="sure", output_column=0)
    layers = MLPClassifier((3,), max_iter=40, tol=1e9).fit(X, YES)  # says one list of classes, gives two labels
    with pytest.raises(InputError, match="one column"):
        mg.Evaluation(layers, X.assign(first=YES[:, 0]), target="first")
