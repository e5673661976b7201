"""Every kind of model, task and data: predictions equal the library's own, Shapley values add up, and the report comes out."""

from __future__ import annotations

import contextlib
import html
import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

import modelglass as mg
from modelglass.analysis.models.loading import load_model
from modelglass.analysis.registry import run
from modelglass.app import cli
from modelglass.app.answers import as_object
from modelglass.app.report import build
from modelglass.app.report.sections import standing
from modelglass.explainers import shapley_values

N = 160
TASKS = ("binary", "multiclass", "regression")
DATA = ("csv", "categorical", "missing", "numbers")
TARGETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "binary": lambda z: np.where(z > 0, "yes", "no"),
    "multiclass": lambda z: np.array(["high", "low", "mid"])[np.digitize(z, [-0.7, 0.7])],
    "regression": lambda z: z * 3 + 10,
}


def columns(data: str) -> pd.DataFrame:
    """CSV: numbers, whole numbers and text; categorical: text as pandas categories; missing: some numbers absent; numbers: floats only."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({
        "size": rng.normal(size=N).round(6), "count": rng.integers(0, 9, N), "shape": rng.choice(["disc", "rod", "cube"], N)})  # fmt: skip
    if data == "categorical":
        frame["shape"] = frame["shape"].astype("category")
    if data == "missing":
        frame["size"] = frame["size"].where(np.arange(N) % 7 > 0)
    if data == "numbers":
        frame = frame.drop(columns="shape").astype("float64")
    return frame


def outcome(frame: pd.DataFrame, task: str) -> np.ndarray:
    shape = frame["shape"].astype(str).eq("rod") if "shape" in frame else 0
    z = frame["size"].fillna(0.5) + frame["count"] / 4 - 1 + shape
    return TARGETS[task](z.to_numpy())


def sorted_codes(y: np.ndarray) -> np.ndarray:
    return np.unique(y, return_inverse=True)[1] if y.dtype.kind in "OU" else y


def pipeline(task, frame, last=None):
    coded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        remainder=SimpleImputer(),
    )
    return make_pipeline(coded, last or (Ridge() if task == "regression" else LogisticRegression()))


def own(estimator, X):
    """What the library itself says: labels or values, and probabilities, decisions or None."""
    ask = getattr(estimator, "predict_proba", None) or getattr(estimator, "decision_function", None)
    return np.asarray(estimator.predict(X)).reshape(-1), None if ask is None else ask(X)


def skops_file(task, X, y, path):
    import skops.io

    fitted = pipeline(task, X).fit(X, y)
    skops.io.dump(fitted, path / "m.skops")
    return load_model(path / "m.skops"), own(fitted, X)


def pickle_file(task, X, y, path):
    import joblib

    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    fitted = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(sparse_output=False), make_column_selector(dtype_exclude="number")), remainder="passthrough"
        ),
        kind(max_iter=5),
    ).fit(X, y)
    joblib.dump(fitted, path / "m.joblib")
    return load_model(path / "m.joblib", trust=True), own(fitted, X)


def booster_levels(X):
    return X.assign(shape=X["shape"].astype("category")) if "shape" in X else X


def xgboost_file(task, X, y, path):
    xgboost = pytest.importorskip("xgboost")
    kind = xgboost.XGBRegressor if task == "regression" else xgboost.XGBClassifier
    fitted = kind(n_estimators=5, max_depth=3, enable_categorical=True).fit(booster_levels(X), sorted_codes(y))
    fitted.save_model(path / "m.ubj")
    return load_model(path / "m.ubj"), own(fitted, booster_levels(X))


def xgboost_native(task, X, y, path):
    xgboost = pytest.importorskip("xgboost")
    settings = {
        "binary": {"objective": "binary:logistic"},
        "multiclass": {"objective": "multi:softprob", "num_class": 3},
    }
    matrix = xgboost.DMatrix(booster_levels(X), sorted_codes(y), enable_categorical=True)
    booster = xgboost.train(settings.get(task, {}), matrix, 5)
    raw = booster.predict(matrix)
    if task == "regression":
        return booster, (raw, None)
    proba = np.column_stack([1 - raw, raw]) if task == "binary" else raw
    return booster, (proba.argmax(axis=1), proba)


def lightgbm_file(task, X, y, path):
    lightgbm = pytest.importorskip("lightgbm")
    kind = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    fitted = kind(n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1).fit(booster_levels(X), sorted_codes(y))
    fitted.booster_.save_model(path / "m.txt")
    return load_model(path / "m.txt"), own(fitted, booster_levels(X))


def lightgbm_native(task, X, y, path):
    lightgbm = pytest.importorskip("lightgbm")
    settings = {"binary": {"objective": "binary"}, "multiclass": {"objective": "multiclass", "num_class": 3}}
    made = lightgbm.Dataset(booster_levels(X), sorted_codes(y))
    booster = lightgbm.train({**settings.get(task, {}), "verbose": -1, "min_child_samples": 5}, made, 5)
    raw = booster.predict(booster_levels(X))
    if task == "regression":
        return booster, (raw, None)
    proba = np.column_stack([1 - raw, raw]) if task == "binary" else raw
    return booster, (proba.argmax(axis=1), proba)


def catboost_fitted(task, X, y, **settings):
    catboost = pytest.importorskip("catboost")
    kind = catboost.CatBoostRegressor if task == "regression" else catboost.CatBoostClassifier
    text = ["shape"] if "shape" in X else []
    return kind(iterations=5, depth=3, verbose=0, allow_writing_files=False, cat_features=text, **settings).fit(X, y)


def catboost_file(task, X, y, path):
    fitted = catboost_fitted(task, X, y)
    fitted.save_model(path / "m.cbm")
    return load_model(path / "m.cbm"), own(fitted, X)


def catboost_memory(task, X, y, path):
    fitted = catboost_fitted(task, X, y)
    return fitted, own(fitted, X)


def onnx_file(task, X, y, path):
    skl2onnx = pytest.importorskip("skl2onnx")
    ort = pytest.importorskip("onnxruntime")
    fitted = pipeline(task, X).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = skl2onnx.common.data_types
        inputs = [(c, made.StringTensorType([None, 1]) if c == "shape" else made.FloatTensorType([None, 1])) for c in X]
        data = skl2onnx.to_onnx(fitted, initial_types=inputs).SerializeToString()
    (path / "m.onnx").write_bytes(data)
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    fed = {
        c: X[[c]].astype(str if c == "shape" else "float32").to_numpy(object if c == "shape" else "float32") for c in X
    }
    got = session.run(None, fed)
    proba = None if task == "regression" else np.array([[row[k] for k in sorted(row)] for row in got[1]])
    return load_model(path / "m.onnx"), (np.asarray(got[0]).reshape(-1), proba)


def mlflow_folder(task, X, y, path):
    import skops.io

    fitted = pipeline(task, X).fit(X, y)
    (path / "MLmodel").write_text("flavors:\n  sklearn:\n    pickled_model: model.skops\n")
    skops.io.dump(fitted, path / "model.skops")
    return load_model(path), own(fitted, X)


LINEAR = {"binary": LogisticRegression(), "multiclass": LogisticRegression(), "regression": Ridge()}
WRAPPED: dict[str, dict[str, Callable[[], Any]]] = {
    "one against rest": {t: lambda: OneVsRestClassifier(LogisticRegression()) for t in TASKS[:2]},
    "decisions only": {t: lambda: LinearSVC(random_state=0) for t in TASKS[:2]},
    "calibrated": {t: lambda: CalibratedClassifierCV(LogisticRegression(), cv=2) for t in TASKS[:2]},
    "tuned threshold": {"binary": lambda: TunedThresholdClassifierCV(LogisticRegression(), cv=2)},
    "vote": {
        **{t: lambda: VotingClassifier([("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))], voting="soft") for t in TASKS[:2]},
        "regression": lambda: VotingRegressor([("a", Ridge()), ("b", Ridge(9.0))]),
    },
    "stack": {
        **{t: lambda: StackingClassifier([("a", LogisticRegression())], LogisticRegression(), cv=2) for t in TASKS[:2]},
        "regression": lambda: StackingRegressor([("a", Ridge())], Ridge(), cv=2),
    },
    "search": {t: lambda t=t: GridSearchCV(LINEAR[t], {"alpha" if t == "regression" else "C": [0.5, 1.0]}, cv=2) for t in TASKS},
    "target transformed": {"regression": lambda: TransformedTargetRegressor(Ridge(), func=np.sqrt, inverse_func=np.square)},
    "quantile": {"regression": lambda: HistGradientBoostingRegressor(loss="quantile", quantile=0.8, max_iter=5)},
}  # fmt: skip
"""Estimators around others, at the end of a pipeline: what each is for each task that it can do."""


def wrapped(kind):
    def make(task, X, y, path):
        fitted = pipeline(task, X, WRAPPED[kind][task]()).fit(X, y)
        return fitted, own(fitted, X)

    return make


def several_outputs(task, X, y, path):
    fitted = pipeline(task, X).fit(X, np.column_stack([-y, y]))
    return fitted, (fitted.predict(X)[:, 1], None)


def lightgbm_against_all(task, X, y, path):
    lightgbm = pytest.importorskip("lightgbm")
    kind = lightgbm.LGBMClassifier(objective="multiclassova", n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1)
    fitted = kind.fit(booster_levels(X), sorted_codes(y))
    fitted.booster_.save_model(path / "m.txt")
    return load_model(path / "m.txt"), own(fitted, booster_levels(X))


def catboost_against_all(task, X, y, path):
    fitted = catboost_fitted(task, X, y, loss_function="MultiClassOneVsAll")
    fitted.save_model(path / "m.cbm")
    return load_model(path / "m.cbm"), own(fitted, X)


class Plain:
    """An object with only the methods of the estimator inside; no classes, no names."""

    def __init__(self, inner):
        self.predict = inner.predict
        if is_classifier(inner):
            self.predict_proba = inner.predict_proba


def plain_object(task, X, y, path):
    fitted = pipeline(task, X).fit(X, y)
    return Plain(fitted), own(fitted, X)


def function(task, X, y, path):
    fitted = pipeline(task, X).fit(X, y)
    return (fitted.predict if task == "regression" else fitted.predict_proba), own(fitted, X)


SERVERS = contextlib.ExitStack()


def served(task, X, y, path, tools):
    """A scikit-learn model behind the Open Inference Protocol, one input a column."""
    fitted = pipeline(task, X).fit(X, y)
    types = {c: "BYTES" if c == "shape" else "FP64" if X[c].dtype.kind == "f" else "INT64" for c in X}
    inputs = [{"name": c, "datatype": t, "shape": [-1]} for c, t in types.items()]

    def answer(request):
        frame = tools.table(request, datatypes=types)
        if task == "regression":
            return [tools.out("predict", fitted.predict(frame), "FP64")]
        proba = fitted.predict_proba(frame)
        labels = fitted.classes_[proba.argmax(axis=1)]
        return [tools.out("predict", labels, "BYTES"), tools.out("predict_proba", proba, "FP64")]

    base = SERVERS.enter_context(tools.serving({"m": tools.Served({"inputs": inputs}, answer)}))
    return load_model(f"{base}/v2/models/m"), own(fitted, X)


KINDS: dict[str, Callable[..., tuple[Any, tuple[np.ndarray, np.ndarray | None]]]] = {
    "skops": skops_file, "pickle": pickle_file, "xgboost file": xgboost_file, "xgboost native": xgboost_native,
    "lightgbm file": lightgbm_file, "lightgbm native": lightgbm_native, "catboost file": catboost_file,
    "catboost": catboost_memory, "onnx": onnx_file, "mlflow": mlflow_folder, "object": plain_object, "function": function,
    "served": served, "several outputs": several_outputs, "lightgbm one against all": lightgbm_against_all,
    "catboost one against all": catboost_against_all, **{kind: wrapped(kind) for kind in WRAPPED},
}  # fmt: skip
DOES = {
    **{kind: tuple(tasks) for kind, tasks in WRAPPED.items()},
    "several outputs": ("regression",),
    "lightgbm one against all": ("multiclass",),
    "catboost one against all": ("multiclass",),
}
"""Tasks of the kinds that cannot do all three."""
CELLS = [(kind, task, data) for kind in KINDS for task in DOES.get(kind, TASKS) for data in DATA]
NUMBERED = ("xgboost file", "xgboost native", "lightgbm file", "lightgbm native", "lightgbm one against all")
DECIDES = ("decisions only", "lightgbm one against all", "catboost one against all")
"""Kinds whose scores are no probabilities."""
EXACT = {*NUMBERED, "skops", "pickle", "mlflow", "catboost", "catboost file", "catboost one against all", "decisions only",
         "tuned threshold", "search", "quantile"}  # fmt: skip
CATEGORIES_AS_TEXT = ("onnx",)
WHOLE = [kind for kind in KINDS if kind not in DOES or kind == "one against rest"]
"""Kinds whose whole report is written, which takes seconds."""
SETTINGS = {"several outputs": {"output_column": 1}}


@pytest.fixture(scope="module")
def made(tmp_path_factory, inference_server):
    """A function: kind, task, data -> (Evaluation, what the library itself says); each made once."""
    kept: dict[tuple[str, str, str], Any] = {}
    tools = {"served": {"tools": inference_server}}

    def make(kind: str, task: str, data: str):
        if (kind, task, data) not in kept:
            X = columns(data)
            y = outcome(X, task)
            model, said = KINDS[kind](task, X, y, tmp_path_factory.mktemp("model"), **tools.get(kind, {}))
            target = sorted_codes(y) if kind in NUMBERED else y
            frame = X.assign(target=target)[["target", *reversed(X.columns)]]
            settings = {"features": list(X.columns)} if kind in ("object", "function") else SETTINGS.get(kind, {})
            kept[kind, task, data] = mg.Evaluation(model, frame, target="target", task=task, **settings), said
        return kept[kind, task, data]

    yield make
    SERVERS.close()


@pytest.mark.parametrize(("kind", "task", "data"), CELLS)
def test_predictions_are_the_librarys_own(kind, task, data, made):
    ev, (labels, proba) = made(kind, task, data)
    assert ev.task == task
    if task == "regression":
        np.testing.assert_allclose(ev.predicted, labels.astype(float), rtol=1e-6)
        return
    assert [ev.classes[i] for i in ev.predicted] == labels.tolist()
    assert ev.score_kind == ("decision" if kind in DECIDES else "probability")
    got = ev.score if task == "multiclass" or proba.ndim == 1 else np.column_stack([1 - ev.score, ev.score])
    np.testing.assert_allclose(got, proba, atol=1e-6)


@pytest.mark.parametrize(("kind", "task", "data"), CELLS)
def test_shapley_values_add_up(kind, task, data, made):
    ev, (_, proba) = made(kind, task, data)
    got = shapley_values(ev, rows=4) if kind in EXACT else shapley_values(ev, rows=2, background=4, seed=1)
    assert got.exact == (kind in EXACT)
    whole = 1e-5 * max(1.0, float(np.abs(got.prediction).max()))
    assert got.additivity_gap < whole
    np.testing.assert_allclose(got.base + got.values.sum(axis=1), got.prediction, atol=whole)
    if got.scale in ("probability", "target"):  # the unit of the library's own answer
        said = proba if task == "multiclass" else None if proba is None else proba[:, 1:]
        own = np.asarray(made(kind, task, data)[1][0], float)[:, None] if said is None else said
        np.testing.assert_allclose(got.prediction, own[got.rows], atol=whole)


SHOWN = {
    "binary": ["performance", "slice_metrics", "confusion", "roc", "calibration", "thresholds", "predictions", "listing"],
    "multiclass": ["performance", "slice_metrics", "confusion", "roc", "calibration", "predictions", "listing"],
    "regression": ["performance", "slice_metrics", "residuals", "predictions", "listing"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "task", "data"), CELLS)
def test_results_in_strict_json_and_a_report(kind, task, data, made, tmp_path):
    """What ``--json`` prints, read back strictly; and of every kind and task (each data in turn) the smallest report, with the same sentence."""
    ev, (labels, _) = made(kind, task, data)
    outcomes = [run(ev, name) for name in SHOWN[task]]
    silent = ["calibration"] if kind in DECIDES else []
    assert [o.analysis.name for o in outcomes if o.result is None] == silent
    told = json.loads(json.dumps(as_object(ev, outcomes), allow_nan=False))
    assert [r["analysis"] for r in told["results"]] == SHOWN[task]
    assert told["source"]["rows"] == N
    listed = next(r for r in told["results"] if r["analysis"] == "listing")["frame"]
    predicted = [row[listed["columns"].index("predicted")] for row in listed["data"]]
    if task == "regression":
        np.testing.assert_allclose(predicted, labels[: len(predicted)].astype(float), rtol=1e-6)
    else:
        assert [str(p) for p in predicted] == [str(v) for v in labels[: len(predicted)]]
    if DATA[(list(KINDS).index(kind) + TASKS.index(task)) % len(DATA)] != data:
        return
    path = mg.report(ev, tmp_path / "report.html", analyses=["performance"])
    text = html.unescape(path.read_text(encoding="utf-8"))
    assert outcomes[0].result.sentence() in text
    assert ev.source.model_kind in text


def few_rows(task: str) -> dict[str, dict[str, int]]:
    """Give settings of twenty rows: what is tried here is that every analysis takes every kind of model."""
    sizes = {a.name: {s.name: max(20, s.low) for s in a.settings if s.name in ("rows", "train_rows") and s.low} for a in standing(task, cohort=False)}  # fmt: skip
    return {name: chosen for name, chosen in sizes.items() if chosen}


@pytest.mark.parametrize(
    ("kind", "task", "data"),
    [(k, DOES.get(k, TASKS)[i % len(DOES.get(k, TASKS))], DATA[i % 4]) for i, k in enumerate(WHOLE)],
)
def test_the_whole_report_comes_out(kind, task, data, made, tmp_path):
    """Each kind of model once: no section fails, and what can be said of every task is."""
    ev, _ = made(kind, task, data)
    path, gave_out = build.written(
        ev, tmp_path / "report.html", settings={**few_rows(task), "shapley_values": {"rows": 3}}
    )
    text = path.read_text(encoding="utf-8")
    assert gave_out == []
    assert "failed" not in text.lower().split("<script")[0]
    for name in ("performance", "slice_metrics", "column_facts", "shapley_values", "partial_dependence"):
        assert f'id="a-{name}"' in text


@pytest.mark.parametrize("kind", ["skops", "xgboost file", "lightgbm file", "catboost file", "onnx", "mlflow"])
def test_the_command_reads_every_kind_of_file(kind, made, tmp_path, capsys):
    """``modelglass slices MODEL DATA --json`` on the files themselves: the numbers of the Evaluation made in memory."""
    task, data = "binary", "csv"
    X = columns(data)
    y = outcome(X, task)
    folder = tmp_path / "model"
    folder.mkdir()
    KINDS[kind](task, X, y, folder)
    model = folder if kind == "mlflow" else next(folder.iterdir())
    frame = X.assign(target=sorted_codes(y) if kind in NUMBERED else y)
    frame.to_csv(tmp_path / "data.csv", index=False)
    frame.to_parquet(tmp_path / "data.parquet")
    for table in ("data.csv", "data.parquet"):
        with pytest.raises(SystemExit) as stop:
            cli.main(["slices", str(model), str(tmp_path / table), "--target", "target", "--json", "--quiet"])
        out, err = capsys.readouterr()
        assert stop.value.code == 0, err
        rows = json.loads(out)["results"][0]["frame"]
        keys = ["columns", "slice", "where", "metric"]
        mine = pd.DataFrame(rows["data"], columns=rows["columns"]).set_index(keys).sort_index()
        theirs = run(made(kind, task, data)[0], "slice_metrics").result.frame().set_index(keys).sort_index()
        assert mine.index.tolist() == theirs.index.tolist()
        for number in ("estimate", "low", "high", "n"):
            np.testing.assert_allclose(mine[number].astype(float), theirs[number], atol=1e-9)
