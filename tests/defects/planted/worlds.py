"""Worlds: a table, a fitted model, and, but for the clean ones, one planted defect with its truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from .models import fitted
from .tables import DATE, Rows, Shape, draw, outcome, shape
from .truth import Truth

TASKS = ("classification", "regression")
STRENGTHS = ("larger", "smaller")


@dataclass(eq=False)
class World:
    """What a tool is given, and the truth it is not given.

    model       fitted Pipeline; features: the columns it reads
    train, test frames with the target; options: what a user would say besides (time)
    truth       None where nothing is planted
    rows        the evaluation rows with what made them; made: the shape they come from
    """

    name: str
    made: Shape
    model: Pipeline
    train: pd.DataFrame
    test: pd.DataFrame
    rows: Rows
    truth: Truth | None
    options: dict[str, Any] = field(default_factory=lambda: {"time": DATE})

    @property
    def target(self) -> str:
        return self.made.target

    @property
    def features(self) -> list[str]:
        return list(self.model.feature_names_in_)

    @property
    def positive(self) -> Any:
        """The class that a user would call positive, where there are two."""
        return self.made.classes[1] if len(self.made.classes) == 2 else None

    def predicted(self) -> np.ndarray:
        """Probabilities in the order of the shape's classes, (n, classes), or values."""
        inputs = self.test[self.features]
        if self.made.task == "regression":
            return self.model.predict(inputs)
        order = [list(self.model.classes_).index(c) for c in self.made.classes]
        return self.model.predict_proba(inputs)[:, order]

    def codes(self) -> np.ndarray:
        """Outcomes as places in the shape's classes."""
        return (
            pd.Series(self.test[self.target].to_numpy()).map({c: i for i, c in enumerate(self.made.classes)}).to_numpy()
        )


@dataclass(eq=False)
class Base:
    """A clean world whose parts a plant may change: copies of its rows, its own generator of chance, its model, and how to fit another."""

    made: Shape
    train: Rows
    test: Rows
    model: Pipeline
    rng: np.random.Generator

    def with_outcomes(self, rows: Rows) -> Rows:
        """Let the outcomes of rows follow from their predictor anew; the luck of each row stays."""
        rows.frame[self.made.target] = outcome(self.made, rows.eta, rows.luck)
        return rows

    def refit(self, features: list[str] | None = None, made: Shape | None = None) -> None:
        self.model = fitted(made or self.made, self.train.frame, features)

    @property
    def target(self) -> str:
        return self.made.target

    def rmse(self) -> float:
        """Give the error of the model on the evaluation rows as they are now, in units of the target."""
        error = self.model.predict(self.test.frame[self.made.features]) - self.test.frame[self.target]
        return float(np.sqrt(np.mean(error**2)))

    def probability(self) -> np.ndarray:
        """Give the model's probability of the classes of the shape, (n, classes), on the evaluation rows as they are now."""
        given = self.model.predict_proba(self.test.frame[self.made.features])
        return given[:, [list(self.model.classes_).index(c) for c in self.made.classes]]


@lru_cache(maxsize=2)
def _clean(task: str, seed: int) -> tuple[Shape, Rows, Rows, Pipeline]:
    made = shape(seed, task)
    sizes = np.random.default_rng((seed, 5))
    n_train, n_test = int(sizes.integers(4_000, 9_001)), int(sizes.integers(3_000, 8_001))
    train, test = draw(made, n_train, "train"), draw(made, n_test, "test")
    return made, train, test, fitted(made, train.frame)


def base(task: str, seed: int, word: str) -> Base:
    """Give the clean parts of a world, to be changed; chance differs with the word."""
    made, train, test, model = _clean(task, seed)
    rng = np.random.default_rng((seed, task == "regression", *word.encode()))
    return Base(made, train.copy(), test.copy(), model, rng)


def clean(task: str, seed: int) -> World:
    """Give a world with nothing planted."""
    made, train, test, model = _clean(task, seed)
    return World(f"clean {task} {seed}", made, model, train.frame, test.frame, test, None)


Plant = Callable[[Base, bool], Truth]
"""Changes the parts of a base, more (True: larger strength) or less, and says what it did."""


def planted(plant: Plant, word: str, task: str, strength: str, seed: int) -> World:
    """Give a world with one defect."""
    if task not in TASKS or strength not in STRENGTHS:
        raise ValueError(f"Expected a task of {TASKS} and a strength of {STRENGTHS}; got {task!r} and {strength!r}.")
    parts = base(task, seed, word)
    truth = plant(parts, strength == "larger")
    return World(
        f"{word} {strength} {task} {seed}",
        parts.made,
        parts.model,
        parts.train.frame,
        parts.test.frame,
        parts.test,
        truth,
    )
