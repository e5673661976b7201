"""One output of a model that gives several values a row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, listed, nearest
from modelglass.analysis.models.base import Model
from modelglass.analysis.plain import different


class OneOutput(Model):
    """One column of what another model predicts: a regression like any other."""

    def __init__(self, model: Model, column: int, label: str):
        super().__init__(model.estimator, name=model.name)
        self.whole, self.column = model, column
        self.kind, self.foreign = model.kind, model.foreign  # type: ignore[misc]
        if model.fingerprint:
            self.fingerprint = hashlib.blake2b(f"{model.fingerprint} output {column}".encode()).hexdigest()
        self.task = "regression"
        shares = model.output_quantiles
        self.output_quantiles = shares and (shares[column if len(shares) > 1 else 0],)
        self.feature_names, self.n_features, self.categories = model.feature_names, model.n_features, model.categories
        self.notes = [*model.notes, label]

    def categories_in(self, frame: pd.DataFrame, train: pd.DataFrame | None = None) -> Any:
        """Give those of the whole model."""
        return self.whole.categories_in(frame, train)

    def prepare(self, frame: pd.DataFrame) -> Any:
        """Give what the whole model wants."""
        return self.whole.prepare(frame)

    def predict(self, X: Any) -> np.ndarray:
        """Give the values of this output."""
        return np.asarray(self.whole.predict(X))[:, self.column]

    def scores(self, X: Any) -> None:
        """Give None: values have no scores."""
        return


class OneLabel(OneOutput):
    """One output of a classifier of several: a classifier like any other."""

    def __init__(self, model: Model, column: int, label: str, classes: Sequence[Any]):
        super().__init__(model, column, label)
        self.classes = tuple(classes)
        self.task = "binary" if len(self.classes) <= 2 else "multiclass"
        self.score_kind = "probability" if hasattr(model.estimator, "predict_proba") else None

    def scores(self, X: Any) -> Any:
        """Give the probabilities of this output's classes, (n, k); None where the model gives none."""
        if self.score_kind is None:
            return None
        found = self.estimator.predict_proba(X)
        if isinstance(found, list):
            return np.asarray(found[self.column])
        second = np.asarray(found)[:, self.column]  # a chain of yes-or-no outputs gives the second class of each
        return np.column_stack([1.0 - second, second])


def one_label(model: Model, labels: Sequence[Sequence[Any]], target: pd.Series, asked: int | str | None) -> Model:
    """Choose one output of a classifier of several: as asked, else the only one that knows every label of the target.

    Parameters
    ----------
    labels : labels of each output
    target : the target column
    asked : int or str, optional
        Number of an output, from 0.

    Raises
    ------
    InputError
        No such output, or none was asked for and the labels do not tell; all are listed with their labels.
    """
    different(target, f"the target column {target.name!r}")
    held = {str(v) for v in pd.unique(target.dropna())}
    fitting = [i for i, known in enumerate(labels) if held <= {str(v) for v in known}]
    if asked is None and len(fitting) == 1:
        column = fitting[0]
    elif asked is not None and str(asked).isdigit() and int(asked) < len(labels):
        column = int(asked)
    else:
        each = "; ".join(f"{i}: {listed(map(repr, known), 5)}" for i, known in enumerate(labels[:12]))
        came = (
            f"Got {asked!r}."
            if asked is not None
            else f"The labels of {target.name!r} fit {len(fitting) or 'none'} of them."
        )
        raise InputError(
            f"Expected one output of the classifier, which gives {len(labels)} labels a row ({each}).",
            came,
            f"Choose with --output-column N, from 0 to {len(labels) - 1}.",
        )
    others = listed([str(i) for i in range(len(labels)) if i != column], 12)
    said = f"The classifier gives {len(labels)} labels a row; this is output {column} (the others: {others})."
    return OneLabel(model, column, said, labels[column])


def one_output(model: Model, count: int, target: str, asked: int | str | None) -> Model:
    """Choose one of several outputs: as asked, else the one named like the target.

    Parameters
    ----------
    count : int
        Number of outputs that the model gives a row.
    target : str
        Name of the target column.
    asked : int or str, optional
        Name of an output, or its number from 0.

    Raises
    ------
    InputError
        No such output, or none was asked for and none is named like the target; all are listed.
    """
    shares = model.output_quantiles or ()
    all_names = model.output_names or tuple(f"{share:g}" for share in shares)
    recorded = all_names if len(all_names) == count else None
    names = recorded or tuple(str(i) for i in range(count))
    if count == 1:
        if asked is not None and str(asked) not in (names[0], "0"):
            raise InputError(
                "Expected an output that the model has.",
                f"Got {asked!r}; the model gives one value a row.",
                "Leave out --output-column.",
            )
        return model
    wanted = str(asked) if asked is not None else "0.5" if 0.5 in shares else target
    if wanted in names:
        column = names.index(wanted)
    elif asked is not None and wanted.isdigit() and int(wanted) < count:
        column = int(wanted)
    else:
        close = nearest(wanted, names) if asked is not None else []
        raise InputError(
            f"Expected one output of the model, which gives {count} values a row"
            + (f": {listed(names, 12)}." if recorded else " and recorded no names for them."),
            f"Got {asked!r}."
            if asked is not None
            else f"None is named like the target {target!r}."
            if recorded
            else "It cannot be told which of them is the target.",
            f"Did you mean {close[0]!r}?" if close else "Choose with --output-column " + ("NAME." if recorded else f"N, from 0 to {count - 1}."),
        )  # fmt: skip
    others = listed([n for i, n in enumerate(names) if i != column], 12)
    if recorded and len(shares) == count:
        said = f"The model gives {count} quantiles a row; the one of {names[column]} is judged as its prediction, "
        return OneOutput(model, column, f"{said}all ({listed(names, 12)}) as what it promises.")
    return OneOutput(
        model, column, f"The model gives {count} values a row; this is output {names[column]} (the others: {others})."
    )
