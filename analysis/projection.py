"""Rows in two dimensions: where they lie, and whether the model's errors lie together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.encoding import HOW, Encoded, encode, of_numbers
from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.given import whole
from modelglass.analysis.nearness import NEIGHBOURS, NONE, Nearness, nearness
from modelglass.analysis.performance import check_level
from modelglass.analysis.plane import METHODS, NAMES, NEIGHBOURHOODS, SUPERVISED, WEIGHTED, Plane, plane, strongest
from modelglass.analysis.progress import Progress, span
from modelglass.analysis.reserved import ROW
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import percent, ranged, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

INPUTS = "inputs"
COLOURS = ("error", "prediction", "outcome", "score", "cohort")
MOST_ROWS, FEWER_ROWS = 5_000, 2_000
"""Rows shown unasked, and where distances of all pairs are to be found."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Projection(Result):
    """Rows laid out in two dimensions.

    points  one row per row shown: row (number in the data), x, y, colour (what settings["color"] names), outcome, predicted, error
            (1 where wrong, 0 where right; of numbers prediction minus outcome), where (SQL condition of the row)
    axes    x and y: axis, share (of what ``share_of`` says; NaN where the method has none), strongest (the columns that make up
            the axis most, with signs; "" where no straight line does)
    nearness  one row: among the 10 nearest neighbours of an erring row, the mean error (share of wrong rows; of numbers the mean
            absolute error, each row weighted by its own): estimate, expected, low, high (what errors dealt out at random over
            the places give: mean, and the range of settings["level"] of 999 deals), p, n. NaN where that cannot be said: see note
    overall   the mean error of all rows shown
    columns   columns of the data (or of the result) that the picture is made of; left_out those that are not, with the reason
    how       what was done; of, what it was done with
    """

    points: pd.DataFrame
    axes: pd.DataFrame
    share_of: str
    nearness: pd.DataFrame
    overall: float
    columns: tuple[str, ...]
    left_out: Mapping[str, str]
    how: str
    of: str
    note: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per row shown."""
        return self.points

    def sentence(self) -> str:
        """Say what the picture is, whether errors lie together in it, and what is not to be read from it."""
        text = f"{NAMES[self.settings['method']]} of {self.of} over {rows_text(len(self.points))}: {self.how}"
        known = self.axes.share.notna()
        if known.any():
            shares = " and ".join(f"{s:.0%}" for s in self.axes.share[known])
            text += f"; {'the axes hold' if known.all() else 'the first axis holds'} {shares} {self.share_of}"
        text += f". {self._together()}"
        if self.settings["method"] in NEIGHBOURHOODS:
            text += (
                " Only neighbourhoods mean something here: distances, sizes and gaps between groups are not to be read."
            )
        return f"{text} {self.note}" if self.note else text

    def _together(self) -> str:
        row = self.nearness.iloc[0]
        if np.isnan(row.estimate):
            same = "off by the same" if self.source.task == "regression" else "wrong" if self.overall else "right"
            return f"Whether errors lie together cannot be said, because all of these rows are {same}."
        if self.source.task == "regression":
            near = f"the neighbours of rows with large errors are off by {say(row.estimate)} on average"
            chance = f"{ranged(row.expected, row.low, row.high)} would be"
        else:
            near = f"of the {NEIGHBOURS} nearest neighbours of a wrong row {row.estimate:.1%} are wrong too"
            chance = f"{percent(row.expected, row.low, row.high)} would be"
        if np.isnan(row.low):
            return f"In the picture, {near}."
        verdict = "Errors lie together" if row.estimate > row.high else "Errors do not clearly lie together"
        return f"{verdict}: {near}; {chance} if errors were dealt out at random over the picture."


def projection(
    ev: Evaluation,
    *,
    method: str = "pca",
    of: str | Result = INPUTS,
    color: str = "error",
    cohort: str | None = None,
    n: int | None = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Projection:
    """Lay out rows in two dimensions.

    Parameters
    ----------
    ev : Evaluation
    method : {"pca", "svd", "ica", "nmf", "lda", "pls", "tsne", "umap"}
        Principal components; truncated SVD; the two of several independent components farthest from normal; non-negative matrix
        factors; Fisher's discriminants and partial least squares (laid out so that the outcomes come apart, which the result says);
        t-SNE; UMAP (needs umap-learn).
    of : "inputs", the name of an analysis, or a result
        The columns that the model reads (without a model, all columns but the outcome and those with a role); or an analysis whose
        result has a ``matrix()``, such as "shapley_values". Numbers are standardised, missing ones filled by the median with a column
        that says so, categories one-hot; every column of the data weighs the same.
    color : {"error", "prediction", "outcome", "score", "cohort"} or a column
    cohort : str, optional
        For color="cohort": the SQL condition of the rows marked.
    n : int, optional
        Rows shown, a stratified sample; 5,000 without it (2,000 for t-SNE and UMAP; of a result, its rows).
    level : float, of the range that chance gives
    seed : int, optional

    Raises
    ------
    NotApplicable
        Where the method does not fit: negative numbers (nmf), no classes (lda), fewer than two columns.
    MissingPackage
        umap without umap-learn.
    InputError
        An unknown method, column, analysis or colour.
    """
    level = check_level(level)
    if method not in METHODS:
        raise unknown_name("method of projection", str(method), METHODS)
    n = None if n is None else whole(n, "n", 4)
    seed = ev.seed_or(seed)
    _check_colour(ev, color, cohort)
    chosen, source, matrix, said = _chosen(ev, of, n, method, seed, span(progress, 0.0, 0.3))
    held = ev.keep(("projection", method, said, n, seed), dict)  # filled below, so that others need not wait
    if "made" not in held or isinstance(of, Result):
        held["made"] = _laid_out(chosen, matrix, method, seed, span(progress, 0.3, 0.9))
    encoded, laid = held["made"]
    marked = None if color != "cohort" or cohort is None else np.isin(chosen.rows, ev.whole.where(cohort).rows)
    found = measure(
        laid.xy,
        _errors(chosen),
        chosen.weight,
        order=encoded.order,
        clustered=chosen.cluster is not None,
        supervised=method in SUPERVISED,
        level=level,
        seed=seed,
        progress=span(progress, 0.9, 1.0),
    )
    return Projection(
        points=_points(chosen, laid.xy, color, marked),
        axes=pd.DataFrame(
            {
                "axis": ["x", "y"],
                "share": laid.share,
                "strongest": strongest(encoded.values, laid.loadings, encoded.names),
            }
        ),
        share_of=laid.share_of,
        nearness=pd.DataFrame(
            [{"n": chosen.n, **{f: getattr(found, f) for f in ("estimate", "expected", "low", "high", "p")}}]
        ),
        overall=float(np.average(_errors(chosen), weights=chosen.weight)),
        columns=encoded.columns,
        left_out=encoded.left_out,
        how=laid.how,
        of=_named(said, encoded),
        note=_note(chosen, method, matrix is None),
        source=replace(source, threshold=ev.threshold),
        settings={
            "method": method,
            "of": said,
            "color": color,
            "cohort": cohort,
            "n": chosen.n,
            "level": level,
            "seed": seed,
        },
    )


def measure(
    xy: Any,
    error: Any,
    weight: Any = None,
    *,
    order: Any = None,
    clustered: bool = False,
    supervised: bool = False,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> Nearness:
    """Say whether errors lie together, from arrays: places of shape (n, 2), error >= 0 and weight >= 0 of shape (n,).

    ``clustered`` rows are not dealt out at random, and of a ``supervised`` picture chance cannot be told: then there is no range.
    ``order`` puts the rows in an order that follows from their values, so that theirs in the data changes nothing.

    >>> line = np.column_stack([np.arange(40.0), np.zeros(40)])
    >>> found = measure(line, np.arange(40) < 12)
    >>> found.estimate > found.high
    True
    """
    places = np.arange(len(np.asarray(error))) if order is None else np.asarray(order)
    of = None if weight is None else np.asarray(weight, dtype=float)[places]
    told = not (clustered or supervised)
    found = nearness(
        np.asarray(xy, dtype=float)[places],
        np.asarray(error, dtype=float)[places],
        of,
        draws=999 if told else 0,
        level=level,
        seed=seed,
        progress=progress,
    )
    return NONE if np.isnan(found.estimate) else found


def _check_colour(ev: Evaluation, color: str, cohort: str | None) -> None:
    if color not in COLOURS and color not in ev.columns:
        raise unknown_name("colour or column", str(color), [*COLOURS, *ev.columns])
    if color == "cohort" and not cohort:
        raise NotApplicable("no cohort is named whose rows could be marked; choose one, or another colour")
    if color == "score" and (ev.score is None or ev.task != "binary"):
        raise NotApplicable("there is no score of one class to colour by; choose another colour")


def _chosen(
    ev: Evaluation, of: str | Result, n: int | None, method: str, seed: int, progress: Progress | None
) -> tuple[Evaluation, Source, pd.DataFrame | None, str]:
    """Give the rows shown, their source, the matrix (None: their inputs), and the name of what the picture is of."""
    if of == INPUTS:
        chosen = ev.sample(n or (FEWER_ROWS if method in NEIGHBOURHOODS else MOST_ROWS), seed)
        return chosen, chosen.source, None, INPUTS
    if isinstance(of, Result):
        result, name = of, type(of).__name__
        if result.source.data_fingerprint != ev.source.data_fingerprint:
            raise InputError(
                "Expected a result of the same data.",
                f"It is of {result.source.data}.",
                "Make it from this Evaluation.",
            )
    else:
        result, name = _of_analysis(ev, of, n, seed, progress), of
    if not hasattr(result, "matrix"):
        raise InputError(
            "Expected an analysis whose result has a matrix of rows and columns, such as shapley_values.",
            f"{name} has none.",
            'Choose one that has, or of="inputs".',
        )
    matrix: pd.DataFrame = result.matrix()
    places = pd.Index(ev.frame.index).get_indexer(matrix.index)
    if (places < 0).any():
        raise InputError("Expected a result of these rows.", "It holds others too.", "Make it from this Evaluation.")
    return ev.take(places), result.source, matrix, name


def _of_analysis(ev: Evaluation, name: str, n: int | None, seed: int, progress: Progress | None) -> Result:
    from modelglass.analysis.registry import get, run

    known = {s.name for s in get(name).settings}
    outcome = run(ev, name, progress=progress, **({"rows": n} if n is not None and "rows" in known else {}))
    if outcome.result is None:
        raise NotApplicable(outcome.reason or f"{name} cannot say anything here")
    return outcome.result


def _laid_out(
    ev: Evaluation, matrix: pd.DataFrame | None, method: str, seed: int, progress: Progress | None
) -> tuple[Encoded, Plane]:
    weight = ev.weight if method in WEIGHTED else None
    ties = [ev.y, *([] if ev.weight is None else [ev.weight]), ev.predicted]
    if matrix is None:
        encoded = encode(_inputs(ev), ev.columns, weight, ties=ties)
    else:
        encoded = of_numbers(matrix, ties=ties)
    if method == "nmf" and encoded.negative is not None:
        raise NotApplicable(
            f"non-negative matrix factors need columns without negative numbers, and {encoded.negative} has some"
        )
    if method == "lda" and ev.task == "regression":
        raise NotApplicable(
            "discriminants tell classes apart, and the target is a number; partial least squares takes numbers"
        )
    order = encoded.order
    made = plane(
        encoded.values[order],
        method,
        outcome=_goal(ev, method)[order],
        weight=None if weight is None else weight[order],
        seed=seed,
        progress=progress,
    )
    xy = np.empty((ev.n, 2))
    xy[order] = _together(made.xy, encoded.values[order]) if method in NEIGHBOURHOODS else made.xy
    return encoded, replace(made, xy=xy)


def _together(xy: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Put rows that are the same into one place: which of them the method put where is chance."""
    _, code, n = np.unique(values, axis=0, return_inverse=True, return_counts=True)
    code = code.ravel()
    return np.column_stack([np.bincount(code, column) / n for column in xy.T])[code]


