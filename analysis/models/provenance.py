"""Which raw column each column of a fitted Pipeline comes from, read from the transformers' structure, never from names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

Sources = tuple[frozenset[Any], ...]
"""For each column, the positions of the raw columns that it can depend on (none for a constant); on the way also the names of what bends it."""

FLAG = "flag"
"""Stands for a column that only tells whether a value is there."""
STRAIGHT = frozenset({"StandardScaler", "MaxAbsScaler", "RobustScaler", "MinMaxScaler", "SimpleImputer"})

ONE_TO_ONE = frozenset(
    {
        "StandardScaler",
        "MinMaxScaler",
        "MaxAbsScaler",
        "RobustScaler",
        "PowerTransformer",
        "QuantileTransformer",
        "Binarizer",
        "OrdinalEncoder",
    }
)
UNWRAPPED = {
    "GridSearchCV": "best_estimator_",
    "RandomizedSearchCV": "best_estimator_",
    "HalvingGridSearchCV": "best_estimator_",
    "HalvingRandomSearchCV": "best_estimator_",
    "FixedThresholdClassifier": "estimator_",
    "TunedThresholdClassifierCV": "estimator_",
}
"""Wrappers whose scores are those of the estimator they hold."""
THRESHOLDS = frozenset({"FixedThresholdClassifier", "TunedThresholdClassifierCV"})
"""Those of them that decide at a threshold of their own."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Provenance:
    """How raw columns reach the final estimator.

    estimator   the final estimator (a Pipeline's last step; the estimator itself where there is no Pipeline)
    steps       the fitted transformers before it, in order
    sources     for each column that the final estimator sees, the raw columns it can depend on
    exact       every such column comes from at most one raw column, so values per column can be summed back
    reason      why not, completing "because ..."; empty where exact
    bent        for each such column what may make it another function than a straight line of a number that is there: names of
                transformers, or ``FLAG`` where it only tells whether a value is there; empty: a straight line
    """

    estimator: Any
    steps: tuple[Any, ...]
    sources: Sources
    exact: bool
    reason: str = ""
    bent: tuple[frozenset[str], ...] = ()

    @property
    def raw_index(self) -> np.ndarray:
        """Position of the one raw column of each transformed column, shape (n_transformed,); -1 for a constant. Only where exact."""
        return np.array([next(iter(s)) if len(s) == 1 else -1 for s in self.sources], dtype=np.int64)

    def transform(self, frame: Any) -> Any:
        """Turn raw columns into what the final estimator sees: a frame, an array or a sparse matrix, as the last step gives it."""
        for step in self.steps:
            frame = step.transform(frame)
        return frame

    def summed(self, values: np.ndarray, n_raw: int) -> np.ndarray:
        """Sum values of shape (n, n_transformed, ...) to raw columns, shape (n, n_raw, ...)."""
        out = np.zeros((len(values), n_raw, *values.shape[2:]))
        for column, raw in enumerate(self.raw_index):
            if raw >= 0:
                out[:, raw] += values[:, column]
        return out


def provenance(estimator: Any, frame: pd.DataFrame) -> Provenance:
    """Follow the raw columns through a fitted Pipeline.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator
        Pipelines, ColumnTransformers and FeatureUnions may be nested in any way.
    frame : pandas.DataFrame, shape (n_rows, n_raw)
        Some rows as the estimator is fed; used for widths and for the check.

    Returns
    -------
    Provenance
        The claim read from the structure is checked: on these rows each raw column is changed alone, and nothing may move but the
        columns claimed to depend on it. Where it fails, ``exact`` is False and ``reason`` says so.
    """
    final, steps = unwrapped(estimator)
    n_raw = frame.shape[1]
    sources: Sources = tuple(frozenset({i}) for i in range(n_raw))
    X: Any = frame
    for step in steps:
        sources, X = _through(step, sources, X)
    bent = tuple(frozenset(t for t in s if isinstance(t, str)) for s in sources)
    made = Provenance(
        estimator=final,
        steps=steps,
        sources=tuple(s - b for s, b in zip(sources, bent, strict=True)),
        exact=True,
        bent=bent,
    )
    mixing = [s for s in made.sources if len(s) > 1]
    names = list(frame.columns)
    if mixing:
        worst = max(mixing, key=len)
        reason = f"the pipeline mixes raw columns ({' with '.join(str(names[i]) for i in sorted(worst)[:3])}{' ...' if len(worst) > 3 else ''})"
        return replace(made, exact=False, reason=reason)
    failed = _moved_elsewhere(made, frame) if steps else None
    if failed is not None:
        return replace(
            made, exact=False, reason=f"changing {names[failed]!r} alone also moves columns made from others"
        )
    return made


