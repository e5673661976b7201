"""Tampered skops files: every rule of the safety check refuses the file, in a few lines, before anything is predicted."""

from __future__ import annotations

import io
import json
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
import scipy
import skops.io
from scipy import sparse
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.fixes import parse_version as parse
from sklearn.utils.validation import check_array

from modelglass.analysis.errors import InputError
from modelglass.analysis.models.loading import load_model


def refused(path) -> str:
    """Load, expect a refusal in 1 to 5 lines, give its text."""
    with pytest.raises(InputError) as caught:
        load_model(path)
    text = str(caught.value)
    assert 1 <= len(text.split("\n")) <= 5
    assert "Traceback" not in text
    return text


def files_of(archive, field):
    """Files of the arrays that stand under a name."""
    found = []
    for node in archive.nodes():
        content = node.get("content")
        if isinstance(content, dict) and isinstance(content.get(field), dict) and "file" in content[field]:
            found.append(content[field]["file"])
    return found


def set_at(field, where, value):
    def change(nodes):
        nodes[field][where] = value

    return change


def first(nodes, leaf):
    return np.flatnonzero((nodes["left_child"] == -1) == leaf)[0]


def at_split(field, value):
    return lambda nodes: set_at(field, first(nodes, False), value)(nodes)


def at_leaf(field, value):
    return lambda nodes: set_at(field, first(nodes, True), value)(nodes)


def swap_to_cycle(nodes):
    nodes["left_child"][1:][nodes["left_child"][1:] != -1] = 0


def share_child(nodes):
    nodes["right_child"][0] = nodes["left_child"][0]


TREE_NODES = {
    "child far outside": (at_split("left_child", 10**9), "outside the tree"),
    "child just outside": (lambda n: set_at("right_child", 0, len(n))(n), "outside the tree"),
    "child below zero": (at_split("right_child", -7), "outside the tree"),
    "one child only": (at_split("right_child", -1), "one child only"),
    "leaf with a child": (at_leaf("left_child", 1), "one child only"),
    "child before its parent": (swap_to_cycle, "before its parent"),
    "root is its own child": (set_at("left_child", 0, 0), "before its parent"),
    "child of two": (share_child, "exactly once"),
    "feature outside": (at_split("feature", 4), "column outside"),
    "feature far outside": (at_split("feature", 2**40), "column outside"),
    "feature below zero": (at_split("feature", -3), "column outside"),
    "threshold NaN": (at_split("threshold", np.nan), "threshold of a tree is NaN"),
}


@pytest.mark.parametrize("name", TREE_NODES)
@pytest.mark.parametrize("holder", ["forest", "boosting", "grid in pipeline", "voting"])
def test_tampered_tree_nodes(name, holder, small, archive, quiet_fit, tmp_path):
    tree = {
        "forest": RandomForestClassifier(2, random_state=0),
        "boosting": GradientBoostingClassifier(n_estimators=2, random_state=0),
        "grid in pipeline": make_pipeline(
            StandardScaler(), GridSearchCV(RandomForestClassifier(2, random_state=0), {"max_depth": [4]}, cv=2)),
        "voting": VotingClassifier([("l", LogisticRegression(max_iter=500)), ("t", DecisionTreeClassifier(random_state=0))]),
    }[holder]  # fmt: skip
    parts = archive(quiet_fit(tree, small.X, small.y))
    change, reason = TREE_NODES[name]
    files = {f for f in files_of(parts, "nodes") if len(np.load(io.BytesIO(parts.parts[f]))) > 3}
    for file in files:
        parts.edit_array(file, change)
    assert files
    assert reason in refused(parts.write(tmp_path / "tampered.skops"))


def test_infinite_threshold_is_legal(small, archive, tmp_path):
    parts = archive(DecisionTreeClassifier(random_state=0).fit(small.X, small.y))
    parts.edit_array(files_of(parts, "nodes")[0], at_split("threshold", np.inf))
    assert load_model(parts.write(tmp_path / "m.skops")).task == "multiclass"


