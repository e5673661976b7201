"""What could be done about a weakness: in the data's own columns, and as lines for a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import listed
from modelglass.analysis.wording import say

MOST = 3
"""Columns that a recipe names."""
SHARE = 0.1
"""Share of the values of a column that a recipe leaves out of training rows."""
NOT_MEASURED = (
    "What that gains is not measured here, because the model must be fitted again; where training data are given, "
    "“Fitted with errors in training” (steadier_fit) measures it."
)
AS_FOUND = "as the data show"
"""What results call constraints that are the data's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What could be done: text, in plain words with columns and sizes; code, for a notebook that knows the evaluation as ``ev``."""

    text: str
    code: str


def training_code(settings: Mapping[str, Any], **asked: Any) -> str:
    """Write how training rows with errors are made, what they would gain, and how a model is fitted with them."""
    given = {k: v for k, v in asked.items() if v is not None}
    lines = ["# ev = modelglass.Evaluation(model, data, target=..., train=training_data)"]
    said = ", ".join(f"{k}={v!r}" for k, v in given.items())
    called = str(settings.get("constraints", AS_FOUND))
    if not called.startswith(AS_FOUND):
        said += ", constraints=rules"
        name = called.splitlines()[0].removeprefix("the constraints").strip()
        lines.append(
            f"# rules: the constraints used here{' ' + name if name.startswith('(') else f' ({name})' if name else ''}"
        )
    return "\n".join(
        [
            "import pandas as pd",
            "from sklearn.base import clone",
            "from modelglass.analysis import augmented, steadier_fit",
            "",
            *lines,
            f"more = augmented(ev, {said})",
            f"print(steadier_fit(ev, {said}).sentence())",
            "train = pd.concat([ev.train, more], ignore_index=True)",
            "steadier = clone(ev.estimator).fit(train[list(ev.features)], train[ev.target])",
        ]
    )


def named(columns: Sequence[tuple[str, float]], strength: float) -> str:
    """Name columns with the size of their noise in their own unit; NaN: a column of levels.

    >>> named([("age", 1.3), ("sector", float("nan"))], 0.1)
    'age (± 1.3), sector (another level in 10% of rows)'
    """
    return listed([f"{c} (± {say(s)})" if np.isfinite(s) else f"{c} (another level in {strength:.0%} of rows)" for c, s in columns], 12)  # fmt: skip


def of_noise(every: pd.Series, single: pd.DataFrame, settings: Mapping[str, Any], task: str) -> Recipe | None:
    """Give the recipe for noise of one strength, from the table of ``noise_robustness``: its row of all columns, and those of each alone.

    None where it surely changes nothing.
    """
    low = every.moved_low if task == "regression" else every.changed_low
    if not low > 0:
        return None
    first = single[single.moved > 0].nlargest(MOST, "moved")
    columns = list(zip(first.feature, first["size"], strict=True))
    if not columns:
        return None
    text = (
        f"Training rows once more, with noise of {every.level:g} spreads on the columns whose noise moves the model most: {named(columns, every.level)}; their outcome "
        f"stays, and each is a possible row. {NOT_MEASURED} Without training: measure these columns better, or move the threshold (“A steadier threshold” "
        "measures that)."
    )
    return Recipe(
        text=text, code=training_code(settings, features=[c for c, _ in columns], noise=float(every.level), copies=1)
    )


def of_missing(changes: pd.DataFrame, alone: str, task: str) -> Recipe | None:
    """Give the recipe for missing values, from the table of ``missing_robustness``; None where none is surely felt."""
    low = changes.moved_low if task == "regression" else changes.changed_low
    felt = changes[(changes.how == alone) & (low > 0)].nlargest(MOST, "moved")
    if felt.empty:
        return None
    names = list(felt.feature)
    filled = [
        f"{r.feature} ({r.filled:+.3g} instead of {r.estimate:+.3g})"
        for r in felt.itertuples()
        if np.isfinite(r.filled) and abs(r.filled) < abs(r.estimate)
    ]
    mended = (
        f" Without training: fill with the usual value first, which was measured: {listed(filled)}." if filled else ""
    )
    text = (
        f"Training rows once more, with one in ten values of each of {listed(names)} left out, so that the model learns to do without. {NOT_MEASURED}{mended}"
    )  # fmt: skip
    return Recipe(text=text, code=training_code({}, features=names, noise=0, missing=SHARE))


def of_changes(columns: pd.DataFrame, small: float, settings: Mapping[str, Any]) -> Recipe | None:
    """Give the recipe for columns that little suffices of, from the columns of ``adversarial``; None where there are none."""
    fragile = columns[columns.number & (columns.low > 0)].head(MOST)
    if fragile.empty:
        return None
    sizes = list(zip(fragile.column, fragile["size"], strict=True))
    text = (
        f"Training rows once more, with noise of {small:g} spreads on {named(sizes, small)}: rows that stand just beside a step of the model then pull it "
        f"smooth. {NOT_MEASURED} Where the outcome can only rise, or only fall, with a column, a monotone constraint does so too (monotonic_cst in "
        "scikit-learn, monotone_constraints in XGBoost, LightGBM and CatBoost). Without training: check these columns' unit, rounding and source, and let "
        "people decide the rows listed here."
    )
    return Recipe(text=text, code=training_code(settings, features=[c for c, _ in sizes], noise=small, copies=3))


