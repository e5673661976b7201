"""CatBoost, ONNX, MLflow, plain objects, functions and code by name: read as they are, and refused with a reason."""

from __future__ import annotations

import json
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

import modelglass as mg
from modelglass.analysis.errors import InputError, MissingPackage
from modelglass.analysis.models.loading import load_model, wrap_model


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=240), "c": rng.choice(list("uvw"), 240), "b": rng.normal(size=240)})
    binary = np.where(frame.a + frame.b + frame.c.eq("u") > 0, "yes", "no")
    several = np.array(["low", "mid", "top"])[np.digitize(frame.b + frame.c.eq("u"), [-0.3, 0.6])]
    return frame.assign(binary=binary, several=several, value=frame.a * 2 + frame.b)


FEATURES = ["a", "c", "b"]


def lines(caught):
    text = str(caught.value)
    assert len(text.split("\n")) <= 5
    return text


# CatBoost ----------------------------------------------------------------------------------------------------------


def cat(kind="Classifier", **settings):
    catboost = pytest.importorskip("catboost")
    settings = {"iterations": 6, "depth": 3, "verbose": 0, "allow_writing_files": False, **settings}
    return getattr(catboost, f"CatBoost{kind}")(**settings)


@pytest.mark.parametrize("target", ["binary", "several"])
def test_catboost_classifier_file(target, table, tmp_path):
    fitted = cat(cat_features=["c"]).fit(table[FEATURES], table[target])
    fitted.save_model(tmp_path / "m.cbm")
    model = load_model(tmp_path / "m.cbm")
    assert (model.kind, model.feature_names, model.score_kind) == ("catboost", tuple(FEATURES), "probability")
    ev = mg.Evaluation(model, table[[target, "b", "c", "a"]], target=target)
    got = ev.score if target == "several" else np.column_stack([1 - ev.score, ev.score])
    np.testing.assert_allclose(got, fitted.predict_proba(table[FEATURES]), atol=1e-12)
    assert [ev.classes[i] for i in ev.predicted] == fitted.predict(table[FEATURES]).reshape(-1).tolist()


def test_catboost_regressors_types_and_thresholds(table, tmp_path):
    for loss in ("RMSE", "Poisson"):
        fitted = cat("Regressor", loss_function=loss).fit(table[["a", "b"]], np.abs(table.value))
        fitted.save_model(tmp_path / "m.cbm")
        model = load_model(tmp_path / "m.cbm")
        frame = table[["a", "b"]].astype("Float64")
        np.testing.assert_array_equal(model.predict(model.prepare(frame)), fitted.predict(table[["a", "b"]]))
    tuned = cat().fit(table[["a", "b"]].to_numpy(), table.a > 0)
    tuned.set_probability_threshold(0.9)
    tuned.save_model(tmp_path / "m.cbm")
    for model in (load_model(tmp_path / "m.cbm"), wrap_model(tuned)):
        assert (model.classes, model.feature_names, model.n_features) == ((False, True), None, 2)
        labels, _ = model.both(model.prepare(table[["a", "b"]]))
        assert labels.tolist() == tuned.predict(table[["a", "b"]].to_numpy()).tolist()


