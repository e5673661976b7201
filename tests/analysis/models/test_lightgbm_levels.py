"""LightGBM records levels without the names of their columns; they are given back to the right ones, or it is said that they cannot be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import modelglass as mg
from modelglass.analysis.errors import InputError

lightgbm = pytest.importorskip("lightgbm")
N = 300
RNG = np.random.default_rng(0)
PLAIN = pd.DataFrame(
    {
        "a": RNG.normal(size=N),
        "b": RNG.integers(0, 5, N),
        "c": RNG.choice(["x", "y", "z"], N),
        "flag": RNG.integers(0, 2, N),
    }
)
Y = (PLAIN.a + PLAIN.b / 2 - 1 + (PLAIN.c == "y") > 0).astype(int)
CASES = {
    "an unused rare level": (PLAIN.assign(d=np.where(np.arange(N) % 100 == 7, "q", "p")), ["c", "d"], {}),
    "a column of one level": (PLAIN.assign(k=1.0, d="k"), ["c", "d"], {}),
    "one level of numbers beside a constant": (PLAIN.assign(k=1.0, d=1.0), ["c", "d"], {}),
    "whole numbers as categories": (PLAIN, ["c"], {"categorical_feature": ["b", "c"]}),
    "only whole numbers as categories": (PLAIN, ["c"], {"categorical_feature": ["flag"]}),
    "levels of numbers": (PLAIN, ["b", "c"], {}),
}  # fmt: skip


def booster(X, y, **settings):
    chosen = {"objective": "binary", "verbose": -1, "min_child_samples": 5}
    return lightgbm.train(chosen, lightgbm.Dataset(X, y, **settings), 5)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("case", CASES)
def test_files_of_plain_texts_and_numbers(case, ending, tmp_path):
    plain, texts, settings = CASES[case]
    X = plain.astype(dict.fromkeys(texts, "category"))
    model = booster(X, Y, **settings)
    model.save_model(tmp_path / "m.txt")
    plain = plain.assign(t=Y)
    plain.to_csv(tmp_path / "d.csv", index=False)
    plain.to_parquet(tmp_path / "d.parquet")
    data = mg.read_data(tmp_path / f"d.{ending}")
    ev = mg.Evaluation(mg.load_model(tmp_path / "m.txt"), data, target="t")
    np.testing.assert_array_equal(ev.score, model.predict(X))


def test_ordered_categories_are_found_by_their_texts():
    """LightGBM takes their places as numbers, so that its file does not tell them from numbers."""
    X = PLAIN.assign(c=pd.Categorical(PLAIN.c, categories=["z", "x", "y"], ordered=True))
    model = booster(X, Y)
    np.testing.assert_array_equal(mg.Evaluation(model, PLAIN.assign(t=Y), target="t").score, model.predict(X))
    fitted = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(X, Y)
    ev = mg.Evaluation(fitted, PLAIN.assign(t=Y), target="t")
    np.testing.assert_array_equal(ev.score, fitted.predict_proba(X)[:, 1])


def test_where_it_cannot_be_told_the_choices_are_named():
    plain = PLAIN[["a", "flag"]].assign(other=PLAIN.b % 2)
    X = plain.assign(flag=pd.Categorical(plain.flag, ordered=True))
    model = booster(X, Y)
    with pytest.raises(
        InputError, match=r"More than one choice fits: 'flag' or 'other'\.\nGive these columns as categories"
    ):
        mg.Evaluation(model, plain.assign(t=Y), target="t")
    for given in ({}, {"train": X.assign(t=Y)}):  # told by the data, by the training data
        ev = mg.Evaluation(model, (plain if given else X).assign(t=Y), target="t", **given)
        np.testing.assert_array_equal(ev.score, model.predict(X))


def test_texts_that_the_model_never_took_as_categories():
    model = booster(PLAIN.astype({"c": "category"}), Y)
    with pytest.raises(InputError, match="'b'"):
        mg.Evaluation(model, PLAIN.assign(t=Y, b="five"), target="t")
