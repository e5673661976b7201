"""CatBoost: its model files (.cbm) and its estimators. The only file that imports catboost."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from modelglass.analysis.errors import AnalysisError, InputError, MissingPackage
from modelglass.analysis.models.base import Model, one_against_rest, unsummed
from modelglass.analysis.models.catboost_file import check_catboost
from modelglass.analysis.models.trees import Damaged

INSTALL = "pip install 'modelglass[boosting]'"
LOG_LINKED = ("Poisson", "Tweedie")
"""Losses whose regressor gives the exponential of its raw output."""


def _library(reason: str) -> ModuleType:
    try:
        import catboost
    except ImportError:
        raise MissingPackage("catboost", reason, INSTALL) from None
    return catboost


class CatBoostModel(Model):
    """CatBoostClassifier, CatBoostRegressor, CatBoost, in memory or from a file.

    Classes are those that CatBoost records; labels are its own (its probability threshold included).
    """

    kind: ClassVar[str] = "catboost"

    def __init__(self, estimator: Any, *, name: str = "in memory", fingerprint: str | None = None):
        super().__init__(estimator, name=name, fingerprint=fingerprint)
        if not estimator.is_fitted():
            raise InputError(
                "Expected a fitted model.", f"This {type(estimator).__name__} has not been fitted.", "Call fit first."
            )
        self.loss = _loss(estimator)
        if self.loss.startswith(("MultiLogloss", "MultiCrossEntropy")):
            raise InputError(
                "Expected one outcome a row.",
                f"The model in {name} gives several labels a row.",
                "Evaluate a model of one of them.",
            )
        labels = list(estimator.classes_)
        if labels:
            self.classes = tuple(v.item() if isinstance(v, np.generic) else v for v in labels)
            self.task = "binary" if len(labels) == 2 else "multiclass"
            self.score_kind = "probability"
            if self.loss.startswith("MultiClassOneVsAll"):
                self.score_kind = "decision"
                self.notes.append(unsummed(self.classes))
        else:
            self.task = "regression"
            self.output_quantiles = _quantiles(self.loss)
        names = list(estimator.feature_names_)
        self.n_features = len(names)
        self.feature_names = None if names == [str(i) for i in range(len(names))] else tuple(names)

    def prepare(self, frame: pd.DataFrame) -> Any:
        """Give CatBoost's own matrix."""
        return pool(self.estimator, frame)

    def predict(self, X: Any) -> np.ndarray:
        """Give labels or values."""
        return self.both(X)[0]

    def scores(self, X: Any) -> np.ndarray | None:
        """Give probabilities or scores (n, k), the one of two classes against each other (n, 1), or None."""
        return self.both(X)[1]

    def both(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Ask for classes and probabilities of one matrix."""
        if self.classes is None:
            how = "Exponent" if self.loss.startswith(LOG_LINKED) else "RawFormulaVal"
            return np.asarray(self.estimator.predict(X, prediction_type=how)), None
        labels = np.asarray(self.estimator.predict(X, prediction_type="Class")).reshape(-1)
        if isinstance(self.classes[0], bool) and labels.dtype.kind not in "b":
            labels = labels.astype(str) == "True"
        scores = np.asarray(self.estimator.predict(X, prediction_type="Probability"))
        return labels, one_against_rest(scores) if self.score_kind == "decision" else scores


def _quantiles(loss: str) -> tuple[float, ...] | None:
    """Give the shares of the losses Quantile (0.5 where it names none) and MultiQuantile."""
    if loss.partition(":")[0] not in ("Quantile", "MultiQuantile"):
        return None
    shares = re.search(r"alpha=([\d.,eE-]+)", loss)
    return tuple(map(float, shares[1].split(","))) if shares else (0.5,)


def _loss(estimator: Any) -> str:
    try:
        return str(estimator.get_all_params().get("loss_function", ""))
    except Exception:  # noqa: BLE001  a model put together by hand has no parameters; CatBoost raises what it likes
        return ""


def pool(estimator: Any, frame: pd.DataFrame) -> Any:
    """Make a Pool of raw columns in the model's order: named as the model names them, numbers plain, categories checked.

    Raises
    ------
    InputError
        A category is missing: CatBoost has no missing category, and only who trained the model knows the text that stood for it.
    """
    groups = [list(estimator.get_cat_feature_indices()), list(estimator.get_text_feature_indices())]
    if estimator.get_embedding_feature_indices():
        raise InputError(
            "Expected a model of table columns.", "This CatBoost model reads embeddings.", "Give another model."
        )
    if set(estimator.feature_names_) == set(frame.columns):
        frame = frame[list(estimator.feature_names_)]
    texts = {i for group in groups for i in group}
    columns = {}
    for place, (given, name) in enumerate(zip(frame.columns, estimator.feature_names_, strict=True)):
        columns[name] = _category(frame[given]) if place in texts else _plain(frame[given])
    return _library("This model").Pool(
        pd.DataFrame(columns, index=frame.index), cat_features=groups[0], text_features=groups[1]
    )


def _category(values: pd.Series) -> pd.Series:
    missing = values.isna()
    if missing.any():
        raise InputError(
            f"Expected a text in the column {values.name!r} on every row, because CatBoost takes it as a category.",
            f"{int(missing.sum()):,} without one, the first in row {values.index[int(np.argmax(missing.to_numpy()))]}.",
            "Fill them with the text that stood for missing when the model was fitted.",
        )
    if pd.api.types.is_float_dtype(values.dtype) and (values % 1 == 0).all():
        raise InputError(
            f"Expected texts or whole numbers in the column {values.name!r}, because CatBoost takes it as a category.",
            f"It holds {values.dtype}, so that it cannot be told whether 1 was '1' or '1.0' in training.",
            "Give the column the type it had in training.",
        )
    return values


def _plain(values: pd.Series) -> pd.Series:
    """Give nullable and Arrow-backed numbers as plain ones with NaN."""
    if isinstance(values.dtype, pd.api.extensions.ExtensionDtype) and pd.api.types.is_numeric_dtype(values.dtype):
        return pd.Series(values.to_numpy(dtype="float64", na_value=np.nan), index=values.index)
    return values


def load_catboost(data: bytes, name: str) -> Model:
    """Load a .cbm file.

    Raises
    ------
    InputError
        The content is not a CatBoost model, or damaged.
    MissingPackage
        CatBoost is not installed.
    """
    try:
        check_catboost(data)
    except Damaged as error:
        raise InputError("Expected a model saved by CatBoost's save_model (.cbm).", f"In {name}: {error}.",
                         "Save the model again; if it is not a CatBoost model, save it as .skops.") from None  # fmt: skip
    catboost = _library(f"The model in {name}")
    try:
        model = catboost.CatBoostClassifier().load_model(blob=data)
        if not len(model.classes_):
            model = catboost.CatBoostRegressor().load_model(blob=data)
        return CatBoostModel(model, name=name)
    except AnalysisError:
        raise
    except (catboost.CatBoostError, ValueError, TypeError, KeyError, UnicodeDecodeError) as error:
        raise InputError("Expected a model saved by CatBoost's save_model.", f"CatBoost cannot read {name}: {' '.join(str(error).split())[-200:]}",
                         "Save the model again, with the version of CatBoost that is installed here.") from None  # fmt: skip


def wrap_catboost(obj: Any, name: str) -> Model:
    """Wrap an estimator in memory."""
    return CatBoostModel(obj, name=name)
