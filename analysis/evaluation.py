"""``Evaluation``: one model on one data set, predicted once; a cohort of it is again an Evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis import fingerprints, reserved
from modelglass.analysis.coding import Coding
from modelglass.analysis.columns import Column
from modelglass.analysis.companions import WORDS, companions
from modelglass.analysis.describing import Given, said_of
from modelglass.analysis.elsewhere import prepare_predictions
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.feeding import Feed, call
from modelglass.analysis.joining import rest_of
from modelglass.analysis.kept import Kept
from modelglass.analysis.models.base import Model
from modelglass.analysis.preparing import Prepared, prepare
from modelglass.analysis.quantiles import Given as Quantiles
from modelglass.analysis.quantiles import columns_of, with_quantiles
from modelglass.analysis.selfcheck import Note
from modelglass.analysis.shared import Shared
from modelglass.analysis.source import Source


class Evaluation:
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
        Description, unit and order of levels; see ``describing.read_columns``.

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
            ignore=[*ignore, *columns_of(quantiles)],
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
        self._become(Shared(data, beside), threshold=threshold, seed=seed)

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
            ignore=[*ignore, *columns_of(quantiles)],
            name=name,
            types=types,
            columns=columns,
            data_fingerprint=data_fingerprint,
        )
        data = with_quantiles(data, quantiles, len(y_true))
        self = cls.__new__(cls)
        self._become(Shared(data), threshold=threshold, seed=seed)
        return self

    def _become(
        self,
        shared: Shared,
        *,
        threshold: float | None,
        seed: int,
        rows: np.ndarray | None = None,
        condition: str | None = None,
        sample: int | None = None,
        kept: Kept | None = None,
        noted: tuple[Note, ...] = (),
        steps: tuple[tuple[Any, ...], ...] | None = None,
    ) -> None:
        if not isinstance(seed, (int, np.integer)) or seed < 0:
            raise InputError("Expected a whole number of zero or more as the seed.", f"Got {seed!r}.", "Choose e.g. 0.")
        self._shared, self._all, self.seed = shared, shared.data, int(seed)
        self.threshold = _checked_threshold(shared.data, threshold)
        self.condition, self._sample = condition, sample
        self._rows, self._noted = rows, noted
        # how the rows came about from the whole, to be gone again where they depend on the threshold; None: they are as they are
        self._steps = () if rows is None else steps
        # keep(key, make): what follows from these rows and their scores, at whatever threshold
        self.keep = kept or (shared.kept if rows is None else Kept())

    def _view(self, **changes: Any) -> Evaluation:
        view = Evaluation.__new__(Evaluation)
        state = {
            "threshold": self.threshold,
            "seed": self.seed,
            "rows": self._rows,
            "condition": self.condition,
            "sample": self._sample,
            "kept": None if "rows" in changes else self.keep,
            "noted": self._noted,
            "steps": self._steps,
        }
        view._become(self._shared, **{**state, **changes})
        return view

    # what it is about ------------------------------------------------------------------------------------------

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self._all.y) if self._rows is None else len(self._rows)

    @property
    def task(self) -> str:
        """``"binary"``, ``"multiclass"`` or ``"regression"``."""
        return self._all.target.task

    @property
    def target(self) -> str:
        """Name of the target column."""
        return self._all.target_name

    @property
    def classes(self) -> tuple[Any, ...]:
        """Labels in the order of codes and score columns; empty in regression."""
        return self._all.target.classes

    @property
    def positive_index(self) -> int | None:
        """Place of the positive class in ``classes`` (binary)."""
        return self._all.target.positive_index

    @property
    def positive(self) -> Any:
        """Label of the positive class (binary)."""
        return None if self.positive_index is None else self.classes[self.positive_index]

    @property
    def features(self) -> tuple[str, ...]:
        """Raw columns that the model reads, in its order; () without a model."""
        return self._all.feed.features if self._all.feed else ()

    @property
    def feed(self) -> Feed | None:
        """How the model is fed; None without a model."""
        return self._all.feed

    @property
    def columns(self) -> Mapping[str, Column]:
        """What is known of each column that is not ignored, by name."""
        return self._all.columns

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a person should know of model and data, found while loading."""
        return (*self._noted, *self._shared.notes)

    @property
    def model(self) -> Model | None:
        """The model; None in predictions-only use."""
        return self._all.model

    @property
    def estimator(self) -> Any:
        """The library's own object; None in predictions-only use."""
        return self._all.model.estimator if self._all.model else None

    @property
    def train(self) -> pd.DataFrame | None:
        """The training data where given."""
        return self._shared.beside.train.frame if self._shared.beside.train else None

    @property
    def reference(self) -> pd.DataFrame | None:
        """The earlier period where given."""
        return self._shared.beside.reference.frame if self._shared.beside.reference else None

    @property
    def baseline(self) -> Model | None:
        """The other model where given."""
        return self._shared.beside.baseline.model if self._shared.beside.baseline else None

    @property
    def score_kind(self) -> str | None:
        """``"probability"``, ``"decision"`` or None."""
        return self._all.score_kind

    # the rows --------------------------------------------------------------------------------------------------

    def _take(self, whole: np.ndarray) -> np.ndarray:
        return whole if self._rows is None else whole[self._rows]

    @cached_property
    def rows(self) -> np.ndarray:
        """Positions in the whole data, shape (n,)."""
        return np.arange(len(self._all.y)) if self._rows is None else self._rows

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All columns of these rows; the index is the row number in the data as read."""
        return self._all.frame if self._rows is None else self._all.frame.iloc[self._rows]

    @cached_property
    def y(self) -> np.ndarray:
        """Outcomes: codes into ``classes`` (int64) or values (float64), shape (n,)."""
        return self._take(self._all.y)

    @cached_property
    def score(self) -> np.ndarray | None:
        """Binary: score of the positive class, shape (n,). Multi-class: shape (n, k). None where there is none."""
        return None if self._all.score is None else self._take(self._all.score)

    @cached_property
    def predicted(self) -> np.ndarray:
        """Predicted codes at the operating threshold, or values, shape (n,)."""
        if self.threshold is None:
            return self._take(self._all.predicted)
        return self._decided(np.asarray(self.score))

    def _decided(self, score: np.ndarray) -> np.ndarray:
        index = self.positive_index or 0
        return np.where(score >= self.threshold, index, 1 - index)

    @cached_property
    def quantiles(self) -> Mapping[float, np.ndarray]:
        """Promised quantiles of the outcome by share, rising, each of shape (n,); empty where none were given."""
        return {share: self._take(values) for share, values in self._all.quantiles.items()}

    @cached_property
    def weight(self) -> np.ndarray | None:
        """Sample weights, float64, shape (n,); None where not given."""
        return None if self._all.weight is None else self._take(self._all.weight)

    @cached_property
    def cluster(self) -> np.ndarray | None:
        """Cluster codes, shape (n,); None where not given."""
        return None if self._all.cluster is None else self._take(self._all.cluster)

    @cached_property
    def time(self) -> pd.Series | None:
        """Times of the rows; None where not given."""
        return None if self._all.time is None else self._all.time.iloc[self.rows]

    @cached_property
    def ids(self) -> np.ndarray:
        """Names of the rows: the id column where given, else the row numbers."""
        return self.frame[self._all.id].to_numpy() if self._all.id else self.frame.index.to_numpy()

    def binary(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Give (outcome 0/1, score of the positive class, weight), each of shape (n,); NotApplicable where there are none."""
        if self.task != "binary":
            raise NotApplicable(f"this needs two classes, and this is {self.task}")
        if self.score is None:
            raise NotApplicable("the model gives no scores, only labels")
        return (self.y == self.positive_index).astype(np.int64), self.score, self.weight

    def outcome_and_probability(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Give (outcome 0/1, probability of the positive class, weight); NotApplicable without probabilities."""
        y, score, weight = self.binary()
        if self.score_kind != "probability":
            raise NotApplicable("the model gives no probabilities, only scores")
        return y, score, weight

    # cohorts and settings --------------------------------------------------------------------------------------

    @property
    def whole(self) -> Evaluation:
        """The same with all rows."""
        return self if self._rows is None else self._view(rows=None, condition=None, sample=None)

    def where(self, sql: str) -> Evaluation:
        """Give the cohort of rows for which a SQL condition is true.

        Parameters
        ----------
        sql : str
            One expression over the columns, e.g. ``"sex = 'Female' AND age < 30"``. Missing makes it false.

            Beside the columns of the data it may name ``_outcome`` and ``_prediction`` (labels or values), ``_score`` (of the positive
            class; of several classes ``"_score:NAME"`` for each and ``_confidence``, that of the predicted one), ``_error`` (1 where
            wrong, 0 where right; of numbers prediction minus outcome) and ``_row`` (row number in the data as read, from 0). A column
            of the data that has such a name goes before, and ``notes`` say so. ``_prediction`` and ``_error`` are those at the
            operating threshold: ``with_threshold`` chooses the rows anew.

        Raises
        ------
        InputError
            Broken or forbidden SQL, an unknown column, or no rows.
        """
        mask = self._shared.mask(sql, self.threshold)
        rows = np.flatnonzero(mask) if self._rows is None else self._rows[mask[self._rows]]
        if not len(rows):
            raise InputError(
                "Expected a condition that some rows fulfil.",
                f"No row of {self.n:,} fulfils: {sql}",
                "Loosen the condition.",
            )
        end = "\n)" if "--" in f"{self.condition}{sql}" else ")"  # a comment ends with its line
        condition = sql if self.condition is None else f"({self.condition}{end} AND ({sql}{end}"
        return self._view(rows=rows, condition=condition, steps=self._with_step("where", sql))

    def rest(self) -> Evaluation:
        """Give the rows that are not in this cohort: its condition is false for them, or missing values leave it open.

        Raises
        ------
        NotApplicable
            These rows are no cohort of a condition.
        InputError
            There are no others.
        """
        if self.condition is None or self._sample is not None:
            raise NotApplicable("these rows were not chosen by a condition, so there is no rest to compare them with")
        return self._view(rows=None, condition=None).where(rest_of(self.condition))

    @property
    def moves(self) -> bool:
        """Whether a moved threshold chooses these rows anew, because their condition names predictions or errors."""
        return any(self.follows_threshold(step[1]) for step in self._steps or () if step[0] == "where")

    def follows_threshold(self, sql: str) -> bool:
        """Whether a condition names predictions or errors, which are those at the operating threshold; errors as of ``where``."""
        return bool(self._shared.reads(sql) & reserved.DECIDED)

    def words(self) -> reserved.Words:
        """Give the names that conditions on outcome, prediction, score and error have for these data."""
        return reserved.Words(self._all)

    def _with_step(self, *step: Any) -> tuple[tuple[Any, ...], ...] | None:
        return None if self._steps is None else (*self._steps, step)

    def _again(self, whole: Evaluation) -> Evaluation:
        """Choose the rows anew, by the same conditions and samples of another whole."""
        for step in self._steps or ():
            whole = whole.where(step[1]) if step[0] == "where" else whole.sample(step[1], step[2])
        return whole

    def sample(self, n: int, seed: int | None = None) -> Evaluation:
        """Draw ``n`` rows without replacement, stratified by outcome; all rows where there are no more. The source says so."""
        if n < 1:
            raise InputError("Expected a sample of at least one row.", f"Got {n}.")
        if n >= self.n:
            return self
        seed = self.seed if seed is None else seed
        rows = self.rows[_stratified(self.y, n, self.task, seed)]
        return self._view(rows=rows, sample=n, seed=seed, steps=self._with_step("sample", n, seed))

    def noted(self, notes: Sequence[Note]) -> Evaluation:
        """Give the same with more notes, put first."""
        return self._view(noted=(*notes, *self._noted))

    def take(self, places: Any) -> Evaluation:
        """Give the Evaluation of chosen rows, by their places in this one (0 to n - 1)."""
        return self._view(rows=self.rows[places], steps=None)

    def with_threshold(self, threshold: float | None, *, same_rows: bool = False) -> Evaluation:
        """Give the same decided at another threshold; None: by the model's own predict. The model is not asked again.

        Parameters
        ----------
        threshold : float or None
        same_rows : bool
            Keep the rows of a cohort whose condition names predictions or errors, which otherwise moves with the threshold.

        Raises
        ------
        InputError
            A threshold that does not fit, or a cohort that has no rows there.
        """
        if same_rows or not self.moves:
            return self._view(threshold=threshold)
        return self._again(self.whole._view(threshold=threshold, seed=self.seed))

    # beside it -------------------------------------------------------------------------------------------------

    def on(self, part: str) -> Evaluation:
        """Give the same model on other data, with the same threshold, roles and cohort condition.

        Parameters
        ----------
        part : {"train", "reference"}
            Predicted the first time it is asked for. A sample stays behind: these are all rows that fulfil the condition.

        Raises
        ------
        NotApplicable
            These data were not given, hold no target or no weights, or the condition does not hold for any of their rows.
        """
        other = Evaluation.__new__(Evaluation)
        other._become(self._shared.on(part), threshold=self.threshold, seed=self.seed)
        if self.condition is None:
            return other
        if reserved.ROW in self._shared.reads(self.condition):
            raise NotApplicable(f"the condition names rows by their number, and those of the {WORDS[part]} are others")
        try:
            return other.where(self.condition)
        except InputError as error:
            came = f" {error.came}" if error.came else ""
            raise NotApplicable(
                f"the condition cannot be applied to the {WORDS[part]}: {error.expected}{came}"
            ) from error

    def of_baseline(self) -> Evaluation:
        """Give the baseline on the same rows, with the same threshold; predicted the first time it is asked for.

        Raises
        ------
        NotApplicable
            No baseline was given, or the threshold means nothing for it because it gives other scores.
        """
        shared = self._shared.of_baseline()
        if self.threshold is not None and shared.data.score_kind != self.score_kind:
            gives = {None: "no scores", "decision": "no probabilities"}.get(shared.data.score_kind, "probabilities")
            raise NotApplicable(
                f"the threshold of {self.threshold:g} cannot decide for the baseline, which gives {gives}"
            )
        other = Evaluation.__new__(Evaluation)
        state = {"rows": self._rows, "condition": self.condition, "sample": self._sample}
        other._become(shared, threshold=self.threshold, seed=self.seed, **state)  # type: ignore[arg-type]
        return other

    def coding(self, column: str, bins: int = 5) -> Coding:
        """Give the level of each row in a column; numeric ones binned by quantile of the whole data."""
        whole = self._shared.coding(column, bins)
        return whole if self._rows is None else replace(whole, codes=whole.codes[self._rows])

    # asking the model ------------------------------------------------------------------------------------------

    def inputs(self) -> pd.DataFrame:
        """Give the raw columns that the model reads, for these rows."""
        return self.frame[list(self.features)]

    def _asked(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
        if self._all.model is None or self._all.feed is None:
            raise NotApplicable("there is no model here, only predictions")
        return call(self._all.model, self._all.feed.apply(frame))

    def output(self, frame: pd.DataFrame) -> np.ndarray:
        """Ask the model about any rows: what explanations explain.

        Parameters
        ----------
        frame : pandas.DataFrame, shape (m, n_features)
            Raw columns as ``inputs()`` gives them.

        Returns
        -------
        numpy.ndarray of float64
            Binary: score of the positive class, shape (m,) (0/1 decisions where the model gives no scores). Multi-class: shape
            (m, k). Regression: shape (m,).
        """
        labels, scores = self._asked(frame)
        if self.task == "regression":
            return np.asarray(labels, dtype="float64").reshape(len(frame))
        if scores is None:
            codes = self._all.codes_of(labels)
            return (
                (codes == self.positive_index).astype("float64")
                if self.task == "binary"
                else np.eye(len(self.classes))[codes]
            )
        return self._all.oriented(scores)

    def answer(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
        """Ask the model once about any rows: decisions as ``predicted`` holds them, and scores as ``score`` holds them.

        Parameters
        ----------
        frame : pandas.DataFrame, shape (m, n_features)
            Raw columns as ``inputs()`` gives them.
        """
        labels, scores = self._asked(frame)
        if self.task == "regression":
            return np.asarray(labels, dtype="float64").reshape(len(frame)), None
        if scores is None:
            return self._all.codes_of(labels), None
        score = self._all.oriented(scores)
        return (self._all.codes_of(labels) if self.threshold is None else self._decided(score)), score

    def predict_codes(self, frame: pd.DataFrame) -> np.ndarray:
        """Decide new rows at the operating threshold: codes into ``classes``, or values in regression."""
        return self.answer(frame)[0]

    # origin ----------------------------------------------------------------------------------------------------

    @cached_property
    def source(self) -> Source:
        """Where the numbers of this Evaluation come from."""
        data = self._all
        return Source(
            model=data.model.name if data.model else "",
            model_kind=data.model.kind if data.model else "predictions only",
            data=data.name,
            task=self.task,
            target=self.target,
            positive=None if self.positive is None else str(self.positive),
            threshold=self.threshold,
            condition=self.condition,
            rows=self.n,
            rows_all=len(data.y),
            sample=self._sample,
            seed=self.seed,
            weight=data.weight_name,
            cluster=data.cluster_name,
            time=data.time_name,
            model_fingerprint=self._shared.model_fingerprint,
            data_fingerprint=self._shared.data_fingerprint,
            versions=fingerprints.versions(data.model.kind if data.model else ""),
            columns=said_of(data.columns),
            **self._shared.origins,  # type: ignore[arg-type]
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that decides the numbers: model, data, roles, rows, threshold and seed."""
        return fingerprints.of_text(
            repr(
                (
                    self._shared.data_fingerprint,
                    self._shared.model_fingerprint,
                    self._all.roles,
                    self.threshold,
                    self.seed,
                    self._sample,
                    tuple(self._shared.origins.items()),
                )
            )
            + (fingerprints.of_array(self._rows) if self._rows is not None else "")
        )

    def __repr__(self) -> str:
        return f"<Evaluation: {self.source.text()}>"


def _checked_threshold(data: Prepared, threshold: float | None) -> float | None:
    if threshold is None:
        return None
    if data.target.task != "binary" or data.score is None:
        raise InputError(
            "Expected a threshold only with two classes and scores.",
            f"This is {data.target.task}{'' if data.score is not None else ' without scores'}.",
            "Leave the threshold out.",
        )
    if not np.isfinite(threshold) or (data.score_kind == "probability" and not 0 <= threshold <= 1):
        raise InputError(
            "Expected a threshold among the scores"
            + (", which are probabilities." if data.score_kind == "probability" else "."),
            f"Got {threshold:g}.",
            "Choose one between 0 and 1." if data.score_kind == "probability" else "Choose a finite number.",
        )
    return float(threshold)


def _stratified(y: np.ndarray, n: int, task: str, seed: int) -> np.ndarray:
    """Draw n places, each stratum in proportion: spread evenly over the rows shuffled within strata (ranks in regression)."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(y))
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    if task == "regression":
        starts = np.floor(np.arange(n) * len(y) / n).astype(np.int64)
        widths = np.append(starts[1:], len(y)) - starts
        places = starts + (rng.random(n) * widths).astype(np.int64)
    else:
        places = np.floor((np.arange(n) + rng.random()) * len(y) / n).astype(np.int64)
    return np.sort(order[places])