def _inputs(ev: Evaluation) -> pd.DataFrame:
    """Give the columns that the model reads; without one, those that have no role."""
    if ev.features:
        return ev.inputs()
    source = ev.source
    roles = {ev.target, source.weight, source.cluster, source.time}
    return ev.frame[[c for c in ev.columns if c not in roles]]


def _goal(ev: Evaluation, method: str) -> np.ndarray:
    """Give the outcome as the supervised methods take it: codes, numbers, or a column for each class."""
    if method == "pls" and ev.task == "multiclass":
        return np.eye(len(ev.classes))[ev.y]
    return ev.y


def _errors(ev: Evaluation) -> np.ndarray:
    return np.abs(ev.predicted - ev.y) if ev.task == "regression" else (ev.predicted != ev.y).astype(float)


def _points(ev: Evaluation, xy: np.ndarray, color: str, marked: np.ndarray | None) -> pd.DataFrame:
    numbers = ev.task == "regression"
    labels = np.empty(len(ev.classes), dtype=object)
    labels[:] = list(ev.classes)
    outcome, predicted = (ev.y, ev.predicted) if numbers else (labels[ev.y], labels[ev.predicted])
    error = ev.predicted - ev.y if numbers else (ev.predicted != ev.y).astype(int)
    words = {0: "right", 1: "wrong"}
    drawn: Any = {
        "error": error if numbers else [words[int(v)] for v in error],
        "prediction": predicted,
        "outcome": outcome,
        "score": ev.score if ev.task == "binary" else None,
        "cohort": None if marked is None else np.where(marked, "in the cohort", "other rows"),
    }.get(color, ev.frame[color].to_numpy() if color not in COLOURS else None)
    rows, name = ev.frame.index.to_numpy(), ev.words().name(ROW)
    return pd.DataFrame(
        {
            "row": rows,
            "x": xy[:, 0],
            "y": xy[:, 1],
            "colour": drawn,
            "outcome": outcome,
            "predicted": predicted,
            "error": error,
            "where": [None if name is None else f"{name} = {row}" for row in rows],
        }
    )


def _named(of: str, encoded: Encoded) -> str:
    count = f"{len(encoded.columns)} column{'' if len(encoded.columns) == 1 else 's'}"
    return count if of == INPUTS else f"{count} of {of}"


def _note(ev: Evaluation, method: str, raw: bool) -> str:
    said = [HOW] if raw else []
    if method in SUPERVISED:
        said.append("The layout knows the outcomes, so errors may look as if they lay together.")
    elif ev.cluster is not None:
        said.append("Rows come in clusters, so what chance alone would give cannot be said.")
    if ev.weight is not None and method not in WEIGHTED:
        said.append("Weights play no part in where the rows lie.")
    return " ".join(said)
