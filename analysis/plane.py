"""Many columns as two: principal components, discriminants, partial least squares, t-SNE and others, from arrays alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from modelglass.analysis.errors import MissingPackage, NotApplicable
from modelglass.analysis.estimated import agree, rows_text
from modelglass.analysis.progress import Progress, tell

METHODS = ("pca", "svd", "ica", "nmf", "lda", "pls", "tsne", "umap")
NAMES = {
    "pca": "Principal components",
    "svd": "Truncated singular value decomposition",
    "ica": "Independent components",
    "nmf": "Non-negative matrix factors",
    "lda": "Linear discriminants",
    "pls": "Partial least squares",
    "tsne": "t-SNE",
    "umap": "UMAP",
}
SUPERVISED = frozenset({"lda", "pls"})
"""These are laid out so that the outcomes come apart."""
NEIGHBOURHOODS = frozenset({"tsne", "umap"})
"""Of these only the neighbourhoods mean something; distances, sizes and empty space do not."""
WEIGHTED = frozenset({"pca", "svd", "lda", "pls"})
"""These honour weights of rows; the others lay out rows as they are."""
REDUCED, ROUND_STEPS, ROUNDS = 50, 500, 2
ICA_AXES, MOST_TURNS = 10, 500


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Plane:
    """Rows in two dimensions.

    xy          shape (n_rows, 2)
    share       of the variance that each axis holds, shape (2,); NaN where the method has none
    share_of    what that is a share of, "" where there is none
    loadings    how each column of the matrix turns into each axis, shape (n_columns, 2); None where no straight line does
    how         what was done, in one sentence
    """

    xy: np.ndarray
    share: np.ndarray
    share_of: str
    loadings: np.ndarray | None
    how: str


def plane(
    values: np.ndarray,
    method: str,
    *,
    outcome: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Plane:
    """Lay out the rows of a matrix in two dimensions.

    Parameters
    ----------
    values : array of shape (n_rows, n_columns)
        Rows in an order that follows from the data alone: some methods follow it in the last digits, and t-SNE then in all.
    method : one of ``METHODS``
    outcome : array of shape (n_rows,) or (n_rows, k)
        For the supervised methods: codes of classes (lda), numbers or a column for each class (pls).
    weight : array of shape (n_rows,), optional
        Honoured by ``WEIGHTED``.

    Raises
    ------
    NotApplicable
        Fewer than two columns or four rows, negative numbers (nmf), one class (lda), or a fit that cannot be made.
    MissingPackage
        UMAP where umap-learn is not installed.
    """
    n, p = values.shape
    if p < 2:
        raise NotApplicable("a picture in two dimensions needs two columns with different values or more")
    if n < 4:
        raise NotApplicable(f"{rows_text(n)} {agree(n, 'is', 'are')} too few for a picture")
    w = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
    w = w / w.sum()
    tell(progress, 0.0, f"{NAMES[method]} of {n:,} rows")
    made = _MADE[method](values, w, outcome, seed, progress)
    tell(progress, 1.0, "done")
    return made


def _centred(values: np.ndarray, w: np.ndarray) -> np.ndarray:
    return values - w @ values


def _axes(values: np.ndarray, w: np.ndarray, count: int = 2) -> tuple[np.ndarray, np.ndarray, float]:
    """Give the directions of most weighted sum of squares, shape (p, count), their sums, and the sum of all."""
    p = values.shape[1]
    scatter = (values * w[:, None]).T @ values
    sums, vectors = scipy.linalg.eigh(scatter, subset_by_index=[max(p - count, 0), p - 1])
    return _signed(vectors[:, ::-1]), np.maximum(sums[::-1], 0.0), float(np.trace(scatter))


def _signed(vectors: np.ndarray) -> np.ndarray:
    """Turn each axis so that the first of its strongest columns points up: which way it points is chance."""
    size = np.abs(vectors)
    strongest = np.argmax(size >= 0.999 * size.max(axis=0), axis=0)
    signs = np.sign(vectors[strongest, np.arange(vectors.shape[1])])
    return vectors * np.where(signs == 0, 1.0, signs)


def _pca(values: np.ndarray, w: np.ndarray, *unused: Any) -> Plane:
    held = _centred(values, w)
    axes, sums, whole = _axes(held, w)
    return Plane(
        xy=held @ axes,
        share=sums / whole,
        share_of="of the variance",
        loadings=axes,
        how="the two directions of most variance",
    )


def _svd(values: np.ndarray, w: np.ndarray, *unused: Any) -> Plane:
    axes, sums, whole = _axes(values, w)
    how = "the two directions of the largest sums of squares, without centring"
    return Plane(xy=values @ axes, share=sums / whole, share_of="of the sum of squares", loadings=axes, how=how)


def _ica(values: np.ndarray, w: np.ndarray, _: Any, seed: int, progress: Progress | None) -> Plane:
    """Fit several independent components and show the two that are farthest from a normal distribution."""
    from sklearn.decomposition import FastICA

    held = _centred(values, w)
    rank = int(np.linalg.matrix_rank(held))
    count = min(rank, ICA_AXES)
    if count < 2:
        raise NotApplicable("the columns hold one direction only")
    fit = FastICA(n_components=count, whiten="unit-variance", random_state=seed, max_iter=MOST_TURNS, tol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not settled is said in words
        found = fit.fit_transform(held)
    peaked = np.abs((found**4).mean(axis=0) - 3)
    two = np.argsort(-np.round(peaked, 9), kind="stable")[:2]
    loadings = fit.mixing_[:, two]
    signs = np.where((_signed(loadings) * loadings).sum(axis=0) < 0, -1.0, 1.0)
    how = f"the two of {count} independent components that are farthest from a normal distribution" + (
        "" if fit.n_iter_ < MOST_TURNS else f" (the search had not settled after {MOST_TURNS} rounds)"
    )
    held_by = (fit.mixing_[:, two] ** 2).sum(axis=0) / np.maximum((held**2).mean(axis=0).sum(), 1e-300)
    return Plane(
        xy=found[:, two] * signs, share=held_by, share_of="of the variance", loadings=loadings * signs, how=how
    )


def _nmf(values: np.ndarray, w: np.ndarray, _: Any, seed: int, progress: Progress | None) -> Plane:
    from sklearn.decomposition import NMF

    if values.min() < 0:
        raise NotApplicable("non-negative matrix factors need columns without negative numbers")
    fit = NMF(n_components=2, init="nndsvda", random_state=seed, max_iter=MOST_TURNS, tol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = fit.fit_transform(values)
    size = np.linalg.norm(fit.components_, axis=1)
    if not (size > 0).all():
        raise NotApplicable("the columns hold one non-negative factor only")
    largest = np.argsort(-(found**2).sum(axis=0) * size**2, kind="stable")
    whole = float((values**2).sum())
    left = float(((values - found @ fit.components_) ** 2).sum())
    how = f"two factors that only add up; together they hold {1 - left / whole:.0%} of the sum of squares" + (
        "" if fit.n_iter_ < MOST_TURNS else f" (the search had not settled after {MOST_TURNS} rounds)"
    )
    return Plane(
        xy=(found * size)[:, largest],
        share=np.full(2, np.nan),
        share_of="",
        loadings=(fit.components_ / size[:, None])[largest].T,
        how=how,
    )


def _lda(values: np.ndarray, w: np.ndarray, outcome: Any, *unused: Any) -> Plane:
    """Fisher's discriminants: most variance between classes where that within them is 1 in every direction."""
    codes = np.asarray(outcome)
    classes = np.unique(codes)
    if len(classes) < 2:
        raise NotApplicable("all rows have the same outcome, so there is nothing to tell apart")
    held = _centred(values, w)
    means = np.array([np.average(held[codes == c], axis=0, weights=w[codes == c] + 1e-300) for c in classes])
    mass = np.array([w[codes == c].sum() for c in classes])
    inside = held - means[np.searchsorted(classes, codes)]
    sums, vectors = scipy.linalg.eigh((inside * w[:, None]).T @ inside)
    kept = sums > 1e-9 * max(float(sums[-1]), 1e-300)
    if not kept.any():
        raise NotApplicable("the columns are the same within each class")
    whiten = vectors[:, kept] / np.sqrt(sums[kept])
    between = (means @ whiten) * np.sqrt(mass)[:, None]
    _, spread, right = np.linalg.svd(between, full_matrices=False)
    count = min(2, len(classes) - 1, whiten.shape[1])
    axes = _signed(whiten @ right[:count].T)
    share = np.full(2, np.nan)
    share[:count] = spread[:count] ** 2 / max(float((spread**2).sum()), 1e-300)
    how = "the directions that tell the outcomes apart best for their spread within each"
    if count == 2:
        return Plane(xy=held @ axes, share=share, share_of="of the variance between classes", loadings=axes, how=how)
    first = held @ axes[:, 0]
    along = (w * first) @ held / max(float(w @ first**2), 1e-300)
    rest = held - np.outer(first, along)
    second, _, _ = _axes(rest, w, 1)
    return Plane(
        xy=np.column_stack([first, rest @ second[:, 0]]),
        share=share,
        share_of="of the variance between classes",
        loadings=np.column_stack([axes[:, 0], second[:, 0]]),
        how="across, the direction that tells the two outcomes apart best; up, the direction of most variance of what that leaves",
    )