def of_rows(parts: pd.DataFrame, settings: Mapping[str, Any]) -> Recipe | None:
    """Give the recipe for fragile rows, from the parts of ``fragile_rows``; None where noise surely changes nothing."""
    if not parts.low.iloc[0] > 0:
        return None
    slices = parts[parts["where"].notna()]
    where = None if slices.empty else str(slices["where"].iloc[0])
    there = "" if where is None else f" of the slice where {slices['part'].iloc[0]}"
    text = (
        f"Training rows{there} three times more, each time with other noise of {settings['strength']:g} spreads on every column. {NOT_MEASURED} Without training: "
        "let people decide such rows, or move the threshold (“A steadier threshold” measures that)."
    )
    return Recipe(text=text, code=training_code(settings, noise=float(settings["strength"]), where=where, copies=3))


def of_faults(faults: pd.DataFrame, evident: float, rounding: str, settings: Mapping[str, Any]) -> Recipe | None:
    """Give the recipe for faults, from the table of ``input_faults``: a check of inputs, and rounded training rows; None where none is felt."""
    felt = faults[(faults.moved > 0) & (faults.caught >= evident)]
    coarse = faults[(faults.fault == rounding) & (faults.moved_low > 0)].drop_duplicates("feature").head(MOST)
    texts, codes = [], []
    if len(felt):
        kinds = listed(list(dict.fromkeys(f"{r.fault} of {r.feature}" for r in felt.head(MOST).itertuples())))
        texts.append(
            f"Refuse rows outside ranges, steps and levels before the model is asked: that catches at least {evident:.0%} of the rows with {kinds}, measured here "
            "(caught); clipping numbers to their range instead is measured beside it (clipped). Training cannot help: such rows are not possible ones, and no "
            "outcome is known for them."
        )
        codes.append(_CHECK)
    if len(coarse):
        names = list(coarse.feature)
        texts.append(
            f"Rounded values of {listed(names)} are possible ones, which no check catches: record them as precisely as in training, or add training rows with "
            f"rounded ones. {NOT_MEASURED}"
        )
        codes.append(training_code(settings, features=names, noise=0, digits=1))
    return Recipe(text=" ".join(texts), code="\n\n".join(codes)) if texts else None


_CHECK = """from modelglass.analysis import constraints

# ev = modelglass.Evaluation(model, data, target=...); rows: what comes in, with the columns in list(ev.features)
rules = constraints(ev)
broken = rules.violations(rows[list(ev.features)])    # place, column, rule in plain words
kept = rows.drop(index=rows.index[broken.place.unique()])"""


def of_ranges(verdicts: pd.DataFrame, bad: Sequence[str], ends: Mapping[str, tuple[Any, Any]]) -> Recipe | None:
    """Give the recipe for answers that run away or jump beyond a range, from the verdicts of ``beyond_range``; None where none does."""
    felt = verdicts[verdicts.verdict.isin(bad)]
    names = list(dict.fromkeys(felt.feature))
    if not names:
        return None
    first = ", ".join(f"{r.change:+.3g} {r.side} the range of {r.feature}" for r in felt.head(MOST).itertuples())
    text = (
        f"Clip {listed(names)} to the range of the data before the model is asked: the answer then stays as at its end, so that what was measured here goes "
        f"away ({first}). Or refuse such rows. Training rows with such values cannot be made, because their outcomes are not known: collect them, or "
        "choose a model that levels off."
    )
    known = {n: ends[n] for n in names if n in ends}
    limits = "{" + ", ".join(f"{n!r}: ({_end(low)}, {_end(high)})" for n, (low, high) in known.items()) + "}"
    code = "\n".join(
        [
            *(["import pandas as pd", ""] if "pd." in limits else []),
            f"limits = {limits}",
            "rows = rows.assign(**{name: rows[name].clip(*ends) for name, ends in limits.items()})    # before the model is asked",
        ]
    )
    return Recipe(text=text, code=code)


def _end(value: Any) -> str:
    """Write an end of a range as Python.

    >>> _end(18.0), _end(0.5), _end(pd.Timestamp("2024-05-01"))
    ('18', '0.5', "pd.Timestamp('2024-05-01T00:00:00')")
    """
    if isinstance(value, pd.Timestamp):
        return f"pd.Timestamp({value.isoformat()!r})"
    return repr(int(value) if value == int(value) and abs(value) < 2**53 else float(value))
