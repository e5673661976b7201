"""Every kind of scikit-learn model that a person may have loads from a skops file with no flag, and predicts as before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn import (
    calibration,
    compose,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    dummy,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    kernel_ridge,
    linear_model,
    model_selection,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.pipeline import FeatureUnion, make_pipeline

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.models.loading import load_model

LR = linear_model.LogisticRegression
RF = ensemble.RandomForestClassifier


def forest():
    return RF(3, random_state=0)


def columns():
    number = make_pipeline(impute.SimpleImputer(add_indicator=True), preprocessing.StandardScaler())
    text = make_pipeline(
        impute.SimpleImputer(strategy="most_frequent"), preprocessing.OneHotEncoder(handle_unknown="ignore")
    )
    return compose.ColumnTransformer(
        [("n", number, compose.make_column_selector(dtype_include="number")), ("c", text, ["b", "c"])],
        remainder="passthrough",
    )


# name -> (estimator, which data): X iris, R diabetes, F mixed frame, or columns of the frame
CLASSIFIERS = {
    "hist behind columns": lambda: (make_pipeline(columns(), ensemble.HistGradientBoostingClassifier(max_iter=3)), "F"),
    "logistic behind columns": lambda: (make_pipeline(columns(), LR()), "F"),
    "selector by object, drop, infrequent": lambda: (
        make_pipeline(
            compose.make_column_transformer(
                (preprocessing.OneHotEncoder(drop="if_binary", min_frequency=5), compose.make_column_selector(dtype_include=object)),
                remainder=impute.SimpleImputer(),
            ),
            forest(),
        ),
        "ac as object",
    ),
    "hist with categories": lambda: (
        ensemble.HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype"), "ab"),
    "hist with numbered categories": lambda: (ensemble.HistGradientBoostingClassifier(max_iter=3, categorical_features=[1]), "coded"),
    "calibrated forest, sigmoid": lambda: (calibration.CalibratedClassifierCV(forest(), cv=2), "X"),
    "calibrated forest, isotonic": lambda: (calibration.CalibratedClassifierCV(forest(), cv=2, method="isotonic"), "X"),
    "grid-searched forest": lambda: (
        model_selection.GridSearchCV(
            forest(), {"max_depth": [2, 3], "criterion": ["gini", "entropy"]}, scoring="balanced_accuracy",
            cv=model_selection.StratifiedKFold(2, shuffle=True, random_state=np.random.RandomState(0))), "X"),
    "grid search, two metrics": lambda: (
        model_selection.GridSearchCV(forest(), {"max_depth": [2, 3]}, cv=2, scoring=["accuracy", "f1_macro"], refit="accuracy"), "X"),
    "randomised search": lambda: (
        model_selection.RandomizedSearchCV(forest(), {"max_depth": [2, 3, 4]}, n_iter=2, cv=model_selection.KFold(2)), "X"),
    "extra trees": lambda: (ensemble.ExtraTreesClassifier(3), "X"),
    "gradient boosting": lambda: (ensemble.GradientBoostingClassifier(n_estimators=3), "X"),
    "gradient boosting from zero": lambda: (ensemble.GradientBoostingClassifier(n_estimators=3, init="zero"), "X"),
    "decision tree": lambda: (tree.DecisionTreeClassifier(class_weight="balanced"), "X"),
    "pruned tree": lambda: (tree.DecisionTreeClassifier(ccp_alpha=0.02), "X"),
    "best-first tree": lambda: (tree.DecisionTreeClassifier(max_leaf_nodes=6), "X"),
    "multi-layer perceptron": lambda: (neural_network.MLPClassifier((5,), max_iter=5), "X"),
    "support vectors": lambda: (svm.SVC(), "X"),
    "support vectors, nu": lambda: (svm.NuSVC(), "X"),
    "support vectors on sparse": lambda: (make_pipeline(preprocessing.OneHotEncoder(), svm.SVC()), "bc"),
    "linear support vectors": lambda: (svm.LinearSVC(), "X"),
    "neighbours, kd tree": lambda: (neighbors.KNeighborsClassifier(), "X"),
    "neighbours of whole numbers": lambda: (neighbors.KNeighborsClassifier(), "whole"),
    "neighbours of flags, brute force": lambda: (neighbors.KNeighborsClassifier(algorithm="brute"), "flags"),
    "splines of a column of one value": lambda: (
        make_pipeline(preprocessing.PolynomialFeatures(2), preprocessing.SplineTransformer(), LR()), "X"),
    "neighbours, ball tree": lambda: (neighbors.KNeighborsClassifier(algorithm="ball_tree", metric="manhattan"), "X"),
    "neighbours, brute force": lambda: (neighbors.KNeighborsClassifier(algorithm="brute", p=3), "X"),
    "soft voting": lambda: (ensemble.VotingClassifier([("a", LR()), ("b", forest())], voting="soft"), "X"),
    "stacking": lambda: (ensemble.StackingClassifier([("a", naive_bayes.GaussianNB()), ("b", forest())], cv=2), "X"),
    "bagging": lambda: (ensemble.BaggingClassifier(tree.DecisionTreeClassifier(), 3, max_features=0.5), "X"),
    "adaptive boosting": lambda: (ensemble.AdaBoostClassifier(n_estimators=3), "X"),
    "stochastic gradient descent": lambda: (linear_model.SGDClassifier(loss="log_loss"), "X"),
    "modified huber": lambda: (linear_model.SGDClassifier(loss="modified_huber"), "X"),
    "perceptron": lambda: (linear_model.Perceptron(), "X"),
    "ridge classifier": lambda: (linear_model.RidgeClassifier(), "X"),
    "linear discriminant": lambda: (discriminant_analysis.LinearDiscriminantAnalysis(), "X"),
    "quadratic discriminant": lambda: (discriminant_analysis.QuadraticDiscriminantAnalysis(), "X"),
    "naive bayes": lambda: (naive_bayes.GaussianNB(), "X"),
    "gaussian process": lambda: (gaussian_process.GaussianProcessClassifier(1.0 * RBF(1.0)), "X"),
    "one against rest": lambda: (multiclass.OneVsRestClassifier(LR()), "X"),
    "one against one": lambda: (multiclass.OneVsOneClassifier(svm.LinearSVC()), "X"),
    "functions": lambda: (make_pipeline(preprocessing.FunctionTransformer(np.log1p), LR()), "X"),
    "best features": lambda: (make_pipeline(feature_selection.SelectKBest(feature_selection.f_classif, k=2), LR()), "X"),
    "features by mutual information": lambda: (
        make_pipeline(feature_selection.SelectPercentile(feature_selection.mutual_info_classif), LR()), "X"),
    "features from a forest": lambda: (make_pipeline(feature_selection.SelectFromModel(forest()), LR()), "X"),
    "recursive elimination": lambda: (make_pipeline(feature_selection.RFECV(LR(), cv=2), LR()), "X"),
    "principal components": lambda: (make_pipeline(decomposition.PCA(2), svm.SVC()), "X"),
    "union": lambda: (make_pipeline(FeatureUnion([("p", decomposition.PCA(2)), ("s", preprocessing.StandardScaler())]), LR()), "X"),
    "target encoding": lambda: (make_pipeline(preprocessing.TargetEncoder(cv=2), LR()), "bc"),
    "ordinal encoding": lambda: (
        make_pipeline(preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), forest()), "bc"),
    "hard voting": lambda: (ensemble.VotingClassifier([("a", LR()), ("b", forest())]), "X"),
    "data frames between steps": lambda: (
        make_pipeline(columns(), LR()).set_params(columntransformer__c__onehotencoder__sparse_output=False).set_output(transform="pandas"), "F"),
    "sparse between steps": lambda: (
        make_pipeline(compose.make_column_transformer((preprocessing.OneHotEncoder(), ["b", "c"]), sparse_threshold=1.0),
                      feature_selection.VarianceThreshold(), linear_model.SGDClassifier(loss="log_loss")), "bc"),
    "halving search": lambda: (
        model_selection.HalvingGridSearchCV(forest(), {"max_depth": [2, 3]}, cv=2, random_state=0), "X"),
    "dummy": lambda: (dummy.DummyClassifier(), "X"),
    "text": lambda: (make_pipeline(TfidfVectorizer(), LR()), "text"),
}  # fmt: skip
REGRESSORS = {
    "hist, quantile": lambda: ensemble.HistGradientBoostingRegressor(max_iter=3, loss="quantile", quantile=0.3),
    "hist, poisson": lambda: ensemble.HistGradientBoostingRegressor(max_iter=3, loss="poisson"),
    "forest": lambda: ensemble.RandomForestRegressor(3),
    "gradient boosting, huber": lambda: ensemble.GradientBoostingRegressor(n_estimators=3, loss="huber"),
    "tree": lambda: tree.DecisionTreeRegressor(random_state=np.random.RandomState(0)),
    "perceptron": lambda: neural_network.MLPRegressor(
        hidden_layer_sizes=(5,), solver="sgd", max_iter=5, learning_rate_init=1e-4, early_stopping=True),
    "support vectors": lambda: svm.SVR(),
    "neighbours": lambda: neighbors.KNeighborsRegressor(weights="distance"),
    "voting": lambda: ensemble.VotingRegressor([("a", linear_model.Ridge()), ("b", neighbors.KNeighborsRegressor())]),
    "stacking": lambda: ensemble.StackingRegressor([("a", linear_model.Ridge()), ("b", ensemble.RandomForestRegressor(3))], cv=2),
    "grid search": lambda: model_selection.GridSearchCV(
        linear_model.Ridge(), {"alpha": [1.0, 2.0]}, cv=model_selection.TimeSeriesSplit(2), scoring="neg_mean_absolute_error"),
    "stochastic gradient descent": lambda: linear_model.SGDRegressor(loss="huber"),
    "poisson": lambda: linear_model.PoissonRegressor(),
    "tweedie": lambda: linear_model.TweedieRegressor(power=1.5),
    "lasso": lambda: linear_model.LassoCV(cv=2),
    "ransac": lambda: linear_model.RANSACRegressor(random_state=0),
    "gaussian process": lambda: gaussian_process.GaussianProcessRegressor(ConstantKernel() * Matern() + WhiteKernel()),
    "kernel ridge": lambda: kernel_ridge.KernelRidge(kernel="rbf"),
    "partial least squares": lambda: cross_decomposition.PLSRegression(2),
    "splines": lambda: make_pipeline(preprocessing.SplineTransformer(), linear_model.Ridge()),
    "polynomials": lambda: make_pipeline(preprocessing.PolynomialFeatures(2), linear_model.Ridge()),
    "quantiles, powers, bins": lambda: make_pipeline(
        preprocessing.QuantileTransformer(n_quantiles=10), preprocessing.PowerTransformer(), linear_model.Ridge()),
    "scalers": lambda: make_pipeline(
        preprocessing.RobustScaler(), preprocessing.MinMaxScaler(), preprocessing.MaxAbsScaler(), preprocessing.Normalizer(),
        linear_model.Ridge()),
    "imputed by neighbours": lambda: make_pipeline(impute.KNNImputer(), linear_model.Ridge()),
    "imputed in turns": lambda: make_pipeline(impute.IterativeImputer(max_iter=2), linear_model.Ridge()),
    "several outputs": lambda: linear_model.LinearRegression(),
    "transformed by a transformer": lambda: compose.TransformedTargetRegressor(
        ensemble.RandomForestRegressor(3, random_state=0), transformer=preprocessing.QuantileTransformer(n_quantiles=10)),
    "data frames between steps": lambda: make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge()).set_output(transform="pandas"),
    "transformed target": lambda: compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1),
}  # fmt: skip


def rows_of(small, what):
    if what == "X":
        return small.X
    if what == "coded":
        return np.column_stack([small.X[:, 0], (small.X[:, 1] * 2).astype(int) % 5])
    if what == "whole":
        return (small.X * 10).astype(int)
    if what == "flags":
        return small.X.mean(axis=0) < small.X
    if what == "text":
        return np.array(["a good day", "bad day now", "good"] * 50, dtype=object)
    if what == "ac as object":
        return small.frame[["a", "c"]].astype({"c": object})
    return small.frame if what == "F" else small.frame[list(what)]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_loads_without_a_flag_and_predicts_as_before(name, small, quiet_fit, tmp_path):
    estimator, what = CLASSIFIERS[name]()
    X, y = rows_of(small, what), np.array(["one", "two", "three"])[small.y]
    if name == "gaussian process":
        X, y = X[::5], y[::5]
    quiet_fit(estimator, X, y)
    skops.io.dump(estimator, tmp_path / "model.skops")
    model = load_model(tmp_path / "model.skops")
    assert model.task == "multiclass"
    assert model.classes == ("one", "three", "two")
    handed = pd.DataFrame({"text": X}) if what == "text" else X if isinstance(X, pd.DataFrame) else pd.DataFrame(X)
    X = model.prepare(handed)
    labels, scores = model.both(X)
    np.testing.assert_array_equal(labels, estimator.predict(X))
    if hasattr(estimator, "predict_proba"):
        assert model.score_kind == "probability"
        np.testing.assert_array_equal(scores, estimator.predict_proba(X))
    elif hasattr(estimator, "decision_function"):
        assert model.score_kind == "decision"
        np.testing.assert_array_equal(scores, estimator.decision_function(X))
    else:
        assert model.score_kind is None
        assert scores is None
    assert model.notes == []


@pytest.mark.parametrize("how", ["tuned", "fixed"])
def test_thresholds_chosen_by_scikit_learn(how, small, quiet_fit, tmp_path):
    y = (small.X[:, 2] + np.sin(np.arange(150)) > 4).astype(int)
    kind = {
        "tuned": model_selection.TunedThresholdClassifierCV(LR(), cv=3, scoring="balanced_accuracy", thresholds=20),
        "fixed": model_selection.FixedThresholdClassifier(LR(), threshold=0.8),
    }[how]
    estimator = quiet_fit(kind, small.X[:, :2], y)
    skops.io.dump(estimator, tmp_path / "model.skops")
    frame = pd.DataFrame(small.X[:, :2], columns=["a", "b"]).assign(y=y)
    ev = Evaluation(load_model(tmp_path / "model.skops"), frame, target="y")
    np.testing.assert_array_equal(ev.predicted, estimator.predict(small.X[:, :2]))
    np.testing.assert_array_equal(ev.score, estimator.predict_proba(small.X[:, :2])[:, 1])
    assert (ev.predicted != (ev.score > 0.5)).any()  # the model's own threshold decides


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressor_loads_without_a_flag_and_predicts_as_before(name, small, quiet_fit, tmp_path):
    estimator, X = REGRESSORS[name](), small.Xr.copy()
    if name.startswith("imputed"):
        X[::9, 2] = np.nan
    quiet_fit(estimator, X, np.column_stack([small.yr, -small.yr]) if name == "several outputs" else small.yr)
    skops.io.dump(estimator, tmp_path / "model.skops")
    model = load_model(tmp_path / "model.skops")
    assert (model.task, model.classes, model.score_kind) == ("regression", None, None)
    X = model.prepare(pd.DataFrame(X))
    values, scores = model.both(X)
    np.testing.assert_array_equal(values, estimator.predict(X))
    assert scores is None


def test_digits_perceptron_and_forest(quiet_fit, tmp_path):
    X, y = load_digits(return_X_y=True)
    for estimator in (neural_network.MLPClassifier((20,), max_iter=3, random_state=0), RF(5, random_state=0)):
        quiet_fit(estimator, X[:600], y[:600])
        skops.io.dump(estimator, tmp_path / "digits.skops")
        model = load_model(tmp_path / "digits.skops")
        assert model.classes == tuple(range(10))
        np.testing.assert_array_equal(model.predict(X), estimator.predict(X))


@pytest.mark.data
@pytest.mark.parametrize("last", ["hist", "logistic", "calibrated", "grid"])
def test_adult_pipelines(last, data_file, quiet_fit, tmp_path):
    adult = pd.read_csv(data_file("adult_train.csv"), nrows=2_000)
    y, X = adult.pop(adult.columns[-1]), adult
    numeric = X.select_dtypes("number").columns.tolist()
    text = [c for c in X.columns if c not in numeric]
    prepare = compose.ColumnTransformer([
        ("number", make_pipeline(impute.SimpleImputer(strategy="median"), preprocessing.StandardScaler()), numeric),
        ("text", make_pipeline(impute.SimpleImputer(strategy="most_frequent"),
                               preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False)), text),
    ])  # fmt: skip
    final = {
        "hist": ensemble.HistGradientBoostingClassifier(max_iter=10),
        "logistic": LR(max_iter=200),
        "calibrated": calibration.CalibratedClassifierCV(forest(), cv=2),
        "grid": model_selection.GridSearchCV(forest(), {"max_depth": [3, 5]}, cv=2, scoring="roc_auc"),
    }[last]
    pipeline = quiet_fit(make_pipeline(prepare, final), X, y)
    skops.io.dump(pipeline, tmp_path / "adult.skops")
    model = load_model(tmp_path / "adult.skops")
    assert (model.task, model.feature_names) == ("binary", tuple(X.columns))
    labels, scores = model.both(model.prepare(X))
    np.testing.assert_array_equal(labels, pipeline.predict(X))
    np.testing.assert_array_equal(scores, pipeline.predict_proba(X))
