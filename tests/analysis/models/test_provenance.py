"""Provenance against what the transformers really do: change one raw column and see which transformed columns move."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from modelglass.analysis.models.provenance import provenance


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    n = 300
    return pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "b": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "c": rng.integers(0, 5, n),
            "empty": np.full(n, np.nan),
            "k": rng.choice(["x", "x_y", "z"], n),
            "m": np.where(
                rng.random(n) < 0.1, None, rng.choice(list("pqrstu"), n, p=[0.4, 0.3, 0.26, 0.02, 0.01, 0.01])
            ).astype(object),
        }
    )


@pytest.fixture
def y(frame):
    return (frame.a + (frame.k == "x") > 0.5).astype(int).to_numpy()


NUMBERS, WORDS = ["a", "b", "c", "empty"], ["k", "m"]


def fitted(step, frame, y, columns=None):
    return make_pipeline(step, LogisticRegression(max_iter=200)).fit(frame[columns or list(frame)], y)


def names(made, columns):
    return [sorted(columns[i] for i in s) for s in made.sources]


def test_imputer_drops_the_empty_column_and_adds_indicators(frame, y):
    with pytest.warns(UserWarning, match="Skipping features"):
        made = provenance(fitted(SimpleImputer(add_indicator=True), frame, y, NUMBERS), frame[NUMBERS])
    assert names(made, NUMBERS) == [["a"], ["b"], ["c"], ["b"], ["empty"]]
    assert made.exact


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(drop="first"),
        OneHotEncoder(drop="if_binary", sparse_output=False),
        OneHotEncoder(min_frequency=0.05, handle_unknown="infrequent_if_exist"),
        OneHotEncoder(max_categories=3, drop="first"),
    ],
)
def test_one_hot_widths_follow_drop_and_infrequent(frame, y, encoder):
    X = frame[WORDS]
    made = provenance(fitted(encoder, frame, y, WORDS), X)
    widths = [sum(s == {i} for s in made.sources) for i in range(2)]
    real = encoder.__class__(**encoder.get_params()).fit(X)
    out = real.get_feature_names_out(["0", "1"] if not hasattr(real, "feature_names_in_") else WORDS)
    assert widths == [sum(n.startswith("k_") for n in out), sum(n.startswith("m_") for n in out)]
    assert made.exact


def test_names_that_lie_do_not_matter(frame, y):
    """A column called "k_x" beside a one-hot "k" with level "x": names would be mixed up, the structure is not."""
    X = pd.DataFrame({"k": frame.k, "k_x": frame.a})
    model = make_pipeline(
        ColumnTransformer(
            [("o", OneHotEncoder(), ["k"]), ("r", "passthrough", ["k_x"])], verbose_feature_names_out=True
        ),
        LogisticRegression(),
    ).fit(X, y)
    assert names(provenance(model, X), list(X)) == [["k"], ["k"], ["k"], ["k_x"]]


def test_nested_column_transformer_in_any_order_with_remainder_and_sparse_output(frame, y):
    X = frame.drop(columns="empty")
    ct = make_column_transformer(
        (
            make_pipeline(
                SimpleImputer(strategy="most_frequent"),
                OneHotEncoder(min_frequency=0.05, handle_unknown="infrequent_if_exist"),
            ),
            make_column_selector(dtype_exclude="number"),
        ),
        ("drop", ["c"]),
        (make_pipeline(SimpleImputer(add_indicator=True), "passthrough", StandardScaler()), slice("a", "b")),
        remainder="passthrough",
        sparse_threshold=1.0,
    )
    made = provenance(fitted(ct, X, y), X)
    assert made.exact
    assert names(made, list(X))[-3:] == [["a"], ["b"], ["b"]]
    assert not any(i == list(X).index("c") for s in made.sources for i in s)
    assert sparse.issparse(made.transform(X))


@pytest.mark.parametrize(
    "columns", [["a", "c"], [0, 2], [-6, 2], np.array([True, False, True, False, False, False]), lambda X: ["a", "c"]]
)
def test_every_way_to_choose_columns(frame, y, columns):
    ct = ColumnTransformer([("w", OneHotEncoder(), ["k", "m"]), ("n", StandardScaler(), columns)])
    made = provenance(fitted(ct, frame, y), frame)
    assert names(made, list(frame))[-2:] == [["a"], ["c"]]
    assert made.exact


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (SplineTransformer(n_knots=4), ["a"] * 6 + ["c"] * 6),
        (KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), ["a"] * 3 + ["c"] * 3),
        (KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf"), ["a", "c"]),
        (FeatureUnion([("s", StandardScaler()), ("none", "drop"), ("p", "passthrough")]), ["a", "c", "a", "c"]),
        (SelectKBest(k=1), ["a"]),
        (VarianceThreshold(1.5), ["c"]),
        (FunctionTransformer(np.tanh), ["a", "c"]),
        (FunctionTransformer(), ["a", "c"]),
    ],
)
def test_column_wise_steps(frame, y, step, expected):
    made = provenance(fitted(step, frame, y, ["a", "c"]), frame[["a", "c"]])
    assert [n[0] for n in names(made, ["a", "c"])] == expected
    assert made.exact
    assert made.reason == ""


@pytest.mark.parametrize(
    "step",
    [
        PCA(2),
        Normalizer(),
        KNNImputer(),
        PolynomialFeatures(2),
        FunctionTransformer(lambda X: X - X.to_numpy().mean(axis=1, keepdims=True)),
    ],
)
def test_mixing_steps_say_so(frame, y, step):
    made = provenance(fitted(step, frame, y, ["a", "c"]), frame[["a", "c"]])
    assert not made.exact
    assert "mixes raw columns (a with c)" in made.reason or "also moves columns made from others" in made.reason


def test_polynomial_without_products_is_exact_and_its_constant_has_no_source(frame, y):
    step = ColumnTransformer([(c, PolynomialFeatures(2), [c]) for c in "ac"])
    made = provenance(fitted(step, frame, y, ["a", "c"]), frame[["a", "c"]])
    assert names(made, ["a", "c"]) == [[], ["a"], ["a"], [], ["c"], ["c"]]
    assert made.exact
    assert made.raw_index.tolist() == [-1, 0, 0, -1, 1, 1]


def test_an_unknown_transformer_of_one_column_is_exact(frame, y):
    """Whatever it does, it can only come from the one column that it reads."""
    X = frame[["k", "a"]]
    ct = ColumnTransformer([("words", CountVectorizer(token_pattern=r"\w"), "k"), ("p", PCA(1), ["a"])])
    made = provenance(fitted(ct, X, y), X)
    assert made.exact
    assert {tuple(n) for n in names(made, ["k", "a"])} == {("k",), ("a",)}


def test_target_encoder_of_three_classes_and_missing_indicator(frame):
    y3 = np.arange(300) % 3
    te = make_pipeline(TargetEncoder(), LogisticRegression(max_iter=500)).fit(frame[WORDS], y3)
    assert names(provenance(te, frame[WORDS]), WORDS) == [["k"]] * 3 + [["m"]] * 3
    mi = make_pipeline(MissingIndicator(), LogisticRegression()).fit(frame[NUMBERS], y3)
    assert names(provenance(mi, frame[NUMBERS]), NUMBERS) == [["b"], ["empty"]]


def test_search_and_nested_pipelines_are_unwrapped(frame, y):
    inner = Pipeline(
        [
            ("o", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)),
            ("f", make_pipeline(SimpleImputer(), LogisticRegression())),
        ]
    )
    search = GridSearchCV(inner, {"f__logisticregression__C": [0.1, 1.0]}, cv=2).fit(frame[WORDS], y)
    made = provenance(search, frame[WORDS])
    assert type(made.estimator) is LogisticRegression
    assert [type(s).__name__ for s in made.steps] == ["OrdinalEncoder", "SimpleImputer"]
    assert made.exact


def test_a_plain_estimator_is_its_own_and_summing_adds_up(frame, y):
    X = frame[["a", "c"]]
    made = provenance(LogisticRegression().fit(X, y), X)
    assert made.exact
    assert made.transform(X) is X
    ct = ColumnTransformer([(c, PolynomialFeatures(2), [c]) for c in "ca"])
    made = provenance(fitted(ct, frame, y, ["a", "c"]), X)
    values = np.arange(12.0).reshape(2, 6)
    assert made.summed(values, 2).tolist() == [[4 + 5, 1 + 2], [10 + 11, 7 + 8]]
