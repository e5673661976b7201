"""XGBoost's and LightGBM's own files: read as the libraries read them, and refused where they were changed."""

from __future__ import annotations

import copy
import json
import struct
import warnings

import numpy as np
import pandas as pd
import pytest

import modelglass as mg
from modelglass.analysis.errors import InputError
from modelglass.analysis.models.lightgbm_file import read_lightgbm
from modelglass.analysis.models.loading import load_model, wrap_model
from modelglass.analysis.models.trees import Damaged
from modelglass.analysis.models.xgboost_file import read_xgboost

xgboost = pytest.importorskip("xgboost")
lightgbm = pytest.importorskip("lightgbm")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "a": rng.normal(size=300), "c": pd.Categorical(rng.choice(list("uvwxyz"), 300)), "b": rng.normal(size=300)})  # fmt: skip
    frame.loc[::7, "a"] = np.nan
    return frame, (frame.a.fillna(0) + frame.c.isin(["u", "w"]) * 2 - 1 + frame.b > 0).astype(int)


@pytest.fixture(scope="module")
def booster(table):
    return xgboost.XGBClassifier(n_estimators=3, max_depth=3, enable_categorical=True).fit(*table)


@pytest.fixture(scope="module")
def light(table):
    return lightgbm.LGBMClassifier(n_estimators=4, verbose=-1, min_child_samples=5, n_jobs=1).fit(*table)


@pytest.mark.parametrize("ending", ["json", "ubj"])
def test_xgboost_file(ending, booster, table, tmp_path):
    frame, _ = table
    booster.save_model(tmp_path / f"m.{ending}")
    model = load_model(tmp_path / f"m.{ending}")
    assert (model.kind, model.task, model.classes, model.score_kind) == ("xgboost", "binary", (0, 1), "probability")
    assert model.feature_names == ("a", "c", "b")
    assert model.categories == {"c": list("uvwxyz")}
    labels, scores = model.both(model.prepare(frame))
    np.testing.assert_array_equal(labels, booster.predict(frame))
    np.testing.assert_array_equal(scores, booster.predict_proba(frame))


def test_xgboost_that_recorded_no_levels(booster, table, tmp_path):
    """As XGBoost 2 wrote it: levels are those of the data (or of the training data) in order, and that is said."""
    frame, y = table
    booster.save_model(tmp_path / "m.json")
    content = json.loads((tmp_path / "m.json").read_text())
    del content["learner"]["gradient_booster"]["model"]["cats"]
    (tmp_path / "m.json").write_text(json.dumps(content))
    model = load_model(tmp_path / "m.json")
    assert (model.categories, model.categorical) == ({}, ("c",))
    text = frame.assign(c=frame.c.astype(str), y=y)
    ev = mg.Evaluation(model, text, target="y")
    np.testing.assert_allclose(ev.score, booster.predict_proba(frame)[:, 1], atol=1e-6)
    assert any("numbered in the order u, v, w, x and 2 more" in n.text and n.level == "warning" for n in ev.notes)
    few = mg.Evaluation(model, text[text.c > "v"], target="y", train=text)
    np.testing.assert_allclose(few.score, booster.predict_proba(frame[text.c > "v"])[:, 1], atol=1e-6)