def unwrapped(estimator: Any) -> tuple[Any, tuple[Any, ...]]:
    """Give the final estimator and the flat list of transformers before it; search objects give what they found."""
    steps: list[Any] = []
    while (inner := _inside(estimator)) is not None:
        if _kind(estimator) == "Pipeline":
            steps += [s for _, s in estimator.steps[:-1] if not _nothing(s)]
        estimator = inner
    return estimator, tuple(steps)


def own_threshold(estimator: Any) -> bool:
    """Tell whether a model decides at a threshold that it holds itself, behind the scores of what ``unwrapped`` gives."""
    while estimator is not None and _kind(estimator) not in THRESHOLDS:
        estimator = _inside(estimator)
    return estimator is not None


def _inside(estimator: Any) -> Any:
    """Give the estimator that a wrapper or a Pipeline asks; None for any other."""
    kind = _kind(estimator)
    if kind == "Pipeline":
        return estimator.steps[-1][1]
    return getattr(estimator, UNWRAPPED[kind], None) if kind in UNWRAPPED else None


def _kind(thing: Any) -> str:
    """Name of scikit-learn's own class; '' for any other, whose behaviour is not known."""
    cls = type(thing)
    return cls.__name__ if cls.__module__.split(".")[0] == "sklearn" else ""


def _nothing(step: Any) -> bool:
    return step is None or (isinstance(step, str) and step == "passthrough")


def _width(X: Any) -> int:
    return int(X.shape[1])


def _through(step: Any, sources: Sources, X: Any) -> tuple[Sources, Any]:
    """Give the sources of a transformer's columns, and its output on the sample rows."""
    if _nothing(step):
        return sources, X
    kind = _kind(step)
    if kind == "Pipeline":
        for _, inner in step.steps:
            sources, X = _through(inner, sources, X)
        return sources, X
    made = step.transform(X)
    if kind == "ColumnTransformer":
        out = _column_transformer(step, sources, X, _width(made))
    elif kind == "FeatureUnion":
        out = _feature_union(step, sources, X)
    else:
        rule = RULES.get(kind)
        out = (
            rule(step, sources)
            if rule
            else (_selected if kind and hasattr(step, "get_support") else _unknown)(step, sources)
        )
    if out is None or len(out) != _width(made):
        out = (frozenset({type(step).__name__}).union(*sources),) * _width(made)
    elif kind not in ("ColumnTransformer", "FeatureUnion"):
        bends = _bends(step, kind, len(out))
        out = tuple(s | b for s, b in zip(out, bends, strict=True))
    return out, made


def _bends(step: Any, kind: str, width: int) -> list[frozenset[str]]:
    """Say of each column that a transformer gives what it does to straight lines: nothing, its name, or ``FLAG``."""
    by_name, nothing = frozenset({type(step).__name__}), frozenset[str]()
    plain = kind in STRAIGHT and not getattr(step, "clip", False)
    plain |= kind == "FunctionTransformer" and step.func is None
    plain |= bool(kind) and kind not in RULES and hasattr(step, "get_support")
    gaps = kind in ("SimpleImputer", "MissingIndicator")
    if gaps and not pd.isna(step.missing_values):  # a number that stands for missing leaps
        return [by_name] * width
    flags = (
        width if kind == "MissingIndicator" else len(_indicators(step, (nothing,) * step.n_features_in_)) if gaps else 0
    )
    rest = nothing if plain else by_name
    return [rest] * (width - flags) + [frozenset({FLAG})] * flags


