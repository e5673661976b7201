"""Cheapest changes along a model's gradients beside the questions alone, at no fewer questions: ``python benchmarks/gradients.py``.

Perceptrons of scikit-learn and torch modules of 20 numeric columns, five of each. Asked counts the rows that the model was asked about, and
what its layers were asked (a gradient counts as two). The questions alone get rounds until they asked as much.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import make_classification
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelglass as mg
from modelglass.analysis.changed_answers import Answers
from modelglass.analysis.cheapest_change import Found, search
from modelglass.analysis.constraints import constraints
from modelglass.analysis.gradients import gradients_of
from modelglass.analysis.guided import guided
from modelglass.analysis.models.torch import TorchModel
from modelglass.analysis.possible import Space

COLUMNS, TRAIN = [f"x{j}" for j in range(20)], 3_000
ROUNDS = (3, 10, 30, 60, 100, 200, 400)


def data(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    X, y = make_classification(TRAIN + rows, 20, n_informative=10, n_redundant=4, random_state=seed)
    return pd.DataFrame(X.astype(np.float32).astype(float), columns=COLUMNS), y


def perceptron(X: pd.DataFrame, y: np.ndarray, seed: int, activation: str) -> object:
    final = MLPClassifier((64, 32), activation=activation, max_iter=60, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_pipeline(StandardScaler(), final).fit(X, y)


def module(X: pd.DataFrame, y: np.ndarray, seed: int) -> object:
    torch.manual_seed(seed)
    layers = torch.nn.Linear(20, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1)
    net = torch.nn.Sequential(*layers)
    steps = torch.optim.Adam(net.parameters(), lr=3e-3)
    inputs, wanted = torch.tensor(X.to_numpy(dtype=np.float32)), torch.tensor(y, dtype=torch.float32)
    for _ in range(150):
        steps.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(net(inputs)[:, 0], wanted).backward()
        steps.step()
    return TorchModel(net, COLUMNS, [0, 1])


def line(name: str, found: Found, seconds: float) -> None:
    done, n = np.isfinite(found.cost), len(found.cost)
    print(
        f"| {name} | {found.asked / n:,.0f} | {1e3 * seconds / n:.1f} ms | {done.mean():.1%} | {np.median(found.cost):.4f} | {found.cost[done].mean():.4f} |"
    )


def one(name: str, model: object, X: pd.DataFrame, y: np.ndarray) -> tuple[float, float, int, int]:
    """Give medians of both at no fewer questions, rows dearer with gradients than without at the same rounds, and at no fewer questions."""
    train, frame = X[:TRAIN].assign(y=y[:TRAIN]), X[TRAIN:].assign(y=y[TRAIN:]).reset_index(drop=True)
    ev = mg.Evaluation(model, frame, target="y", positive=1, train=train)
    space = Space(constraints(ev), ev.inputs())
    answers = Answers(ev, space)
    usual = {"seed": 0, "seconds": None, "starts": answers.starts(0), "progress": None}
    began = time.process_time()
    got = guided(space, answers.ask, gradients_of(ev, space, np.nan), rounds=3, **usual)
    spent = time.process_time() - began
    first = None
    for rounds in ROUNDS:
        began = time.process_time()
        alone = search(space, answers.ask, rounds=rounds, **usual)
        seconds = time.process_time() - began
        if first is None:
            first = alone
            line(f"{name}: questions alone, 3 rounds", alone, seconds)
        if alone.asked >= got.asked and seconds >= spent:
            break
    line(f"questions alone, {rounds} rounds", alone, seconds)
    line(f"with gradients, 3 rounds ({(got.by == 'gradients').mean():.0%} of rows by them)", got, spent)
    assert first is not None
    dearer = int((got.cost > first.cost).sum()), int((got.cost > alone.cost * (1 + 1e-6)).sum())
    return float(np.median(alone.cost)), float(np.median(got.cost)), *dearer


def main(rows: int, models: int) -> None:
    torch.set_num_threads(1)
    print("| | asked a row | processor a row | flipped | median cost | mean cost |\n|---|---|---|---|---|---|")
    told = []
    for seed in range(models):
        X, y = data(rows, seed)
        train = X[:TRAIN], y[:TRAIN]
        activation = ("relu", "tanh", "logistic")[seed % 3]
        told.append(one(f"perceptron {seed}, {activation}", perceptron(*train, seed, activation), X, y))
        told.append(one(f"torch module {seed}", module(*train, seed), X, y))
    table = pd.DataFrame(
        told,
        columns=["alone", "gradients", "dearer at the same rounds", "dearer at no fewer questions and no less time"],
    )
    print(
        f"medians: with gradients {(table.gradients / table.alone).min():.3f} to {(table.gradients / table.alone).max():.3f} of those of the questions alone"
    )
    print(table.iloc[:, 2:].sum().to_string(), f"of {rows * len(table):,} rows")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--models", type=int, default=5)
    given = parser.parse_args()
    main(given.rows, given.models)