def _pls(values: np.ndarray, w: np.ndarray, outcome: Any, *unused: Any) -> Plane:
    """Directions of most covariance with the outcome, one after the other (Wold 1966; several columns: de Jong 1993's first step)."""
    left = _centred(values, w)
    goal = np.asarray(outcome, dtype=float).reshape(len(values), -1)
    goal = _centred(goal, w)
    whole = float((w[:, None] * left**2).sum())
    scores, share, rotations, loads, ways = [], list[float](), [], list[np.ndarray](), list[np.ndarray]()
    for _ in range(2):
        cross = (left * w[:, None]).T @ goal
        if np.linalg.norm(cross) <= 1e-12 * max(float(np.linalg.norm(goal)), 1e-300):
            raise NotApplicable("the columns go with the outcome in one direction only, or in none")
        way = _signed(np.linalg.svd(cross, full_matrices=False)[0][:, :1])[:, 0]
        score = left @ way
        power = float(w @ score**2)
        load = (w * score) @ left / power
        rotation = way.copy()
        for before, its in zip(ways, loads):
            rotation -= before * float(its @ way)
        left = left - np.outer(score, load)
        goal = goal - np.outer(score, (w * score) @ goal / power)
        scores.append(score)
        rotations.append(rotation)
        loads.append(load)
        ways.append(way)
        share.append(power * float(load @ load) / whole)
    return Plane(
        xy=np.column_stack(scores),
        share=np.array(share),
        share_of="of the variance of the columns",
        loadings=np.column_stack(rotations),
        how="the two directions that go with the outcome most",
    )