def test_catboost_says_what_it_cannot_read(table, tmp_path):
    fitted = cat(cat_features=["c"]).fit(table[FEATURES], table.binary)
    fitted.save_model(tmp_path / "m.cbm")
    with pytest.raises(InputError, match="1 without one, the first in row 3") as caught:
        mg.Evaluation(load_model(tmp_path / "m.cbm"), table.assign(c=table.c.mask(table.index == 3)), target="binary")
    assert "stood for missing" in lines(caught)
    data = (tmp_path / "m.cbm").read_bytes()
    for bad in (data[:60], data[: len(data) // 2], b"CBM1" + b"\xff" * 200, b"junk and more"):
        (tmp_path / "bad.cbm").write_bytes(bad)
        with pytest.raises(InputError, match=r"bad\.cbm") as caught:
            load_model(tmp_path / "bad.cbm")
        lines(caught)
    with pytest.raises(InputError, match="has not been fitted"):
        wrap_model(cat())


# ONNX --------------------------------------------------------------------------------------------------------------


def exported(model, path, types=None, **options):
    skl2onnx = pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    kinds = {"f": lambda: FloatTensorType([None, 1]), "s": lambda: StringTensorType([None, 1])}
    initial = (
        [("X", FloatTensorType([None, types]))]
        if isinstance(types, int)
        else [(n, kinds[k]()) for n, k in types.items()]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = skl2onnx.to_onnx(model, initial_types=initial, options={id(model): options} if options else None)
    path.write_bytes(graph.SerializeToString())
    return load_model(path)


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("target", ["binary", "several"])
def test_onnx_pipeline_with_one_input_a_column(zipmap, target, table, tmp_path):
    prepare = make_column_transformer((StandardScaler(), ["a", "b"]), (OneHotEncoder(handle_unknown="ignore"), ["c"]))
    fitted = make_pipeline(prepare, LogisticRegression()).fit(table[FEATURES], table[target])
    model = exported(fitted, tmp_path / "m.onnx", {"a": "f", "c": "s", "b": "f"}, zipmap=zipmap)
    assert (model.kind, model.feature_names) == ("onnx", tuple(FEATURES))
    ev = mg.Evaluation(model, table[[target, "b", "c", "a"]], target=target)
    got = ev.score if target == "several" else np.column_stack([1 - ev.score, ev.score])
    np.testing.assert_allclose(got, fitted.predict_proba(table[FEATURES]), atol=1e-5)
    assert np.mean([ev.classes[i] for i in ev.predicted] == fitted.predict(table[FEATURES])) == 1
    assert ev.score_kind == "probability"
    assert not [n for n in ev.notes if n.level == "warning"]


def test_onnx_matrix_regression_and_decisions(table, tmp_path):
    X = table[["a", "b"]].to_numpy()
    forest = RandomForestRegressor(5, random_state=0).fit(X, table.value)
    model = exported(forest, tmp_path / "r.onnx", 2)
    assert (model.feature_names, model.n_features) == (None, 2)
    ev = mg.Evaluation(model, table[["a", "b", "value"]], target="value")
    assert ev.task == "regression"
    np.testing.assert_allclose(ev.predicted, forest.predict(X), atol=1e-4)
    machine = LinearSVC().fit(X, table.binary)
    model = exported(machine, tmp_path / "s.onnx", 2)
    ev = mg.Evaluation(model, table[["a", "b", "binary"]], target="binary")
    np.testing.assert_allclose(ev.score, machine.decision_function(X), atol=1e-4)
    assert ev.score_kind == "decision"


def test_onnx_several_outputs_one_is_chosen(table, tmp_path):
    X = table[["a", "b"]].to_numpy()
    both = LinearRegression().fit(X, np.column_stack([table.a, table.value]))
    model = exported(both, tmp_path / "m.onnx", 2)
    ev = mg.Evaluation(model, table[["a", "b", "value"]], target="value", output_column=1)
    np.testing.assert_allclose(ev.predicted, both.predict(X)[:, 1], atol=1e-4)


def test_onnx_says_what_it_cannot_read(table, tmp_path):
    fitted = make_pipeline(make_column_transformer((StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["c"])),
                           LogisticRegression()).fit(table[FEATURES], table.binary)  # fmt: skip
    model = exported(fitted, tmp_path / "m.onnx", {"a": "f", "c": "s", "b": "f"})
    with pytest.raises(InputError, match=r"column 'c' on every row[\s\S]*row 5"):
        mg.Evaluation(model, table.assign(c=table.c.mask(table.index == 5)), target="binary")
    with pytest.raises(InputError, match=r"column 'a' as the graph reads it: tensor\(float\)[\s\S]*'x'"):
        mg.Evaluation(model, table.assign(a="x"), target="binary")
    with pytest.raises(InputError, match="lacks 'c'"):
        mg.Evaluation(model, table.drop(columns="c"), target="binary")
    data = (tmp_path / "m.onnx").read_bytes()
    for bad in (data[:60], data[: len(data) // 2], b"\xff" * 200, b"junk and more", b"\x08\x01"):
        (tmp_path / "bad.onnx").write_bytes(bad)
        with pytest.raises(InputError, match=r"bad\.onnx") as caught:
            load_model(tmp_path / "bad.onnx")
        lines(caught)


def test_onnx_weights_in_another_file_are_refused(table, tmp_path):
    onnx = pytest.importorskip("onnx")
    exported(LinearRegression().fit(table[["a", "b"]].to_numpy(), table.value), tmp_path / "m.onnx", 2)
    graph = onnx.load(tmp_path / "m.onnx")
    extra = onnx.numpy_helper.from_array(np.zeros(4, np.float32), "w")
    extra.ClearField("raw_data")
    extra.data_location = onnx.TensorProto.EXTERNAL
    entry = extra.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    graph.graph.initializer.append(extra)
    (tmp_path / "x.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(InputError, match="weights in another file"):
        load_model(tmp_path / "x.onnx")


# MLflow ------------------------------------------------------------------------------------------------------------


def folder_of(path, flavours, signature=None):
    path.mkdir(exist_ok=True)
    import yaml

    described = {"flavors": flavours, **({"signature": signature} if signature else {})}
    (path / "MLmodel").write_text(yaml.safe_dump(described))
    return path


def test_mlflow_folders_are_read_without_mlflow(table, tmp_path):
    fitted = make_pipeline(make_column_transformer((StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["c"])),
                           LogisticRegression()).fit(table[FEATURES], table.binary)  # fmt: skip
    folder = folder_of(tmp_path / "sk", {"sklearn": {"pickled_model": "model.skops"}, "python_function": {}})
    skops.io.dump(fitted, folder / "model.skops")
    model = load_model(folder)
    assert (model.kind, model.name, model.feature_names) == ("scikit-learn", "sk", tuple(FEATURES))
    ev = mg.Evaluation(model, table, target="binary")
    np.testing.assert_array_equal(ev.score, fitted.predict_proba(table[FEATURES])[:, 1])
    assert "MLflow folder, flavour sklearn" in model.notes[0]
    shutil.copytree(folder, tmp_path / "other")
    (tmp_path / "other" / "MLmodel").write_text((folder / "MLmodel").read_text() + "\nmodel_id: x\n")
    assert load_model(tmp_path / "other").fingerprint != model.fingerprint


def test_the_signature_names_the_columns(table, tmp_path):
    forest = RandomForestClassifier(3, random_state=0).fit(table[["b", "a"]].to_numpy(), table.binary)
    columns = json.dumps([{"name": "b", "type": "double"}, {"name": "a", "type": "double"}])
    folder = folder_of(tmp_path / "m", {"sklearn": {"pickled_model": "model.skops"}}, {"inputs": columns})
    skops.io.dump(forest, folder / "model.skops")
    ev = mg.Evaluation(load_model(folder), table[["a", "b", "binary"]], target="binary")
    assert ev.features == ("b", "a")
    np.testing.assert_array_equal(ev.score, forest.predict_proba(table[["b", "a"]].to_numpy())[:, 1])


def test_mlflow_boosters(table, tmp_path):
    X, y = table[["a", "b"]], (table.a > 0).astype(int)
    xgboost, lightgbm = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
    first = xgboost.XGBClassifier(n_estimators=3).fit(X, y)
    folder = folder_of(tmp_path / "x", {"xgboost": {"data": "model.ubj"}})
    first.save_model(folder / "model.ubj")
    second = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(X, y)
    light = folder_of(tmp_path / "l", {"lightgbm": {"data": "model.lgb"}})
    second.booster_.save_model(light / "model.lgb")
    for path, fitted in ((folder, first), (light, second)):
        ev = mg.Evaluation(load_model(path), X.assign(y=y), target="y")
        np.testing.assert_allclose(ev.score, fitted.predict_proba(X)[:, 1], atol=1e-7)


def test_mlflow_folders_that_are_not_whole(table, tmp_path):
    folder = tmp_path / "m"
    (tmp_path / "secret.skops").write_bytes(b"x")
    for flavours, said in [
        ({"sklearn": {"pickled_model": "../secret.skops"}}, "names files in itself"),
        ({"sklearn": {"pickled_model": "/etc/passwd"}}, "names files in itself"),
        ({"sklearn": {"pickled_model": "gone.skops"}}, "is not there"),
        ({"sklearn": {}}, "name the model's file"),
        ({"magic": {"data": "x"}}, "has magic"),
        ({"python_function": {"loader_module": "x"}}, "pass --trust"),
        ({"sklearn": "text"}, "Expected flavors"),
    ]:
        folder_of(folder, flavours)
        with pytest.raises(InputError, match=said) as caught:
            load_model(folder)
        lines(caught)
    folder_of(folder, {"sklearn": {"pickled_model": "model.pkl"}})
    (folder / "model.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match="is a pickle"):
        load_model(folder)
    for text in (
        "a: &x [1,2]\nb: [*x, *x]\n",
        "[" * 2_000,
        "x: " + "y" * 2_000_000,
        "a: 1\na: 2\n",
        "!!python/object:os.x {}",
    ):
        (folder / "MLmodel").write_text(text)
        with pytest.raises(InputError) as caught:
            load_model(folder)
        lines(caught)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="a folder without a file MLmodel"):
        load_model(tmp_path / "empty")


PYFUNC = """
import mlflow.pyfunc
class Rule(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return (model_input["b"] + model_input["n"] > 0).astype(int)
mlflow.models.set_model(Rule())
"""


@pytest.mark.filterwarnings("ignore")
def test_mlflow_pyfunc(table, tmp_path):
    mlflow = pytest.importorskip("mlflow.pyfunc")
    from mlflow.models import infer_signature

    frame = table[["b"]].assign(n=np.arange(240, dtype="int32") % 3)
    y = (frame.b + frame.n > 0).astype(int)
    (tmp_path / "rule.py").write_text(PYFUNC)
    mlflow.save_model(str(tmp_path / "m"), python_model=str(tmp_path / "rule.py"), signature=infer_signature(frame, y),
                      pip_requirements=[])  # fmt: skip
    with pytest.raises(InputError, match="runs code from the folder"):
        load_model(tmp_path / "m")
    model = load_model(tmp_path / "m", trust=True)
    assert (model.kind, model.feature_names) == ("mlflow", ("b", "n"))
    ev = mg.Evaluation(model, frame.astype({"n": "int64"}).assign(y=y), target="y")
    np.testing.assert_array_equal(ev.predicted, y)
    with pytest.raises(InputError, match="It refused"):
        mg.Evaluation(model, frame.assign(y=y, n="x"), target="y")


def test_a_missing_package_is_named(monkeypatch, table, tmp_path):
    import sys

    cat().fit(table[["a", "b"]], table.binary).save_model(tmp_path / "real.cbm")
    for package, ending, content in (
        ("catboost", "cbm", (tmp_path / "real.cbm").read_bytes()),
        ("onnxruntime", "onnx", b"\x3a\x00"),
    ):
        monkeypatch.setitem(sys.modules, package, None)
        (tmp_path / f"m.{ending}").write_bytes(content)
        with pytest.raises(MissingPackage, match=f"needs the package {package}"):
            load_model(tmp_path / f"m.{ending}")


# objects and functions ---------------------------------------------------------------------------------------------


class Only:
    """An object with just the methods it is given."""

    def __init__(self, **methods):
        self.__dict__.update(methods)


def proba(X):
    p = 1 / (1 + np.exp(-np.asarray(X["a"], dtype=float)))
    return np.column_stack([1 - p, p])


def decision(X):
    return np.asarray(X["a"], dtype=float)


@pytest.mark.parametrize(("model", "score_kind", "score"), [
    (Only(predict_proba=proba), "probability", lambda X: proba(X)[:, 1]),
    (Only(decision_function=decision), "decision", decision),
    (Only(predict_proba=proba, predict=lambda X: np.where(X["a"] > 1, "yes", "no")), "probability", lambda X: proba(X)[:, 1]),
    (Only(predict=lambda X: np.where(X["a"] > 0, "yes", "no")), None, None),
    (Only(predict_proba=proba, classes_=np.array(["no", "yes"])), "probability", lambda X: proba(X)[:, 1]),
    (proba, "probability", lambda X: proba(X)[:, 1]),
    (lambda X: proba(X)[:, 1], "probability", lambda X: proba(X)[:, 1]),
    (lambda X: pd.DataFrame(proba(X)), "probability", lambda X: proba(X)[:, 1]),
    (lambda X: 3 * decision(X), "decision", lambda X: 3 * decision(X)),
    (lambda X: ["yes" if v > 0 else "no" for v in X["a"]], None, None),
])  # fmt: skip
def test_objects_and_functions(model, score_kind, score, table):
    ev = mg.Evaluation(model, table[["a", "b", "binary"]], target="binary")
    assert (ev.task, ev.classes, ev.score_kind) == ("binary", ("no", "yes"), score_kind)
    if score is None:
        assert ev.score is None
        expected = table.a > 0
    else:
        np.testing.assert_allclose(ev.score, score(table))
        expected = table.a > (1 if hasattr(model, "predict") and hasattr(model, "predict_proba") else 0)
    np.testing.assert_array_equal(ev.predicted, expected.astype(int))


def test_a_function_of_one_probability_speaks_for_the_positive_class(table):
    ev = mg.Evaluation(lambda X: proba(X)[:, 1], table[["a", "b", "binary"]], target="binary", positive="no")
    np.testing.assert_allclose(ev.score, proba(table)[:, 1])
    assert ev.positive == "no"
    assert any("probability of 'no'" in n.text for n in ev.notes)


def test_a_function_in_other_tasks(table):
    values = mg.Evaluation(lambda X: X["a"] * 2, table[["a", "b", "value"]], target="value")
    assert values.task == "regression"
    np.testing.assert_array_equal(values.predicted, table.a * 2)
    counts = mg.Evaluation(
        lambda X: np.clip(X["a"], 0, 3), table[["a"]].assign(t=table.a.round().abs().astype(int)), target="t"
    )
    assert counts.task == "regression"

    def three(X):
        raw = np.exp(np.column_stack([-X["b"], 0 * X["b"], X["b"]]))
        return raw / raw.sum(axis=1, keepdims=True)

    ev = mg.Evaluation(three, table[["a", "b", "several"]], target="several")
    np.testing.assert_allclose(ev.score, three(table))
    with pytest.raises(InputError, match="as many labels in the target as the model has classes, 3"):
        mg.Evaluation(three, table[["a", "b", "binary"]], target="binary")
    with pytest.raises(InputError, match="one probability for each of 3 classes"):
        mg.Evaluation(lambda X: X["a"], table[["a", "several"]], target="several")
    zero_one = mg.Evaluation(proba, table[["a", "b"]].assign(t=table.binary), target="t", label={"no": 0, "yes": 1})
    np.testing.assert_allclose(zero_one.score, proba(table)[:, 1])


def test_several_outputs_of_a_regression(table):
    X = table[["a", "b"]]
    both = LinearRegression().fit(X, np.column_stack([table.a, table.value]))
    frame = X.assign(value=table.value)
    with pytest.raises(InputError, match=r"gives 2 values a row[\s\S]*--output-column N, from 0 to 1"):
        mg.Evaluation(both, frame, target="value")
    ev = mg.Evaluation(both, frame, target="value", output_column=1)
    np.testing.assert_array_equal(ev.predicted, both.predict(X)[:, 1])
    np.testing.assert_array_equal(ev.output(X[:5]), both.predict(X[:5])[:, 1])
    assert any("2 values a row; this is output 1 (the others: 0)" in n.text for n in ev.notes)
    other = mg.Evaluation(both, frame, target="value", output_column="0")
    assert other.fingerprint != ev.fingerprint
    for wrong in (2, "rent", -1):
        with pytest.raises(InputError, match="Got "):
            mg.Evaluation(both, frame, target="value", output_column=wrong)
    one = LinearRegression().fit(X, table.value)
    with pytest.raises(InputError, match="one value a row"):
        mg.Evaluation(one, frame, target="value", output_column=1)


CODE = """
import numpy as np
class Rule:
    def predict(self, X):
        return np.where(X["a"] > 0, "yes", "no")
    class Inner:
        pass
rule = Rule()
Rule.best = rule
def score(X):
    return 1 / (1 + np.exp(-np.asarray(X["a"], dtype=float)))
"""


def test_code_by_name(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    (tmp_path / "shop_rules.py").write_text(CODE)
    (tmp_path / "shop_broken.py").write_text("import no_such_package_at_all\n")
    for text in ("shop_rules:rule", "shop_rules:Rule.best", "shop_rules:score"):
        model = load_model(text)
        assert model.name == text
        assert "imported from the Python module shop_rules, which ran its code" in model.notes[0]
        ev = mg.Evaluation(model, table[["a", "b", "binary"]], target="binary")
        np.testing.assert_array_equal(ev.predicted, (table.a > 0).astype(int))
    for text, said in [
        ("shop_rules:rul", "Did you mean 'rule'"),
        ("shop_rules:Rule", "the class Rule"),
        ("shop_rules:np", "type module"),
        ("shop_ruless:rule", "There is no module shop_ruless"),
        ("shop_broken:x", "ModuleNotFoundError: No module named 'no_such_package_at_all'"),
    ]:
        with pytest.raises(InputError, match=said) as caught:
            load_model(text)
        lines(caught)
