"""XGBoost: its own model files, its Booster, and its scikit-learn estimators. The only file that imports xgboost."""

from __future__ import annotations

import json
import re
import warnings
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.special import softmax

from modelglass.analysis.errors import AnalysisError, InputError, MissingPackage
from modelglass.analysis.models.base import Model
from modelglass.analysis.models.sklearn import SklearnModel
from modelglass.analysis.models.trees import Damaged
from modelglass.analysis.models.xgboost_file import read_xgboost

INSTALL = "pip install 'modelglass[boosting]'"


def _library(reason: str) -> ModuleType:
    try:
        import xgboost
    except ImportError:
        raise MissingPackage("xgboost", reason, INSTALL) from None
    return xgboost


class XGBoostEstimator(SklearnModel):
    """XGBClassifier, XGBRegressor and their kin, in memory."""

    kind: ClassVar[str] = "xgboost"

    def __init__(self, estimator: Any, *, name: str = "in memory", fingerprint: str | None = None):
        super().__init__(estimator, name=name, fingerprint=fingerprint)
        self.categories, self.categorical = _levels(estimator.get_booster())
        self.output_quantiles = _quantiles(json.loads(estimator.get_booster().save_config())["learner"]["objective"])


class XGBoostBooster(Model):
    """A native Booster. Classes are 0, 1, ... k-1: a booster records no labels.

    ``binary:logistic`` and ``multi:*`` give probabilities, ``binary:logitraw`` gives its margin, ``reg:*``, ``count:*`` and the like a value.
    Where early stopping chose a best round through the scikit-learn interface, that round is used, as there.
    """

    kind: ClassVar[str] = "xgboost"

    def __init__(self, booster: Any, *, name: str = "in memory", fingerprint: str | None = None):
        super().__init__(booster, name=name, fingerprint=fingerprint)
        learner = json.loads(booster.save_config())["learner"]
        self.objective: str = learner["objective"]["name"]
        classes = int(learner["learner_model_param"].get("num_class", 0))
        if self.objective in ("binary:logistic", "binary:logitraw", "binary:hinge"):
            self.task, self.classes = "binary", (0, 1)
        elif self.objective.startswith("multi:"):
            self.task, self.classes = "multiclass", tuple(range(classes))
        elif self.objective.partition(":")[0] in ("reg", "count"):
            self.task = "regression"
        self.output_quantiles = _quantiles(learner["objective"])
        if self.classes and self.objective != "binary:hinge":
            self.score_kind = "decision" if self.objective == "binary:logitraw" else "probability"
        names = booster.feature_names
        self.feature_names = None if names is None else tuple(names)
        self.n_features = int(booster.num_features())
        self.categories, self.categorical = _levels(booster)
        self._rounds = _best_rounds(booster)

    def prepare(self, frame: pd.DataFrame) -> Any:
        """Give XGBoost's own matrix, with the names the booster knows."""
        if self.estimator.feature_names is None:
            values = frame.to_numpy()
            return _library("This model").DMatrix(values.astype(float) if values.dtype == object else values)
        return _library("This model").DMatrix(frame, enable_categorical=True)

    def _raw(self, X: Any, margin: bool) -> np.ndarray:
        import xgboost

        X = X if isinstance(X, xgboost.DMatrix) else self.prepare(X)
        return np.asarray(self.estimator.predict(X, output_margin=margin, iteration_range=self._rounds))

    def scores(self, X: Any) -> np.ndarray | None:
        """Give probabilities (n, k), or the margin (n, 1)."""
        if self.score_kind is None:
            return None
        if self.score_kind == "decision":
            return self._raw(X, margin=True).reshape(-1, 1)
        if self.task == "multiclass":
            return softmax(self._raw(X, margin=True).astype(float), axis=1)
        positive = self._raw(X, margin=False)
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: Any) -> np.ndarray:
        """Give class numbers, or values."""
        return self.both(X)[0]

    def both(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Predict once; the class follows from the scores as in XGBClassifier."""
        scores = self.scores(X)
        if scores is None:
            raw = self._raw(X, margin=False)
            return (raw.astype(np.int64) if self.classes else raw), None
        if self.score_kind == "decision":
            return (scores[:, 0] > 0).astype(np.int64), scores
        return (scores[:, 1] > 0.5).astype(np.int64) if self.task == "binary" else scores.argmax(axis=1), scores


def _bare(message: Any) -> str:
    """Take time and place from a warning of XGBoost, which writes ``[10:51:18] WARNING: /src/learner.cc:825: text``."""
    return re.sub(r"^\[[\d:]+\] WARNING: \S+: ", "", " ".join(str(message).split()))[:300]


def _best_rounds(booster: Any) -> tuple[int, int]:
    best = booster.attr("best_iteration")
    return (0, int(best) + 1) if best is not None and booster.attr("scikit_learn") is not None else (0, 0)


def _quantiles(objective: dict[str, Any]) -> tuple[float, ...] | None:
    """Give the shares of ``reg:quantileerror``: its ``quantile_alpha``, one or several."""
    shares = json.loads(objective.get("quantile_loss_param", {}).get("quantile_alpha", "[]"))
    return tuple(map(float, shares)) or None


def _levels(booster: Any) -> tuple[dict[str, list[Any]], tuple[str, ...]]:
    """Give the levels of categorical columns where this version of XGBoost records them, and the columns where it did not."""
    names, types = booster.feature_names or [], booster.feature_types
    asked = tuple(n for n, kind in zip(names, types or [], strict=False) if kind == "c")
    if not asked:
        return {}, ()
    try:
        recorded = booster.get_categories(export_to_arrow=True).to_arrow()
    except (AttributeError, TypeError, ValueError):
        recorded = None
    known = {str(name): levels.to_pylist() for name, levels in recorded or () if levels is not None and name in names}
    return known, tuple(n for n in asked if n not in known)


def load_xgboost(data: bytes, name: str) -> Model:
    """Load an XGBoost file after its content was checked.

    Raises
    ------
    InputError
        The content is not an XGBoost model, or holds an index that cannot be so.
    MissingPackage
        XGBoost is not installed.
    """
    try:
        read_xgboost(data)
    except Damaged as error:
        raise InputError("Expected a model saved by XGBoost's save_model (.json or .ubj).", f"In {name}: {error}.",
                         "Save the model again; if it is not an XGBoost model, save it as .skops.") from None  # fmt: skip
    xgboost = _library(f"The model in {name}")
    booster = xgboost.Booster()
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            booster.load_model(bytearray(data))
            model = XGBoostBooster(booster, name=name)
        model.notes += list(dict.fromkeys(f"XGBoost warned while loading: {_bare(w.message)}" for w in heard))
        return model
    except AnalysisError:
        raise
    except (xgboost.core.XGBoostError, ValueError, KeyError, TypeError) as error:
        raise InputError("Expected a model saved by XGBoost's save_model.", f"XGBoost cannot read {name}: {str(error).strip()[-200:]}",
                         "Save the model again, with the version of XGBoost that is installed here.") from None  # fmt: skip


def wrap_xgboost(obj: Any, name: str) -> Model:
    """Wrap a Booster or one of the estimators."""
    xgboost = _library("This model")
    return XGBoostBooster(obj, name=name) if isinstance(obj, xgboost.Booster) else XGBoostEstimator(obj, name=name)