def _reduced(values: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, str]:
    held = _centred(values, np.full(len(w), 1 / len(w)))
    if held.shape[1] <= REDUCED:
        return held, ""
    axes, _, _ = _axes(held, np.full(len(w), 1 / len(w)), REDUCED)
    return held @ axes, f" of the first {REDUCED} principal components"


def _tsne(values: np.ndarray, w: np.ndarray, _: Any, seed: int, progress: Progress | None) -> Plane:
    """Fit in rounds, so that progress can be told and the work be stopped between them."""
    from sklearn.manifold import TSNE

    held, of = _reduced(values, w)
    n = len(held)
    perplexity = min(30.0, (n - 1) / 3)
    start = held @ _axes(held, np.full(n, 1 / n))[0]
    at: np.ndarray = start / max(float(start[:, 0].std()), 1e-300) * 1e-4
    for turn in range(ROUNDS):
        tell(progress, turn / ROUNDS, f"t-SNE, round {turn + 1} of {ROUNDS}")
        fit = TSNE(
            perplexity=perplexity,
            init=at.astype(np.float32),
            early_exaggeration=12.0 if turn == 0 else 1.0,
            max_iter=ROUND_STEPS,
            random_state=seed,
        )
        at = fit.fit_transform(held.astype(np.float32)).astype(float)
    how = f"t-SNE (van der Maaten and Hinton 2008){of}, perplexity {perplexity:.3g}, started from principal components"
    return Plane(xy=at, share=np.full(2, np.nan), share_of="", loadings=None, how=how)


def _umap(values: np.ndarray, w: np.ndarray, _: Any, seed: int, progress: Progress | None) -> Plane:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it could do with further packages
            import umap
    except ImportError as error:
        raise MissingPackage("umap-learn", "Laying out rows by UMAP", "pip install 'modelglass[umap]'") from error
    held, of = _reduced(values, w)
    near = min(15, len(held) - 1)
    start = held @ _axes(held, np.full(len(held), 1 / len(held)))[0]
    start = 10 * (start - start.min(axis=0)) / np.maximum(np.ptp(start, axis=0), 1e-300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = umap.UMAP(n_neighbors=near, init=start, random_state=seed, n_jobs=1)
        at = np.asarray(fit.fit_transform(held), dtype=float)
    how = f"UMAP (McInnes, Healy and Melville 2018){of}, {near} neighbours, started from principal components"
    return Plane(xy=at, share=np.full(2, np.nan), share_of="", loadings=None, how=how)


_MADE: dict[str, Callable[..., Plane]] = {
    "pca": _pca,
    "svd": _svd,
    "ica": _ica,
    "nmf": _nmf,
    "lda": _lda,
    "pls": _pls,
    "tsne": _tsne,
    "umap": _umap,
}


def strongest(values: np.ndarray, loadings: np.ndarray | None, names: Sequence[str], count: int = 3) -> list[str]:
    """Name the columns that make up each axis most, loading times spread, with their signs.

    >>> strongest(np.array([[1.0, 0], [0, 1]]), np.array([[0.9, 0.0], [-0.3, 0.1]]), ["age", "pay"])
    ['+age, -pay', '+pay']
    """
    if loadings is None:
        return ["", ""]
    told = []
    for column in (loadings * values.std(axis=0)[:, None]).T:
        order = np.argsort(-np.abs(column), kind="stable")[:count]
        told.append(", ".join(f"{'+' if column[i] > 0 else '-'}{names[i]}" for i in order if column[i] != 0))
    return told
