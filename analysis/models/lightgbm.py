"""LightGBM: its own model files, its Booster, and its scikit-learn estimators. The only file that imports lightgbm."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from modelglass.analysis.errors import AnalysisError, InputError, MissingPackage
from modelglass.analysis.models.base import Model, one_against_rest, unsummed
from modelglass.analysis.models.lightgbm_file import read_lightgbm
from modelglass.analysis.models.lightgbm_levels import Levels, read_levels
from modelglass.analysis.models.sklearn import SklearnModel
from modelglass.analysis.models.trees import Damaged

INSTALL = "pip install 'modelglass[boosting]'"
VALUES = frozenset(["regression", "regression_l1", "l2", "l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie", "cross_entropy", "cross_entropy_lambda"])  # fmt: skip


def _library(reason: str) -> ModuleType:
    try:
        import lightgbm
    except (ImportError, OSError):
        raise MissingPackage("lightgbm", reason, INSTALL) from None
    return lightgbm


class LightGBMEstimator(SklearnModel):
    """LGBMClassifier, LGBMRegressor and their kin, in memory."""

    kind: ClassVar[str] = "lightgbm"

    def __init__(self, estimator: Any, *, name: str = "in memory", fingerprint: str | None = None):
        super().__init__(estimator, name=name, fingerprint=fingerprint)
        self.levels = _levels(estimator.booster_)
        self.output_quantiles = _quantile(estimator.booster_)
        self.categories = self.levels.alone(estimator.booster_.feature_name())
        if _unnamed(estimator.booster_):
            self.feature_names, self._wants_names = None, False

    def categories_in(self, frame: pd.DataFrame, train: pd.DataFrame | None = None) -> Mapping[str, Sequence[Any]]:
        """Give the recorded levels of the columns that they belong to."""
        return self.levels.of(frame, train)


class LightGBMBooster(Model):
    """A native Booster. Classes are 0, 1, ... k-1: a booster records no labels."""

    kind: ClassVar[str] = "lightgbm"

    def __init__(self, booster: Any, *, objective: str, name: str = "in memory", fingerprint: str | None = None):
        super().__init__(booster, name=name, fingerprint=fingerprint)
        self.objective = objective.split(" ")[0]
        width = int(booster.num_model_per_iteration())
        if self.objective == "binary":
            self.task, self.classes, self.score_kind = "binary", (0, 1), "probability"
        elif self.objective in ("multiclass", "multiclassova"):
            self.classes = tuple(range(width))
            self.task = "binary" if width == 2 else "multiclass"
            self.score_kind = "decision" if self.objective == "multiclassova" else "probability"
        elif self.objective in VALUES:
            self.task = "regression"
        self.output_quantiles = _quantile(booster)
        self.n_features = int(booster.num_feature())
        self.feature_names = None if _unnamed(booster) else tuple(booster.feature_name())
        self.levels = _levels(booster)
        self.categories = self.levels.alone(booster.feature_name())
        if self.score_kind == "decision":
            self.notes.append(unsummed(self.classes or ()))

    def categories_in(self, frame: pd.DataFrame, train: pd.DataFrame | None = None) -> Mapping[str, Sequence[Any]]:
        """Give the recorded levels of the columns that they belong to."""
        return self.levels.of(frame, train)

    def prepare(self, frame: pd.DataFrame) -> Any:
        """Give the frame; values alone to a booster without names."""
        return frame if self.feature_names is not None or self.levels.lists else frame.to_numpy()

    def predict(self, X: Any) -> np.ndarray:
        """Give class numbers, or values."""
        return self.both(X)[0]

    def scores(self, X: Any) -> np.ndarray | None:
        """Give probabilities or scores (n, k), the one of two classes against each other (n, 1), or None."""
        return self.both(X)[1]

    def both(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Predict once; the class is the one of highest probability, as in LGBMClassifier."""
        raw = np.asarray(self.estimator.predict(X))
        if self.classes is None:
            return raw, None
        scores = np.column_stack([1.0 - raw, raw]) if raw.ndim == 1 else raw
        return scores.argmax(axis=1), one_against_rest(scores) if self.score_kind == "decision" else scores


def _unnamed(booster: Any) -> bool:
    """Say whether LightGBM made up the names itself."""
    return list(booster.feature_name()) == [f"Column_{i}" for i in range(booster.num_feature())]


def _quantile(booster: Any) -> tuple[float, ...] | None:
    """Give the share of the objective ``quantile``, which the file records as its parameter ``alpha``; None of another objective."""
    text = booster.model_to_string(num_iteration=1)
    header, _, parameters = text.partition("\nparameters:")
    if not re.search(r"^objective=quantile\b", header, re.MULTILINE):
        return None
    alpha = re.search(r"^\[alpha: ([\d.eE+-]+)\]$", parameters, re.MULTILINE)
    return (float(alpha[1]),) if alpha else None


def _levels(booster: Any) -> Levels:
    return read_levels(booster.model_to_string(num_iteration=1), booster.pandas_categorical)


def load_lightgbm(data: bytes, name: str) -> Model:
    """Load a LightGBM text file after its content was checked.

    Raises
    ------
    InputError
        The content is not a LightGBM model, or holds an index that cannot be so.
    MissingPackage
        LightGBM is not installed.
    """
    try:
        header, _ = read_lightgbm(data)
    except Damaged as error:
        raise InputError("Expected a model saved by LightGBM's save_model (.txt).", f"In {name}: {error}.",
                         "Save the model again; if it is not a LightGBM model, save it as .skops.") from None  # fmt: skip
    lightgbm = _library(f"The model in {name}")
    try:
        booster = lightgbm.Booster(model_str=data.decode())
        return LightGBMBooster(booster, objective=header.get("objective", ""), name=name)
    except AnalysisError:
        raise
    except (lightgbm.basic.LightGBMError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise InputError("Expected a model saved by LightGBM's save_model.", f"LightGBM cannot read {name}: {str(error)[:200]}",
                         "Save the model again, with the version of LightGBM that is installed here.") from None  # fmt: skip


def wrap_lightgbm(obj: Any, name: str) -> Model:
    """Wrap a Booster or one of the estimators."""
    lightgbm = _library("This model")
    if not isinstance(obj, lightgbm.Booster):
        return LightGBMEstimator(obj, name=name)
    header = obj.model_to_string(num_iteration=1).split("\nTree=")[0]
    objective = next((line[10:] for line in header.split("\n") if line.startswith("objective=")), "")
    return LightGBMBooster(obj, objective=objective, name=name)