def test_both_formats_hold_the_same_trees(booster, tmp_path):
    trees = []
    for ending in ("json", "ubj"):
        booster.save_model(tmp_path / f"m.{ending}")
        trees.append(read_xgboost((tmp_path / f"m.{ending}").read_bytes())[1])
    for one, other in zip(*trees, strict=True):
        for name in ("left", "right", "feature", "missing_left"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        np.testing.assert_allclose(one.threshold, other.threshold, rtol=1e-6)


@pytest.mark.parametrize("how", [
    {"objective": "multi:softprob"}, {"objective": "multi:softmax"}, {"booster": "dart", "rate_drop": 0.5},
    {"tree_method": "exact", "gamma": 4.0}, {"booster": "gblinear"}, {"num_parallel_tree": 3, "subsample": 0.5},
])  # fmt: skip
def test_xgboost_of_every_kind(how, table, tmp_path):
    frame, _ = table
    frame = frame[["a", "b"]].fillna(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is deprecated", UserWarning)  # newer ones say so of dart and gblinear
        classifier = xgboost.XGBClassifier(n_estimators=4, **how).fit(frame, np.digitize(frame.b, [-0.5, 0.5]))
        classifier.save_model(tmp_path / "m.json")
    model = load_model(tmp_path / "m.json")
    assert all(n.startswith(("XGBoost warned while loading: `booster=", "The model")) for n in model.notes)
    labels, scores = model.both(model.prepare(frame))
    assert (model.task, model.classes) == ("multiclass", (0, 1, 2))
    np.testing.assert_array_equal(labels, classifier.predict(frame))
    np.testing.assert_allclose(scores, classifier.predict_proba(frame), atol=1e-6)


def test_xgboost_regression_without_names_and_margin(table, tmp_path):
    frame, y = table
    X = frame[["a", "b"]].to_numpy()
    regressor = xgboost.XGBRegressor(n_estimators=4).fit(X, frame.b)
    regressor.save_model(tmp_path / "m.ubj")
    model = load_model(tmp_path / "m.ubj")
    assert (model.task, model.feature_names, model.n_features) == ("regression", None, 2)
    np.testing.assert_array_equal(model.predict(model.prepare(frame[["a", "b"]])), regressor.predict(X))
    margin = wrap_model(xgboost.train({"objective": "binary:logitraw"}, xgboost.DMatrix(X, y), 3))
    assert (margin.score_kind, margin.scores(margin.prepare(frame[["a", "b"]])).shape) == ("decision", (300, 1))


def test_early_stopping_uses_the_best_round(table, tmp_path):
    frame, y = table
    X = frame[["a", "b"]]
    noise = np.random.default_rng(1).integers(0, 2, 300)
    classifier = xgboost.XGBClassifier(n_estimators=30, early_stopping_rounds=2).fit(
        X, y, eval_set=[(X, noise)], verbose=False
    )
    assert classifier.best_iteration + 1 < classifier.get_booster().num_boosted_rounds()
    classifier.save_model(tmp_path / "m.json")
    model = load_model(tmp_path / "m.json")
    np.testing.assert_array_equal(model.scores(model.prepare(X)), classifier.predict_proba(X))


def test_in_memory(booster, light, table):
    frame, _ = table
    for estimator, kind in ((booster, "xgboost"), (light, "lightgbm")):
        model = wrap_model(estimator)
        assert (model.kind, model.task, model.feature_names) == (kind, "binary", ("a", "c", "b"))
        assert model.categories == {"c": list("uvwxyz")}
        np.testing.assert_array_equal(model.both(model.prepare(frame))[1], estimator.predict_proba(frame))
    np.testing.assert_array_equal(wrap_model(light.booster_).scores(frame), light.predict_proba(frame))


def test_lightgbm_file(light, table, tmp_path):
    frame, y = table
    light.booster_.save_model(tmp_path / "m.txt")
    model = load_model(tmp_path / "m.txt")
    assert (model.kind, model.task, model.classes, model.feature_names) == (
        "lightgbm",
        "binary",
        (0, 1),
        ("a", "c", "b"),
    )
    assert model.categories == {"c": list("uvwxyz")}
    labels, scores = model.both(model.prepare(frame))
    np.testing.assert_array_equal(labels, light.predict(frame))
    np.testing.assert_array_equal(scores, light.predict_proba(frame))
    several = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(
        frame[["a", "b"]], np.digitize(frame.b, [-0.5, 0.5])
    )
    several.booster_.save_model(tmp_path / "m.txt")
    model = load_model(tmp_path / "m.txt")
    np.testing.assert_array_equal(model.scores(frame[["a", "b"]]), several.predict_proba(frame[["a", "b"]]))
    values = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, n_jobs=1).fit(frame[["a", "b"]].to_numpy(), y)
    values.booster_.save_model(tmp_path / "m.txt")
    model = load_model(tmp_path / "m.txt")
    assert (model.task, model.feature_names) == ("regression", None)


def walk(tree, row):
    """Predict one row by hand from a parsed tree."""
    node = 0
    while tree.left[node] != -1:
        x, listed = row[tree.feature[node]], tree.categories[node] if tree.categories else None
        if np.isnan(x):
            left = tree.missing_left[node]
        elif listed is not None:
            left = (int(x) in listed) != tree.listed_right
        else:
            left = np.float32(x) < np.float32(tree.threshold[node]) if tree.strict else x <= tree.threshold[node]
        node = tree.left[node] if left else tree.right[node]
    return tree.value[node, 0]


def test_parsed_trees_predict_as_the_libraries_do(booster, light, table, tmp_path):
    frame, _ = table
    rows = frame.assign(c=frame.c.cat.codes).to_numpy(dtype=float)[:60]
    booster.save_model(tmp_path / "m.json")
    content, trees = read_xgboost((tmp_path / "m.json").read_bytes())
    base = json.loads(content["learner"]["learner_model_param"]["base_score"].strip("[]"))
    by_hand = np.array([sum(walk(t, r) for t in trees) for r in rows]) + np.log(base / (1 - base))
    np.testing.assert_allclose(by_hand, booster.predict(frame[:60], output_margin=True), atol=1e-5)
    light.booster_.save_model(tmp_path / "m.txt")
    _, trees = read_lightgbm((tmp_path / "m.txt").read_bytes())
    by_hand = np.array([sum(walk(t, r) for t in trees) for r in rows])
    np.testing.assert_allclose(by_hand, light.predict(frame[:60], raw_score=True), atol=1e-12)


def in_tree(field, at, value):
    def change(content):
        tree = content["learner"]["gradient_booster"]["model"]["trees"][0]
        tree[field] = list(tree[field])
        tree[field][at] = value

    return change


def set_model(**values):
    return lambda content: content["learner"]["gradient_booster"]["model"].update(values)


def leaf_nan(content):
    tree = content["learner"]["gradient_booster"]["model"]["trees"][0]
    tree["split_conditions"][tree["left_children"].index(-1)] = float("inf")


def threshold_nan(content):
    for tree in content["learner"]["gradient_booster"]["model"]["trees"]:
        for i, child in enumerate(tree["left_children"]):
            if child != -1 and tree["split_type"][i] == 0:
                tree["split_conditions"][i] = float("nan")


def of_levels(change):
    return lambda content: change(content["learner"]["gradient_booster"]["model"]["cats"])


XGBOOST = {
    "child outside": in_tree("left_children", 0, 10**6),
    "child below zero": in_tree("right_children", 0, -5),
    "circle": in_tree("left_children", 0, 0),
    "one child": in_tree("right_children", 0, -1),
    "feature outside": in_tree("split_indices", 0, 3),
    "feature below zero": in_tree("split_indices", 0, -1),
    "not a whole number": in_tree("left_children", 0, 1.5),
    "text": in_tree("left_children", 0, "x"),
    "parent": in_tree("parents", 1, 2),
    "leaf not finite": leaf_nan,
    "threshold NaN": threshold_nan,
    "array too short": lambda c: c["learner"]["gradient_booster"]["model"]["trees"][0]["default_left"].pop(),
    "number of nodes": lambda c: c["learner"]["gradient_booster"]["model"]["trees"][0]["tree_param"].update(num_nodes="3"),
    "pruned nodes": lambda c: c["learner"]["gradient_booster"]["model"]["trees"][0]["tree_param"].update(num_deleted="1"),
    "outputs": lambda c: c["learner"]["gradient_booster"]["model"]["trees"][0]["tree_param"].update(size_leaf_vector="4"),
    "category segment": lambda c: [t.update(categories_sizes=[10**6] * len(t["categories_sizes"])) for t in
                                   c["learner"]["gradient_booster"]["model"]["trees"]],
    "category far out": lambda c: [t.update(categories=[2**30] * len(t["categories"])) for t in
                                   c["learner"]["gradient_booster"]["model"]["trees"]],
    "category nodes": lambda c: [t.update(categories_nodes=[99] * len(t["categories_nodes"])) for t in
                                 c["learner"]["gradient_booster"]["model"]["trees"]],
    "class of a tree": set_model(tree_info=[0, 0, 7]),
    "rounds": set_model(iteration_indptr=[0, 1, 2, 99]),
    "number of trees": set_model(gbtree_model_param={"num_trees": "9", "num_parallel_tree": "1"}),
    "columns": lambda c: c["learner"]["learner_model_param"].update(num_feature="0"),
    "names": lambda c: c["learner"].update(feature_names=["a"]),
    "booster": lambda c: c["learner"]["gradient_booster"].update(name="gbmagic"),
    "letters of a level": of_levels(lambda levels: levels["enc"][1]["offsets"].__setitem__(2, 900)),
    "order of the levels": of_levels(lambda levels: levels["sorted_idx"].__setitem__(0, 50)),
    "segments of the levels": of_levels(lambda levels: levels["feature_segments"].__setitem__(1, 50)),
    "no learner": lambda c: c.pop("learner"),
}  # fmt: skip


@pytest.mark.parametrize("name", XGBOOST)
def test_tampered_xgboost(name, booster, tmp_path):
    booster.save_model(tmp_path / "m.json")
    content = json.loads((tmp_path / "m.json").read_text())
    changed = copy.deepcopy(content)
    XGBOOST[name](changed)
    assert json.dumps(changed) != json.dumps(content)
    (tmp_path / "m.json").write_text(json.dumps(changed))
    with pytest.raises(InputError) as caught:
        load_model(tmp_path / "m.json")
    assert "m.json" in str(caught.value)
    assert len(str(caught.value).split("\n")) <= 5


def test_json_that_says_a_name_twice(booster, tmp_path):
    booster.save_model(tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text()
    (tmp_path / "m.json").write_text(text.replace('"left_children":', '"left_children":[9,9,9],"left_children":', 1))
    with pytest.raises(InputError, match="stands twice"):
        load_model(tmp_path / "m.json")


@pytest.mark.parametrize("ending", ["json", "ubj", "txt"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated(ending, share, booster, light, tmp_path):
    path = tmp_path / f"m.{ending}"
    if ending == "txt":
        text = light.booster_.model_to_string()
        path.write_text(text[: int(share * text.index("end of trees"))])
    else:
        booster.save_model(path)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError):
        load_model(path)


def test_ubjson_with_a_length_beyond_the_file():
    with pytest.raises(Damaged, match="longer than the file"):
        read_xgboost(b"{L" + struct.pack(">q", 2**60) + b"learner")
    with pytest.raises(Damaged, match="nested too deeply"):
        read_xgboost(b"[" * 500)


@pytest.mark.parametrize(
    ("name", "content"),
    [("m.json", b"[1, 2]"), ("m.json", b'{"a": 1}'), ("m.ubj", b"\x00\xff"), ("m.txt", b"a,b\n1,2\n")],
)
def test_another_file(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="Expected a model saved by"):
        load_model(tmp_path / name)


def line(name, change):
    """Change the numbers of the first line of this name in a tree that has one."""

    def run(text):
        head, _, rest = text.partition(f"\n{name}=")
        values, _, tail = rest.partition("\n")
        return f"{head}\n{name}={' '.join(change(values.split()))}\n{tail}"

    return run


LIGHTGBM = {
    "left child outside": line("left_child", lambda v: ["900", *v[1:]]),
    "leaf outside": line("left_child", lambda v: ["-900", *v[1:]]),
    "circle": line("left_child", lambda v: ["0", *v[1:]]),
    "two parents": line("right_child", lambda v: [v[-1], *v[1:]]),
    "feature outside": line("split_feature", lambda v: ["3", *v[1:]]),
    "feature below zero": line("split_feature", lambda v: ["-1", *v[1:]]),
    "threshold NaN": line("threshold", lambda v: ["nan"] * len(v)),
    "leaf not finite": line("leaf_value", lambda v: ["inf", *v[1:]]),
    "too few leaves": line("leaf_value", lambda v: v[1:]),
    "number of leaves": line("num_leaves", lambda v: ["99"]),
    "unknown split": line("decision_type", lambda v: ["15", *v[1:]]),
    "bounds of categories": line("cat_boundaries", lambda v: [*v[:-1], "900"]),
    "no categories": lambda text: text.replace("\nnum_cat=1", "\nnum_cat=0"),
    "linear leaves": line("is_linear", lambda v: ["1"]),
    "columns": line("max_feature_idx", lambda v: ["0"]),
    "trees of a round": line("num_tree_per_iteration", lambda v: ["3"]),
    "sizes": line("tree_sizes", lambda v: ["1", *v[1:]]),
}


def test_a_lightgbm_file_cut_in_its_end_is_refused(light, tmp_path):
    whole = light.booster_.model_to_string()
    read_lightgbm(whole.encode())
    end = whole.index("\nparameters:\n")
    for at in [
        *range(end + 13, len(whole) - 40, 97),
        len(whole) - 40,
    ]:  # LightGBM itself reads on past the end and crashes
        with pytest.raises(Damaged):
            read_lightgbm(whole[:at].encode())
    (tmp_path / "cut.txt").write_text(whole[: end + 200])
    with pytest.raises(InputError, match="cut short"):
        mg.load_model(tmp_path / "cut.txt")


@pytest.mark.parametrize("name", LIGHTGBM)
def test_tampered_lightgbm(name, light, tmp_path):
    text = light.booster_.model_to_string()
    assert "cat_boundaries" in text
    changed = LIGHTGBM[name](text)
    assert changed != text
    if name != "sizes":  # let the rule itself speak, not the sizes of the blocks
        changed = "\n".join(row for row in changed.split("\n") if not row.startswith("tree_sizes="))
    (tmp_path / "m.txt").write_text(changed)
    with pytest.raises(InputError) as caught:
        load_model(tmp_path / "m.txt")
    assert len(str(caught.value).split("\n")) <= 5
