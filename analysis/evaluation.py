"""``Evaluation``: one model on one data set, predicted once; a cohort of it is again an Evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from modelglass.analysis.asking import Asking
from modelglass.analysis.cohorts import Cohorts
from modelglass.analysis.companions import companions
from modelglass.analysis.describing import Given
from modelglass.analysis.elsewhere import prepare_predictions
from modelglass.analysis.preparing import prepare
from modelglass.analysis.quantiles import Given as Quantiles
from modelglass.analysis.quantiles import columns_of, with_quantiles
from modelglass.analysis.shared import Shared


class Evaluation(Cohorts, Asking):
    """A model, the rows it is judged on, and what it predicted there.

    Parameters
    ----------
    model : estimator or Model
        A fitted scikit-learn, XGBoost, LightGBM or CatBoost estimator, any object with ``predict``, ``predict_proba`` or
        ``decision_function``, a function of a data frame, or what ``load_model`` gave.
    frame : pandas.DataFrame, shape (n_rows, n_columns)
        Raw columns, with the target. Columns that the model does not use stay available for slicing.
    target : str
        Column of outcomes. Rows without one are left out, and said in ``notes``.
    positive : label, optional
        The positive class (binary); the model's second class without it.
    threshold : float, optional
        Positive when score >= threshold; without it the model's own ``predict`` decides.
    weight, time, cluster, id : str, optional
        Columns: sample weights (>= 0), time, groups of rows that are not independent, row names.
    train, reference : pandas.DataFrame, optional
        What the model was fitted on (its types decide how a model that recorded nothing is fed); an earlier period. Checked at
        once, predicted when first asked for: ``ev.on("train")``.
    baseline : estimator or Model, optional
        Another model for the same task and classes: ``ev.of_baseline()``.
    ignore : sequence of str
        Columns neither fed to the model nor offered; one that the model recorded as its own is an error.
    name : str, optional
        Name of the data for people.
    seed : int
        For everything that draws.
    task : {"binary", "multiclass", "regression"}, optional
    label : mapping of the data's labels to the model's, or texts "DATA=MODEL", optional
    features : sequence of str, optional
        Order of the input columns for a model that recorded no names.
    types : mapping of column to type, optional
        "numeric", "categorical", "boolean", "datetime", "text" or "id".
    output_column : int or str, optional
        Which value is judged where the model gives several a row: number from 0, or name where it records names. Without it the one
        named like the target.
    quantiles : mapping of share to column, array of shape (n_rows,) or fitted estimator, optional
        Promised quantiles of a number, {0.05: low, 0.95: high}; see ``interval_coverage``.
    columns : path of a YAML file, or mapping of column to what is said of it, optional
        Description, unit, order of levels and expected direction; see ``describing.read_columns``.

    Raises
    ------
    InputError
        Where model and data do not fit; it says what was expected, what came, and what to do.
    """

    def __init__(
        self,
        model: Any,
        frame: pd.DataFrame,
        *,
        target: str,
        positive: Any = None,
        threshold: float | None = None,
        weight: str | None = None,
        time: str | None = None,
        cluster: str | None = None,
        id: str | None = None,
        train: pd.DataFrame | None = None,
        reference: pd.DataFrame | None = None,
        baseline: Any = None,
        ignore: Sequence[str] = (),
        name: str | None = None,
        seed: int = 0,
        task: str | None = None,
        label: Mapping[Any, Any] | Sequence[str] | None = None,
        features: Sequence[str] | None = None,
        types: Mapping[str, str] | None = None,
        columns: Given = None,
        output_column: int | str | None = None,
        quantiles: Quantiles | None = None,
        data_fingerprint: str | None = None,
    ):
        data = prepare(
            model,
            frame,
            target=target,
            positive=positive,
            weight=weight,
            time=time,
            cluster=cluster,
            id=id,
            train=getattr(train, "frame", train),
            ignore=[*([ignore] if isinstance(ignore, str) else ignore), *columns_of(quantiles)],
            name=name,
            task=task,
            label=label,
            features=features,
            types=types,
            columns=columns,
            output_column=output_column,
            data_fingerprint=data_fingerprint,
        )
        data = with_quantiles(data, quantiles, len(frame))
        beside = companions(
            data, train=train, reference=reference, baseline=baseline, label=label, output_column=output_column
        )
        self._become(Shared(data, beside, threshold), threshold=threshold, seed=seed)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        prediction: Any = None,
        score: Any = None,
        frame: pd.DataFrame | None = None,
        *,
        positive: Any = None,
        threshold: float | None = None,
        task: str | None = None,
        weight: str | None = None,
        time: str | None = None,
        cluster: str | None = None,
        id: str | None = None,
        target: str = "target",
        ignore: Sequence[str] = (),
        name: str | None = None,
        seed: int = 0,
        types: Mapping[str, str] | None = None,
        columns: Given = None,
        quantiles: Quantiles | None = None,
        data_fingerprint: str | None = None,
    ) -> Evaluation:
        """Evaluate predictions that were made elsewhere; there is no model to ask.

        Parameters
        ----------
        y_true : array-like, shape (n_rows,)
            Outcomes.
        prediction : array-like, shape (n_rows,), optional
            Predicted labels or values.
        score : array-like of shape (n_rows,), or mapping of class to array, optional
            Score of the positive class, or one array a class.
        frame : pandas.DataFrame, optional
            Columns for slicing.
        quantiles : mapping of share to column or array, optional
            Promised quantiles of a number, {0.05: low, 0.95: high}; see ``interval_coverage``.
        """
        data, threshold = prepare_predictions(
            y_true,
            prediction,
            score,
            frame,
            target=target,
            positive=positive,
            threshold=threshold,
            task=task,
            weight=weight,
            time=time,
            cluster=cluster,
            id=id,
            ignore=[*([ignore] if isinstance(ignore, str) else ignore), *columns_of(quantiles)],
            name=name,
            types=types,
            columns=columns,
            data_fingerprint=data_fingerprint,
        )
        data = with_quantiles(data, quantiles, len(y_true))
        self = cls.__new__(cls)
        self._become(Shared(data, threshold=threshold), threshold=threshold, seed=seed)
        return self
