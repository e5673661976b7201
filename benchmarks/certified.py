"""Certified bounds of cheapest changes on adult, through Pipelines of imputers, scaler and encoders: ``python benchmarks/certified.py FOLDER``."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from modelglass.analysis import Evaluation, adversarial

HELD = {"columns": {"sex": {"immutable": True}, "race": {"immutable": True}}}


def piped(numbers: list[str], words: list[str], encoder: Any, final: Any) -> Any:
    """Put imputers, scaler and encoder before a model."""
    number = make_pipeline(SimpleImputer(), StandardScaler())
    word = make_pipeline(SimpleImputer(strategy="most_frequent"), encoder)
    return make_pipeline(make_column_transformer((number, numbers), (word, words), sparse_threshold=0), final)


def main(folder: Path, rows: int) -> None:
    """Print a line for each model."""
    train, test = (pd.read_csv(folder / f"adult_{part}.csv", na_values="?").iloc[:8_000] for part in ("train", "test"))
    numbers = list(train.select_dtypes("number").columns)
    words = [c for c in train.columns if c not in (*numbers, "income")]
    levels = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    boosted = HistGradientBoostingClassifier(random_state=0)
    models = {
        "HistGradientBoosting, 100 rounds, one-hot": (levels, boosted),
        "HistGradientBoosting, 100 rounds, ordinal": (codes, boosted),
        "random forest, 50 trees of depth 6, one-hot": (
            levels,
            RandomForestClassifier(50, max_depth=6, random_state=0),
        ),
        "logistic, one-hot": (levels, LogisticRegression(max_iter=2_000)),
    }
    for name, (encoder, final) in models.items():
        model = piped(numbers, words, encoder, final).fit(train.drop(columns="income"), train.income)
        ev = Evaluation(model, test.iloc[:2_000], target="income", train=train)
        began = time.process_time()
        got = adversarial(ev, constraints=HELD, rows=rows, budget=None)
        spent = (time.process_time() - began) / rows * 1e3
        sure = got.rows.certified / got.rows.cost
        held = got.curve[(got.curve.what == "decisions") & (got.curve.budget == 0.1)].set_index("bound").estimate
        print(
            f"| {name} | {spent:.0f} ms | {got.rows.cost.median():.3f} | {sure.median():.3f} | {(got.rows.certified > got.rows.cost).sum()} | "
            f"{held['found']:.0%}, {held['certified']:.0%} |"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=100)
    given = parser.parse_args()
    main(given.folder, given.rows)