def _column_transformer(step: Any, sources: Sources, X: Any, width: int) -> Sources | None:
    out: list[frozenset[int]] = [frozenset()] * width
    filled = 0
    for name, inner, columns in step.transformers_:
        place = step.output_indices_.get(name, slice(0, 0))
        if place.stop <= place.start:
            continue
        chosen = _positions(columns, step, len(sources))
        taken = tuple(sources[i] for i in chosen)
        part = taken
        if not _nothing(inner):
            part, _ = _through(inner, taken, _picked(X, columns, chosen))
        if len(part) != place.stop - place.start:
            part = (frozenset().union(*taken),) * (place.stop - place.start)
        out[place] = part
        filled += len(part)
    return tuple(out) if filled == width else None


def _positions(columns: Any, step: Any, width: int) -> list[int]:
    """Resolve a column selection of a fitted ColumnTransformer to positions."""
    names = list(getattr(step, "feature_names_in_", range(width)))
    place = {name: i for i, name in enumerate(names)}
    if isinstance(columns, slice):
        ends = [place[e] if isinstance(e, str) else e for e in (columns.start, columns.stop)]
        if isinstance(columns.stop, str):
            ends[1] += 1  # slices of labels include their end
        return list(range(width))[slice(ends[0], ends[1], columns.step)]
    if isinstance(columns, str):
        return [place[columns]]
    if isinstance(columns, (int, np.integer)):
        return [range(width)[int(columns)]]
    chosen = list(columns)
    if chosen and all(isinstance(c, (bool, np.bool_)) for c in chosen):
        return [i for i, c in enumerate(chosen) if c]
    return [place[c] if isinstance(c, str) else range(width)[int(c)] for c in chosen]


def _picked(X: Any, columns: Any, chosen: list[int]) -> Any:
    """Take columns as the ColumnTransformer hands them on: one name alone gives one dimension."""
    single = isinstance(columns, str) or (np.isscalar(columns) and not isinstance(columns, slice))
    if hasattr(X, "iloc"):
        return X.iloc[:, chosen[0]] if single else X.iloc[:, chosen]
    return X[:, chosen[0]] if single else X[:, chosen]


def _feature_union(step: Any, sources: Sources, X: Any) -> Sources:
    out: list[frozenset[int]] = []
    for _, inner in step.transformer_list:
        if isinstance(inner, str) and inner == "drop":
            continue
        out += sources if _nothing(inner) else _through(inner, sources, X)[0]
    return tuple(out)


def _same(step: Any, sources: Sources) -> Sources:
    return sources


def _repeated(sources: Sources, widths: Sequence[int]) -> Sources | None:
    if len(widths) != len(sources):
        return None
    return tuple(s for s, w in zip(sources, widths, strict=True) for _ in range(int(w)))


def _one_hot(step: Any, sources: Sources) -> Sources | None:
    widths = getattr(step, "_n_features_outs", None)
    if widths is None:
        dropped = step.drop_idx_ if step.drop_idx_ is not None else [None] * len(step.categories_)
        widths = [len(c) - (d is not None) for c, d in zip(step.categories_, dropped, strict=True)]
    return _repeated(sources, widths)


def _imputed(step: Any, sources: Sources) -> Sources:
    kept = [s for s, value in zip(sources, step.statistics_, strict=True) if not pd.isna(value)]
    return (*kept, *_indicators(step, sources))


def _indicators(step: Any, sources: Sources) -> Sources:
    indicator = getattr(step, "indicator_", None)
    return tuple(sources[i] for i in indicator.features_) if indicator is not None else ()