def json_under(parts, field, value):
    for node in parts.nodes():
        content = node.get("content")
        if (
            isinstance(content, dict)
            and isinstance(content.get(field), dict)
            and content[field]["__loader__"] == "JsonNode"
        ):
            content[field].pop("__id__", None)
            content[field]["content"] = json.dumps(value)


def tree_args(parts):
    return parts.nodes(loader="TreeNode")[0]["__reduce__"]["args"]["content"]


def longer_values(parts):
    parts.edit_array(files_of(parts, "values")[0], lambda v: np.concatenate([v, v]))


def infinite_leaf(parts):
    parts.edit_array(
        files_of(parts, "values")[0], lambda v: np.where(np.arange(len(v))[:, None, None] == len(v) - 1, np.inf, v)
    )


def own_file(parts, node, array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    parts.parts["evil.npy"] = buffer.getvalue()
    node["file"] = "evil.npy"


FOREST = {
    "fewer nodes than stored": (lambda p: json_under(p, "node_count", 3), "does not agree with its arrays"),
    "no nodes": (lambda p: json_under(p, "node_count", 0), "does not agree with its arrays"),
    "negative count": (lambda p: json_under(p, "node_count", -5), "does not agree with its arrays"),
    "depth too small": (lambda p: json_under(p, "max_depth", 0), "depth of a tree"),
    "depth too large": (lambda p: json_under(p, "max_depth", 10**6), "depth of a tree"),
    "values of another length": (longer_values, "Wrong shape for value array"),
    "infinite leaf": (infinite_leaf, "not finite"),
    "more outputs than classes are given for": (lambda p: tree_args(p)[2].update(content="50"), "classes and outputs"),
    "no outputs": (lambda p: tree_args(p)[2].update(content="0"), "classes and outputs"),
    "outputs not a number": (lambda p: tree_args(p)[2].update(content='"x"'), "whole numbers"),
    "huge number of classes": (lambda p: own_file(p, tree_args(p)[1], np.array([2**40])), "impossible number of classes"),
    "another number of classes": (lambda p: own_file(p, tree_args(p)[1], np.array([2])), "Wrong shape for value array"),
    "fewer columns in the tree": (lambda p: tree_args(p)[0].update(content="2"), "a tree of 2 columns"),
    "more columns in the forest": (lambda p: json_under(p, "n_features_in_", 9), "columns"),
    "width not said": (lambda p: json_under(p, "n_features_in_", None), "n_features_in_ is missing"),
    "outputs of the estimator": (lambda p: json_under(p, "n_outputs_", 3), "parts agree with each other"),
    "sizes replaced by something else": (lambda p: tree_args(p)[1].update(__loader__="JsonNode", content="1"), "not its sizes"),
    "empty state": (lambda p: p.nodes(loader="TreeNode")[0].update(
        content={"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {},
                 "key_types": {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": []}}),
        "does not agree with its arrays"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREST)
def test_tampered_forest(name, small, archive, tmp_path):
    parts = archive(RandomForestClassifier(2, random_state=0).fit(small.X, small.y))
    change, reason = FOREST[name]
    change(parts)
    assert reason in refused(parts.write(tmp_path / "tampered.skops"))


def test_more_nodes_than_stored_are_cut_by_scikit_learn_itself(small, archive, tmp_path):
    parts = archive(RandomForestClassifier(2, random_state=0).fit(small.X, small.y))
    json_under(parts, "node_count", 10**9)
    model = load_model(parts.write(tmp_path / "m.skops"))
    assert all(t.tree_.node_count == t.tree_.capacity < 100 for t in model.estimator.estimators_)


def test_missing_flag_of_another_length_is_part_of_the_node(small, archive, tmp_path):
    """``missing_go_to_left`` lives in the node record, so another record type is refused as a whole."""
    parts = archive(DecisionTreeClassifier().fit(small.X, small.y))
    parts.edit_array(files_of(parts, "nodes")[0], lambda n: n[[f for f in n.dtype.names if f != "feature"]].copy())
    assert "incompatible dtype" in refused(parts.write(tmp_path / "tampered.skops"))


def dumped(model, tmp_path):
    skops.io.dump(model, tmp_path / "tampered.skops")
    return tmp_path / "tampered.skops"


def hist(small):
    levels = pd.Categorical(np.array(list("uvwxyz"))[np.arange(150) * 7 % 6])
    frame = pd.DataFrame({"a": small.X[:, 0], "b": levels})
    return HistGradientBoostingClassifier(
        max_iter=2, categorical_features="from_dtype", random_state=0, min_samples_leaf=5
    ).fit(frame, frame.b.isin(["u", "x"]) ^ (frame.a > 5.8) ^ (frame.a > 6.5))


def split_of(nodes, categorical):
    return np.flatnonzero((nodes["is_leaf"] == 0) & (nodes["is_categorical"] == categorical))[0]


def in_hist(field, value, categorical=0):
    def change(model):
        for predictor in (p for one in model._predictors for p in one):
            splits = np.flatnonzero(
                (predictor.nodes["is_leaf"] == 0) & (predictor.nodes["is_categorical"] == categorical)
            )
            predictor.nodes[field][splits] = value

    return change


def all_predictors(change):
    def run(model):
        for predictor in (p for one in model._predictors for p in one):
            change(predictor)

    return run


def hist_leaf(model):
    nodes = model._predictors[0][0].nodes
    nodes["value"][nodes["is_leaf"] != 0] = np.nan


def narrower_preprocessor(model):
    name, _, mask = model._preprocessor.transformers_[1]
    model._preprocessor.transformers_[1] = (name, "drop", mask)


def other_function(model):
    model._preprocessor.transformers_[1][1].func = np.log1p


HIST = {
    "left child outside": (in_hist("left", 10**6), "outside the tree"),
    "right child outside": (in_hist("right", 2**32 - 1), "outside the tree"),
    "circle": (in_hist("left", 0), "before its parent"),
    "feature outside": (in_hist("feature_idx", 2), "column outside"),
    "feature below zero": (in_hist("feature_idx", -1), "column outside"),
    "threshold NaN": (in_hist("num_threshold", np.nan), "threshold of a tree is NaN"),
    "leaf NaN": (hist_leaf, "not finite"),
    "bitset outside": (in_hist("bitset_idx", 1000, categorical=1), "outside the bitsets"),
    "category of a numeric column": (in_hist("feature_idx", 1, categorical=1), "asks a column for a category"),
    "raw bitsets missing": (all_predictors(lambda p: setattr(p, "raw_left_cat_bitsets", p.raw_left_cat_bitsets[:0])), "bitset"),
    "binned bitsets missing": (all_predictors(lambda p: setattr(p, "binned_left_cat_bitsets", p.raw_left_cat_bitsets[:0])), "bitset"),
    "bitsets too narrow": (all_predictors(lambda p: setattr(p, "raw_left_cat_bitsets", p.raw_left_cat_bitsets[:, :4].copy())), "bitsets"),
    "bitsets of another type": (
        all_predictors(lambda p: setattr(p, "raw_left_cat_bitsets", p.raw_left_cat_bitsets.astype("u8"))), "bitsets"),
    "nodes of no length": (all_predictors(lambda p: setattr(p, "nodes", p.nodes[:0])), "not of the right type"),
    "bin map too short": (lambda m: setattr(m._bin_mapper, "is_categorical_", np.array([1], dtype=np.uint8)), "bin map"),
    "bin edges too short": (lambda m: m._bin_mapper.bin_thresholds_.pop(), "bin map"),
    "category of the bin map outside": (lambda m: m._bin_mapper.bin_thresholds_.__setitem__(0, np.array([0.0, 900.0])), "out of range"),
    "bin of missing values outside": (lambda m: setattr(m._bin_mapper, "missing_values_bin_idx_", 4000), "out of range"),
    "taken for binned data": (lambda m: setattr(m, "_in_fit", True), "does not agree with its columns"),
    "preprocessor drops a column": (narrower_preprocessor, "drops columns"),
    "preprocessor of another function": (other_function, "not the one that scikit-learn makes"),
    "no preprocessor of that kind": (lambda m: setattr(m, "_preprocessor", StandardScaler()), "not the one that scikit-learn makes"),
    "trees of an iteration": (lambda m: m._predictors[0].append(m._predictors[0][0]), "one tree a class"),
    "classes": (lambda m: setattr(m, "n_trees_per_iteration_", 5), "agree with the classes"),
    "baseline": (lambda m: setattr(m, "_baseline_prediction", m._baseline_prediction * np.nan), "not finite"),
    "a forest's tree in place of its own": (
        lambda m: m._predictors.__setitem__(0, [DecisionTreeClassifier()]), "not a tree"),
}  # fmt: skip


@pytest.mark.parametrize("name", HIST)
def test_tampered_hist(name, small, tmp_path):
    change, reason = HIST[name]
    model = hist(small)
    assert split_of(model._predictors[0][0].nodes, 0) >= 0
    assert any((p.nodes["is_categorical"] != 0).any() for one in model._predictors for p in one)
    change(model)
    assert reason in refused(dumped(model, tmp_path))


def boosted(small):
    return GradientBoostingClassifier(n_estimators=2, random_state=0).fit(small.X, small.y)


def member_of_other_width(model, small):
    model.estimators_[0, 0] = type(model.estimators_[0, 0])().fit(small.X[:, :2], small.X[:, 3])


BOOSTED = {
    "more columns of trees than classes": (lambda m, s: setattr(m, "estimators_", np.hstack([m.estimators_] * 2)), "does not agree"),
    "a list": (lambda m, s: setattr(m, "estimators_", m.estimators_.tolist()), "does not agree"),
    "another model": (lambda m, s: m.estimators_.__setitem__((0, 0), LogisticRegression()), "not a decision tree"),
    "a tree of other columns": (member_of_other_width, "a tree reads 2 columns"),
    "a loss of fewer classes": (lambda m, s: setattr(m, "_loss", GradientBoostingClassifier(n_estimators=1).fit(s.X, s.y > 0)._loss),
                                "loss or the trees"),
    "a start of fewer classes": (lambda m, s: setattr(m.init_, "class_prior_", m.init_.class_prior_[:2]), "start of gradient boosting"),
    "a start that is another model": (lambda m, s: setattr(m, "init_", LogisticRegression(max_iter=500).fit(s.X, s.y)), "cannot be checked"),
    "trees of the classes": (lambda m, s: setattr(m, "n_trees_per_iteration_", 1), "does not agree"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOOSTED)
def test_tampered_gradient_boosting(name, small, tmp_path):
    change, reason = BOOSTED[name]
    model = boosted(small)
    change(model, small)
    assert reason in refused(dumped(model, tmp_path))


def test_forest_of_trees_with_other_columns_classes_or_task(small, tmp_path):
    forest = RandomForestClassifier(2).fit(small.X, small.y)
    forest.estimators_[1] = DecisionTreeClassifier().fit(small.X[:, :3], small.y)
    assert "reads 3 columns" in refused(dumped(forest, tmp_path))
    forest.estimators_[1] = DecisionTreeClassifier().fit(small.X, small.y > 0)
    assert "other classes" in refused(dumped(forest, tmp_path))
    regression = RandomForestRegressor(2).fit(small.X, small.y)
    regression.estimators_[0] = forest.estimators_[0]
    assert "other classes" in refused(dumped(regression, tmp_path))


def test_a_tree_may_stand_in_tree_models_only(small, tmp_path):
    """As a member of a vote a bare Tree would be asked with any width."""
    tree = DecisionTreeClassifier().fit(small.X, small.y)
    vote = VotingClassifier([("l", LogisticRegression(max_iter=500))]).fit(small.X, small.y)
    vote.estimators_ = [tree.tree_]
    assert "stands outside a tree model" in refused(dumped(vote, tmp_path))
    vote.estimators_ = [tree, tree.tree_]
    assert "stands outside a tree model" in refused(dumped(vote, tmp_path))
    vote.estimators_ = [tree]
    assert load_model(dumped(vote, tmp_path)).task == "multiclass"


def test_masked_arrays_cannot_hide_numbers_from_the_check(small, tmp_path):
    """Numpy's comparisons skip what is masked; compiled code does not."""
    model = KNeighborsClassifier(algorithm="brute").fit(small.X, small.y)
    model._y = np.ma.MaskedArray(np.full(150, 10**6), mask=True)
    assert "an array is a MaskedArray" in refused(dumped(model, tmp_path))
    shared = np.ma.MaskedArray(np.full(150, 10**6), mask=True)
    search = GridSearchCV(KNeighborsClassifier(algorithm="brute"), {"n_neighbors": [1, 2]}, cv=2).fit(small.X, small.y)
    search.cv_results_["param_n_neighbors"] = shared
    search.best_estimator_._y = shared
    assert "an array is a MaskedArray" in refused(dumped(search, tmp_path))


def test_a_model_among_the_results_of_a_search_is_checked_like_any(small, tmp_path):
    """Reached first through the table of results, where settings may be masked; its own arrays may not."""
    search = GridSearchCV(HistGradientBoostingClassifier(max_iter=1), {"max_depth": [2, 3]}, cv=2)
    search.fit(small.X, small.y)
    predictor = search.best_estimator_._predictors[0][0]
    mask = np.zeros(len(predictor.nodes), dtype=[(name, bool) for name in predictor.nodes.dtype.names])
    leaf = np.flatnonzero(predictor.nodes["is_leaf"])[0]
    predictor.nodes["left"][leaf] = predictor.nodes["right"][leaf] = 10**8
    predictor.nodes["is_leaf"][leaf], mask["is_leaf"][leaf] = 0, True
    predictor.nodes = np.ma.MaskedArray(predictor.nodes, mask)
    search.cv_results_["model"] = search.best_estimator_
    search.cv_results_ = search.__dict__.pop("cv_results_")  # last attribute: looked at first
    assert "an array is a MaskedArray" in refused(dumped(search, tmp_path))
    vote = VotingClassifier([("l", LogisticRegression(max_iter=500))]).fit(small.X, small.y)
    vote.named_estimators_[".cv_results_["] = search.best_estimator_
    vote.estimators_.append(search.best_estimator_)
    assert "an array is a MaskedArray" in refused(dumped(vote, tmp_path))


@pytest.mark.parametrize("name", ["kw_args", "inv_kw_args"])
def test_no_function_writes_into_arrays_that_were_checked(name, small, tmp_path):
    nearest = KNeighborsClassifier(algorithm="brute").fit(small.X, small.y)
    step = FunctionTransformer(np.exp2, **{name: {"out": nearest._y, "casting": "unsafe"}})
    assert "lets a function write into an array" in refused(dumped(make_pipeline(step, nearest), tmp_path))
    step = FunctionTransformer(np.exp2, **{name: {"casting": "unsafe"}})
    assert load_model(dumped(make_pipeline(step, nearest), tmp_path)).task == "multiclass"


def test_sparse_arrays_of_another_format_and_text_from_files(small, tmp_path):
    model = LogisticRegression(max_iter=500).fit(small.X, small.y)
    model.coef_ = sparse.csr_matrix(model.coef_)
    model.coef_.indices[0] = 10**6
    refused(dumped(model, tmp_path))
    words = make_pipeline(CountVectorizer(vocabulary=["root"], input="filename"), LogisticRegression())
    assert "opens files" in refused(dumped(words, tmp_path))
    words = make_pipeline(CountVectorizer(), LogisticRegression()).fit(["a good day", "bad day"], [0, 1])
    words[0].vocabulary_["day"] = 10**6
    assert "vocabulary" in refused(dumped(words, tmp_path))


@pytest.mark.parametrize("name", ["predict", "_validate_X_predict", "__sklearn_tags__", "apply"])
def test_no_attribute_takes_the_place_of_a_method(name, small, tmp_path):
    tree = DecisionTreeClassifier().fit(small.X, small.y)
    vars(tree)[name] = np.positive
    assert f"in place of its method {name}" in refused(dumped(tree, tmp_path))


SVMS = {
    "one vector fewer": lambda m: setattr(m, "support_vectors_", m.support_vectors_[:-1]),
    "fewer coefficients": lambda m: setattr(m, "_dual_coef_", m._dual_coef_[:, :-1].copy()),
    "counts of another sum": lambda m: setattr(m, "_n_support", m._n_support * 100),
    "negative counts": lambda m: setattr(m, "_n_support", np.array([-5, 10, 5], dtype=np.int32)),
    "counts of fewer classes": lambda m: setattr(m, "_n_support", m._n_support[:2].copy()),
    "no intercepts": lambda m: setattr(m, "_intercept_", m._intercept_[:0]),
    "vectors of other columns": lambda m: setattr(m, "support_vectors_", m.support_vectors_[:, :2].copy()),
    "probabilities of other pairs": lambda m: setattr(m, "_probA", np.zeros(1)),
    "a precomputed kernel": lambda m: setattr(m, "kernel", "precomputed"),
    "sparse that is not": lambda m: setattr(m, "_sparse", True),
    "weights of other classes": lambda m: setattr(m, "class_weight_", np.ones(7)),
    "fewer supports": lambda m: setattr(m, "support_", m.support_[:2]),
    "another machine": lambda m: vars(m).__setitem__("_impl", "nu_svr"),
}


@pytest.mark.parametrize("name", SVMS)
def test_tampered_support_vectors(name, small, tmp_path):
    model = SVC().fit(small.X, small.y)
    SVMS[name](model)
    refused(dumped(model, tmp_path))


def test_tampered_support_vectors_of_a_regression_and_sparse(small, tmp_path):
    model = SVR().fit(small.Xr, small.yr)
    model._n_support = model._n_support * 3
    assert "numbers of support vectors" in refused(dumped(model, tmp_path))
    model = SVC().fit(sparse.csr_matrix(small.X), small.y)
    model.support_vectors_.indices[0] = 50_000
    assert "support_vectors_" in refused(dumped(model, tmp_path)) or "indices" in refused(dumped(model, tmp_path))


NEIGHBOURS = {
    "label outside": (lambda m: m._y.__setitem__(0, 99), "out of range"),
    "label below zero": (lambda m: m._y.__setitem__(0, -99), "out of range"),
    "rows fewer than labels": (lambda m: setattr(m, "_fit_X", m._fit_X[:5]), "do not agree"),
    "rows of other columns": (lambda m: setattr(m, "_fit_X", m._fit_X[:, :2].copy()), "do not agree"),
    "rows not finite": (lambda m: m._fit_X.__setitem__((0, 0), np.nan), "not finite"),
    "a metric with its own arrays": (lambda m: setattr(m, "effective_metric_params_", {"V": np.ones(1)}), "own metric"),
    "an unknown metric": (lambda m: setattr(m, "effective_metric_", "seuclidean"), "own metric"),
}


@pytest.mark.parametrize("name", NEIGHBOURS)
@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
def test_tampered_neighbours(name, algorithm, small, tmp_path):
    model = KNeighborsClassifier(algorithm=algorithm).fit(small.X, small.y)
    change, reason = NEIGHBOURS[name]
    change(model)
    assert reason in refused(dumped(model, tmp_path))


def encoder(small, **how):
    return make_pipeline(OneHotEncoder(**how), LogisticRegression()).fit(small.frame[["b", "c"]], small.y)


ONE_HOT = {
    "width": ({}, lambda e: setattr(e, "_n_features_outs", [1, 1]), "width of the one-hot columns"),
    "dropped below zero": ({"drop": "first"}, lambda e: setattr(e, "_drop_idx_after_grouping", np.array([-9, 0], dtype=object)),
                           "dropped category"),
    "infrequent outside": ({"max_categories": 2, "min_frequency": 100}, lambda e: e._default_to_infrequent_mappings.__setitem__(
        slice(None), [None if m is None else m + 1000 for m in e._default_to_infrequent_mappings]), "infrequent category"),
    "columns": ({}, lambda e: e.categories_.pop(), "categories do not agree"),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_HOT)
def test_tampered_one_hot_encoder(name, small, tmp_path):
    how, change, reason = ONE_HOT[name]
    model = encoder(small, **how)
    change(model[0])
    assert reason in refused(dumped(model, tmp_path))


def test_tampered_splines(small, archive, tmp_path):
    model = make_pipeline(SplineTransformer(), Ridge()).fit(small.Xr, small.yr)
    model[0].bsplines_[0].c = model[0].bsplines_[0].c[:2]
    assert "spline" in refused(dumped(model, tmp_path))
    model = make_pipeline(SplineTransformer(), Ridge()).fit(small.Xr, small.yr)
    model[0].bsplines_[0].k = 300
    assert "spline" in refused(dumped(model, tmp_path))
    model = make_pipeline(SplineTransformer(), Ridge()).fit(small.Xr, small.yr)
    made = archive(make_pipeline(SplineTransformer(), Ridge()).fit(small.Xr, small.yr))
    inner = made.nodes("_BSpline")
    assert len(inner) == (0 if parse(scipy.__version__) < parse("1.18") else small.Xr.shape[1])
    for node in inner[:1]:
        node.update(__class__="Ridge", __module__="sklearn.linear_model._ridge")
        assert "spline" in refused(made.write(tmp_path / "tampered.skops"))


def test_tampered_random_states(small, archive, tmp_path):
    made = archive(make_pipeline(Ridge(random_state=np.random.RandomState(0))).fit(small.Xr, small.yr))
    (node,) = made.nodes("RandomState")
    position = node["content"]["content"]["state"]["content"]["pos"]
    assert position["content"] == "624"
    position["content"] = str(10**8)
    assert re.search(r"random generator|state position", refused(made.write(tmp_path / "tampered.skops")))


# The archive and its schema --------------------------------------------------------------------------------------------------------


@pytest.fixture
def plain(small, archive):
    return archive(make_pipeline(StandardScaler(), LogisticRegression()).fit(small.X, small.y))


def test_unknown_types_are_named_with_the_flag(small, plain, tmp_path):
    for node in plain.nodes("StandardScaler"):
        node.update(__class__="Popen", __module__="subprocess")
    text = refused(plain.write(tmp_path / "m.skops"))
    assert "subprocess.Popen" in text
    assert "--trust-type subprocess.Popen" in text


@pytest.mark.parametrize(("loader", "extra"), [
    ("ConstructorFromReduceNode", {}),
    ("LossNode", {"__reduce__": {"args": {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": "[]"}}}),
    ("ListNode", {"content": []}),
    ("RandomStateNode", {}),
    ("FunctionNode", {}),
    ("TypeNode", {}),
    ("QuantileForestNode", {}),
    ("CachedNode", {}),
])  # fmt: skip
def test_a_trusted_name_in_another_role_is_refused(loader, extra, plain, tmp_path):
    """skops would call a name on a flat list with arguments from the file."""
    plain.nodes("StandardScaler")[0].update(__loader__=loader, **extra)
    assert "--trust-type sklearn.preprocessing._data.StandardScaler" in refused(plain.write(tmp_path / "m.skops"))


def test_partial_of_anything_else_is_refused(small, tmp_path):
    from functools import partial

    good = make_pipeline(
        FunctionTransformer(partial(check_array, ensure_2d=True)), LogisticRegression(max_iter=500)
    ).fit(small.X, small.y)
    assert load_model(dumped(good, tmp_path)).task == "multiclass"
    bad = make_pipeline(FunctionTransformer(partial(np.power, 2)), LogisticRegression(max_iter=500)).fit(
        small.X, small.y
    )
    assert "functools.partial" in refused(dumped(bad, tmp_path))


def test_two_objects_under_one_number_are_refused(plain, tmp_path):
    plain.nodes("StandardScaler")[0]["__id__"] = plain.nodes("LogisticRegression")[0]["__id__"]
    assert "claim to be one" in refused(plain.write(tmp_path / "m.skops"))


def test_trust_type_allows_a_named_type_and_no_other(small, tmp_path):
    from sklearn.cluster import KMeans

    model = make_pipeline(KMeans(2, n_init=1, random_state=0), LogisticRegression()).fit(small.X, small.y)
    path = dumped(model, tmp_path)
    assert "--trust-type sklearn.cluster._kmeans.KMeans" in refused(path)
    loaded = load_model(path, trust_types=["sklearn.cluster._kmeans.KMeans"])
    np.testing.assert_array_equal(loaded.predict(small.X), model.predict(small.X))


def test_trust_type_does_not_switch_the_check_of_trees_off(small, archive, tmp_path):
    parts = archive(DecisionTreeClassifier().fit(small.X, small.y))
    parts.edit_array(files_of(parts, "nodes")[0], at_split("left_child", 10**9))
    with pytest.raises(InputError, match="outside the tree"):
        load_model(parts.write(tmp_path / "m.skops"), trust_types=["sklearn.tree._tree.Tree"])


def test_small_file_that_unpacks_to_much(plain, tmp_path):
    plain.parts["zeros.bin"] = bytes(300 * 2**20)
    path = plain.write(tmp_path / "bomb.skops", zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**20
    assert "would unpack to" in refused(path)


def test_one_part_read_many_times_counts_each_time(plain, tmp_path):
    plain.parts["big.npy"] = bytes(3 * 2**20)
    arrays = plain.nodes(loader="NdArrayNode")
    node = {**arrays[0], "file": "big.npy"}
    plain.schema["content"]["content"]["many"] = [{**node, "__id__": i + 1} for i in range(2_000)]
    assert "would unpack to" in refused(plain.write(tmp_path / "bomb.skops", zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize("change", [
    lambda p: p.schema.pop("protocol"),
    lambda p: p.schema.update(protocol=0),
    lambda p: p.schema.update(protocol=True),
    lambda p: p.schema.update(protocol=99),
    lambda p: p.schema.pop("__loader__"),
    lambda p: p.parts.clear(),
    lambda p: p.nodes("LogisticRegression")[0].update(__class__=None),
    lambda p: p.nodes("Pipeline")[0].update(content={}),
])  # fmt: skip
def test_broken_schema(change, plain, tmp_path):
    change(plain)
    refused(plain.write(tmp_path / "m.skops"))


def test_deep_nesting_ends_in_a_sentence(plain, tmp_path):
    path = plain.write(tmp_path / "m.skops")
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(
            "schema.json", '{"protocol": 2, "__loader__": "ListNode", "content": ' + "[" * 200_000 + "]" * 200_000 + "}"
        )
    refused(path)


def test_every_single_bit_of_the_nodes_leads_to_a_refusal_or_a_model(small, archive, tmp_path):
    """A flipped bit anywhere in a tree's arrays never crashes: the file is refused, or predicts."""
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(small.X, small.y)
    rng, outcomes = np.random.default_rng(0), set()
    for _ in range(150):
        parts = archive(tree)
        file = files_of(parts, "nodes")[0]
        raw = bytearray(parts.parts[file])
        raw[rng.integers(len(raw))] ^= 1 << int(rng.integers(8))
        parts.parts[file] = bytes(raw)
        try:
            load_model(parts.write(tmp_path / "m.skops")).predict(small.X)
            outcomes.add("predicted")
        except InputError:
            outcomes.add("refused")
    assert outcomes == {"predicted", "refused"}
