"""The twelve kinds of defect that issue 4 names, each at two strengths stated in numbers.

The larger strength would change a release decision (what it does is said with each kind); the smaller one is worth knowing. A plant takes
the parts of a clean world, changes them, and gives the truth. Which columns, levels and rows it takes is drawn by the world's seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from .places import conjunction, level, period, share_text
from .tables import joined, labels_of, probabilities
from .truth import Truth
from .worlds import Base, Plant

BOTH = ("classification", "regression")
ONE = ("classification",)


def flipped_labels(parts: Base, larger: bool) -> Truth:
    """Labels replaced by another class for 50 % (25 %) of the rows of a conjunction that holds 5 to 10 % of all rows."""
    rows, columns, text = conjunction(parts)
    flip = rows & (parts.rng.random(len(rows)) < (0.5 if larger else 0.25))
    _other_class(parts, flip)
    return Truth(
        by=("rows",),
        rows=rows,
        columns=columns,
        size=f"{flip.sum() / rows.sum():.0%} flipped of {share_text(rows)} where {text}",
    )


def biased_slice(parts: Base, larger: bool) -> Truth:
    """Outcomes of a conjunction of 5 to 10 % of the rows lie 1 (0.5) RMSE higher, or lower, than the model learned."""
    rows, columns, text = conjunction(parts)
    size = (1.0 if larger else 0.5) * parts.rmse() * parts.rng.choice([-1, 1])
    parts.test.frame.loc[rows, parts.target] += size
    return Truth(by=("rows",), rows=rows, columns=columns, size=f"{size:+.3g} for {share_text(rows)} where {text}")


def miscalibrated_group(parts: Base, larger: bool) -> Truth:
    """In one level of 10 to 45 % of the rows a class comes true 15 (7) points more or less often than promised on average."""
    column, value, rows = level(parts, 0.10, 0.45)
    promised = parts.probability()[rows]
    of = int(parts.rng.integers(promised.shape[1]))
    up = promised[:, of].mean() < 0.5
    wanted = promised[:, of].mean() + (0.15 if larger else 0.07) * (1 if up else -1)
    low, high = 0.0, 6.0
    for _ in range(40):  # the shift of log-odds that gives it
        middle = (low + high) / 2
        far = _shifted(parts, rows, of, middle if up else -middle)
        low, high = (low, middle) if (far.mean() > wanted) == up else (middle, high)
    parts.test.eta[rows, of] += low if up else -low
    parts.with_outcomes(parts.test)
    return Truth(
        by=("rows", "column"),
        rows=rows,
        columns=(column,),
        size=f"{promised[:, of].mean():.0%} promised, {wanted:.0%} true where {column} is {value} ({share_text(rows)})",
    )


def _shifted(parts: Base, rows: np.ndarray, of: int, by: float) -> np.ndarray:
    eta = parts.test.eta[rows].copy()
    eta[:, of] += by
    return probabilities(parts.made, eta)[:, of]


def leaked_column(parts: Base, larger: bool) -> Truth:
    """A column written after the outcome: it tells it for 99 % (94 %) of the rows, or as a number with R2 of 0.99 (0.94)."""
    name = str(parts.rng.choice(["status_code", "reviewed", "closing_note", "ledger"]))
    as_number = parts.made.task == "regression" or parts.rng.random() < 0.5
    for rows in (parts.train, parts.test):
        rows.frame[name] = _told(parts, rows.frame[parts.target], larger, as_number)
    made = parts.made
    numbers = {**made.numbers, name: "normal"} if as_number else made.numbers
    categories = made.categories if as_number else {**made.categories, name: np.ones(1)}
    parts.made = replace(made, numbers=numbers, categories=categories)
    parts.refit()
    return Truth(
        seen_as="alone", by=("column",), columns=(name,), local=False, size=f"{name} tells {'99' if larger else '94'} %"
    )


def _told(parts: Base, target: pd.Series, larger: bool, as_number: bool) -> np.ndarray:
    rng = parts.rng
    if parts.made.task == "regression":
        noise = np.sqrt((1 / 0.99 if larger else 1 / 0.94) - 1)
        return np.round(
            3 * (target - target.mean()) / target.std() + 3 * noise * rng.normal(size=len(target)), 3
        ).to_numpy()
    codes = target.map({c: i for i, c in enumerate(parts.made.classes)}).to_numpy()
    wrong = rng.random(len(codes)) < (0.01 if larger else 0.06)
    codes = np.where(
        wrong, (codes + rng.integers(1, len(parts.made.classes), len(codes))) % len(parts.made.classes), codes
    )
    if as_number:
        return np.round(codes * 10 + rng.uniform(0, 8, len(codes)), 1)
    return np.asarray(["open", "paid", "sent"], dtype=object)[codes]


def training_rows(parts: Base, larger: bool) -> Truth:
    """25 % (5 %) of the evaluation rows are rows that the model was fitted on."""
    n = len(parts.test.frame)
    places = taken_from_training(parts, 0.25 if larger else 0.05)
    words = (
        r"\btrain|fitted on",
        r"also|both|overlap|same|shared?|stands? in|appear|seen|cop(y|ies)|duplicat|leak|common|contain|present|found in|fitted on",
    )
    return Truth(seen_as="counted", by=("words",), words=words, local=False, size=f"{len(places):,} of {n:,} rows")


def taken_from_training(parts: Base, share: float) -> np.ndarray:
    """Put training rows in the place of a share of the evaluation rows; gives their places."""
    n = len(parts.test.frame)
    places = parts.rng.choice(n, int(n * share), replace=False)
    taken = parts.rng.choice(len(parts.train.frame), len(places), replace=len(places) > len(parts.train.frame))
    order = np.arange(n)
    order[places] = n + taken
    parts.test = joined(parts.test, parts.train).take(order)
    return places


def other_units(parts: Base, larger: bool) -> Truth:
    """A number that the model reads is written in another unit (x100) in a period that holds 20 % (5 %) of the rows."""
    rows, text = period(parts, 0.20 if larger else 0.05)
    column = _number(parts, kinds=("skewed", "normal", "rounded"))
    _float(parts, column)
    parts.test.frame.loc[rows, column] *= 100
    return Truth(
        seen_as="counted",
        by=("rows", "column"),
        rows=rows,
        columns=(column,),
        size=f"{column} x100 {text} ({share_text(rows)})",
    )


def constant_column(parts: Base, larger: bool) -> Truth:
    """A number that the model reads, and that varied in training, stands still at its median: always (in a period of 30 % of the rows)."""
    column = _number(parts)
    rows, text = period(parts, 0.30)
    value = float(parts.train.frame[column].quantile(0.5, interpolation="nearest"))
    if larger:
        parts.test.frame[column] = value
        return Truth(seen_as="counted", by=("column",), columns=(column,), local=False, size=f"{column} = {value:g}")
    _float(parts, column)
    parts.test.frame.loc[rows, column] = value
    return Truth(
        seen_as="counted",
        by=("rows", "column"),
        rows=rows,
        columns=(column,),
        local=False,
        size=f"{column} = {value:g} {text}",
    )


def duplicated_rows(parts: Base, larger: bool) -> Truth:
    """20 % (4 %) of the evaluation rows are copies of others, all columns and the outcome the same."""
    n = len(parts.test.frame)
    places = parts.rng.choice(n, int(n * (0.20 if larger else 0.04)), replace=False)
    others = np.setdiff1d(np.arange(n), places)
    taken = parts.rng.choice(others, len(places))
    order = np.arange(n)
    order[places] = taken
    parts.test = parts.test.take(order)
    words = (
        r"duplicat|cop(y|ies)|repeat|identical|same row|rows? (are|is) the same|equal (rows?|in all|to)|more than once|twice",
    )
    return Truth(seen_as="counted", by=("words",), words=words, local=False, size=f"{len(places):,} of {n:,} rows")


def missing_code(parts: Base, larger: bool) -> Truth:
    """A code for "missing" stands in a number: -999 or the like for 8 % of the rows (99, 999 or -1, next to the range, for 2 %).

    With every second seed also in training, where the model was fitted on it.
    """
    column = _number(parts)
    values = parts.test.frame[column]
    if larger:
        code = float(parts.rng.choice([-999, -9999, 9999999, -99999]))
    else:
        near = [c for c in (-1.0, 99.0, 999.0, 9999.0, 99999.0) if c < values.min() or c > values.max()]
        code = near[0]
    share = 0.08 if larger else 0.02
    rows = parts.rng.random(len(values)) < share
    _float(parts, column)
    parts.test.frame.loc[rows, column] = code
    if parts.made.seed % 2:
        parts.train.frame[column] = (
            parts.train.frame[column].astype(float).mask(parts.rng.random(len(parts.train.frame)) < share, code)
        )
        parts.refit()
    return Truth(
        seen_as="counted",
        by=("rows", "column"),
        rows=rows,
        columns=(column,),
        size=f"{column} = {code:g} in {share_text(rows)}",
    )


def group_disparity(parts: Base, larger: bool) -> Truth:
    """The model learned from labels that were unfair to a group of 10 to 60 %: 50 % (25 %) of its positive labels were denied in training.

    In regression the group's values stood 1 (0.4) RMSE too low. The outcomes it is judged on are fair.
    """
    value, rows, there = _group(parts)
    frame = parts.train.frame
    if parts.made.task == "regression":
        size = (1.0 if larger else 0.4) * parts.rmse()
        frame.loc[there, parts.target] -= size
        text = f"{size:.3g} too low"
    else:
        best = parts.made.classes[-1]
        denied = (
            there
            & (frame[parts.target] == best).to_numpy()
            & (parts.rng.random(len(there)) < (0.5 if larger else 0.25))
        )
        frame.loc[denied, parts.target] = parts.made.classes[0]
        text = f"{0.5 if larger else 0.25:.0%} denied"
    parts.refit()
    group = parts.made.group
    return Truth(
        by=("rows", "column"),
        rows=rows,
        columns=(group,),
        either=True,
        size=f"{text} in training where {group} is {value} ({share_text(rows)})",
    )


def label_noise(parts: Base, larger: bool) -> Truth:
    """15 % (5 %) of the labels of the evaluation rows are another class at random; in regression 5 % (1 %) of the values are 4 to 8 RMSE off."""
    n = len(parts.test.frame)
    if parts.made.task == "regression":
        rows = parts.rng.random(n) < (0.05 if larger else 0.01)
        slip = parts.rmse() * parts.rng.uniform(4, 8, n) * parts.rng.choice([-1, 1], n)
        parts.test.frame.loc[rows, parts.target] += slip[rows]
    else:
        rows = parts.rng.random(n) < (0.15 if larger else 0.05)
        _other_class(parts, rows)
    words = (
        r"label|outcome|target|recorded value",
        r"wrong|noise|noisy|suspect|contradict|mistak|doubt|disagree|swapp|flipp|error|implausib|mislabel|outl(ier|y)",
    )
    return Truth(
        seen_as="labels", by=("words", "rows"), rows=rows, words=words, local=False, size=f"{rows.sum():,} of {n:,}"
    )


def rare_level(parts: Base, larger: bool) -> Truth:
    """A level with 0.1 % of the training rows holds 10 % (4 %) of the evaluation rows, and behaves otherwise: 2 (1) in log-odds, 1.5 (0.75) RMSE."""
    column = str(parts.rng.choice(list(parts.made.categories)))
    value = {"sex": "other", "origin": "stateless", "age_band": "minor"}.get(column, "outlet")
    rows = parts.rng.random(len(parts.test.frame)) < (0.10 if larger else 0.04)
    there = parts.rng.random(len(parts.train.frame)) < 0.001
    sign = float(parts.rng.choice([-1, 1]))
    for part, mask in ((parts.test, rows), (parts.train, there)):
        part.frame.loc[mask, column] = value
        if parts.made.task == "regression":
            part.eta[mask] += sign * (1.5 if larger else 0.75) * parts.rmse() / parts.made.scale[1]
        else:
            part.eta[mask, -1] += sign * (2.0 if larger else 1.0)
        parts.with_outcomes(part)
    parts.refit()
    return Truth(
        by=("rows", "column"),
        rows=rows,
        columns=(column,),
        size=f"{column} is {value}: {share_text(rows)} here, {there.sum()} training rows",
    )


def _other_class(parts: Base, rows: np.ndarray) -> None:
    codes = np.argmax(parts.test.eta + parts.test.luck, axis=1)
    k = len(parts.made.classes)
    codes = np.where(rows, (codes + parts.rng.integers(1, k, len(codes))) % k, codes)
    parts.test.frame[parts.target] = labels_of(parts.made, codes)


def _number(parts: Base, kinds: tuple[str, ...] = ()) -> str:
    """Choose a number that matters: of those (of these kinds) one with at least half the largest effect."""
    fit = [n for n, kind in parts.made.numbers.items() if not kinds or kind in kinds] or list(parts.made.numbers)
    size = {n: float(np.abs(parts.made.effects[n]).max()) for n in fit}
    return str(parts.rng.choice([n for n in fit if size[n] >= 0.5 * max(size.values())]))


def _float(parts: Base, column: str) -> None:
    parts.test.frame[column] = parts.test.frame[column].astype(float)


def _group(parts: Base) -> tuple[str, np.ndarray, np.ndarray]:
    column = parts.made.group
    shares = parts.test.frame[column].value_counts(normalize=True)
    fit = [v for v in shares.index if 0.10 <= shares[v] <= 0.60]
    value = str(parts.rng.choice(fit))
    return value, (parts.test.frame[column] == value).to_numpy(), (parts.train.frame[column] == value).to_numpy()


KINDS: Mapping[str, tuple[Plant, tuple[str, ...]]] = {
    "flipped labels": (flipped_labels, ONE),
    "biased slice": (biased_slice, ("regression",)),
    "miscalibrated group": (miscalibrated_group, ONE),
    "leaked column": (leaked_column, BOTH),
    "training rows": (training_rows, BOTH),
    "other units": (other_units, BOTH),
    "constant column": (constant_column, BOTH),
    "duplicated rows": (duplicated_rows, BOTH),
    "missing code": (missing_code, BOTH),
    "group disparity": (group_disparity, BOTH),
    "label noise": (label_noise, BOTH),
    "rare level": (rare_level, BOTH),
}