def _bins(step: Any, sources: Sources) -> Sources | None:
    return sources if step.encode == "ordinal" else _repeated(sources, step.n_bins_)


def _splines(step: Any, sources: Sources) -> Sources | None:
    return _repeated(sources, [step.n_features_out_ // max(len(sources), 1)] * len(sources))


def _polynomials(step: Any, sources: Sources) -> Sources:
    return tuple(frozenset().union(*(sources[i] for i in np.flatnonzero(powers))) for powers in step.powers_)


def _target_encoded(step: Any, sources: Sources) -> Sources | None:
    classes = len(step.classes_) if getattr(step, "target_type_", "") == "multiclass" else 1
    return _repeated(sources, [classes] * len(sources))


def _function(step: Any, sources: Sources) -> Sources | None:
    """Take a function for one-to-one; the check on real rows refutes it where it is not."""
    return sources


def _missing(step: Any, sources: Sources) -> Sources:
    return tuple(sources[i] for i in step.features_)


def _selected(step: Any, sources: Sources) -> Sources | None:
    mask = step.get_support()
    return tuple(s for s, kept in zip(sources, mask, strict=True) if kept) if len(mask) == len(sources) else None


def _unknown(step: Any, sources: Sources) -> None:
    return None


RULES: dict[str, Callable[[Any, Sources], Sources | None]] = {
    **dict.fromkeys(ONE_TO_ONE, _same),
    "OneHotEncoder": _one_hot,
    "SimpleImputer": _imputed,
    "KBinsDiscretizer": _bins,
    "SplineTransformer": _splines,
    "PolynomialFeatures": _polynomials,
    "TargetEncoder": _target_encoded,
    "FunctionTransformer": _function,
    "MissingIndicator": _missing,
}


AT_ONCE = 4_096
"""Rows of changed columns that go through a pipeline together, where each call costs more than the rows."""


def _moved_elsewhere(made: Provenance, frame: pd.DataFrame, rows: int = 128) -> int | None:
    """Change each raw column alone on some rows; give the first that moves a column not claimed to come from it."""
    base = frame.iloc[:rows]
    n, width = len(base), base.shape[1]
    if n < 2:
        return None
    shift = np.roll(np.arange(n), 1)
    before = dense(made.transform(base))
    at_once = max(1, AT_ONCE // n)
    for start in range(0, width, at_once):
        some = range(start, min(start + at_once, width))
        frames = [base.copy() for _ in some]
        for raw, moved in zip(some, frames, strict=True):
            moved.isetitem(raw, base.iloc[shift, raw].set_axis(base.index))
        together = dense(made.transform(pd.concat(frames, ignore_index=True)))
        for raw, after in zip(some, together.reshape(len(some), n, -1), strict=True):
            strange = [c for c, s in enumerate(made.sources) if raw not in s]
            if not np.array_equal(before[:, strange], after[:, strange], equal_nan=before.dtype.kind == "f"):
                return raw
    return None


def dense(X: Any) -> np.ndarray:
    """Give what an estimator sees as a plain array: numbers with NaN for missing where it holds numbers, else text."""
    if hasattr(X, "toarray"):
        X = X.toarray()
    if isinstance(X, pd.DataFrame):
        numeric = all(pd.api.types.is_numeric_dtype(t) for t in X.dtypes)
        return X.to_numpy(dtype="float64", na_value=np.nan) if numeric else _texts(X)
    array = np.asarray(X)
    return array if array.dtype.kind in "fiub" else _texts(pd.DataFrame(array))


def _texts(X: pd.DataFrame) -> np.ndarray:
    """Give values as texts, '' where missing; not by ``fillna``, which pandas 2 warns of where only numbers are left."""
    values = X.to_numpy(dtype=object, copy=True)
    values[X.isna().to_numpy()] = ""
    return pd.DataFrame(values).astype(str).to_numpy(dtype=object)
