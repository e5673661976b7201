"""Which way Shapley values are found, on how many rows, and the finding itself: shared by all that reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from modelglass.analysis.budget import fewer_than, left
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.progress import Progress
from modelglass.explainers import rows as shared
from modelglass.explainers.shapley_exact import Attribution, ExactWay, check_method, exact_values, exact_way
from modelglass.explainers.shapley_sampling import FEWEST_BACKGROUND, Lent, sampled_values

LINEAR_BACKGROUND, SAMPLING_BACKGROUND = 10_000, 100
EXACT_ROWS, SAMPLING_ROWS, SAMPLING_ASKED = 1_000, 200, 600_000
HURRIED = "because the time is short"
FEWEST_EXACT = 10
PROBED, ENOUGH_ROWS = 64, 20
"""Rows asked about to know how long a question takes, and rows for which a short budget takes fewer background rows."""
TOO_DEEP = 25e9
"""Nanoseconds of all rows beyond which the exact way is not taken unasked."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Asked:
    """What is asked for.

    method, background, rounds, seed   as in ``shapley_row``; without background trees follow their training rows
    in_time     so many rows a budget should be enough for, with fewer background rows where it is short; 0: never fewer
    against     background rows are drawn from the whole data of this Evaluation; None: from that of the rows explained
    """

    method: str
    background: int | None
    seed: int
    rounds: int = 1
    in_time: int = 0
    against: Evaluation | None = None


def checked(ev: Evaluation, method: str, rows: int | None, background: int | None, seed: int | None) -> int:
    """Refuse what cannot be, and give the seed."""
    shared.need_model(ev)
    check_method(method)
    for name, value, least in (("rows", rows, 1), ("background", background, 2)):
        if value is not None and value < least:
            raise InputError(f"Expected {name} of at least {least}.", f"Got {value}.")
    return ev.seed_or(seed)


def way_of(ev: Evaluation, method: str) -> tuple[ExactWay | None, str]:
    """Choose: (exact way, '') or (None, why not)."""
    if method == "sampling":
        return None, ""
    way = exact_way(ev, ("tree", "linear") if method == "auto" else (method,))
    if isinstance(way, ExactWay):
        return way, ""
    if method != "auto":
        raise NotApplicable(f"the method {method!r} does not fit this model: {way}")
    return None, way


def plan(ev: Evaluation, asked: Asked, rows: int | None, available: int) -> tuple[ExactWay | None, str, int]:
    """Choose the way and the number of rows: (exact way or None, why not the exact one, rows)."""
    way, reason = way_of(ev, asked.method)
    n, end = EXACT_ROWS if rows is None else rows, left()
    work, limit = 0.0 if way is None else way.work(asked.background), TOO_DEEP
    if way is not None and end is not None:
        limit = min(TOO_DEEP, max(1e9 * end[0], 0.0))
        if rows is None:
            n = int(np.clip(limit / 2 / max(work, 1.0), FEWEST_EXACT, n))
    if way is not None and asked.method == "auto" and work * min(n, available) > limit:
        way, reason = (
            None,
            (
                f"the trees are so deep that {min(n, available):,} rows would take "
                f'{"minutes" if end is None else "longer than there is time"} (method="tree" takes them, '
                "fewer rows make it faster)"
            ),
        )
    if way is None and rows is None:
        b = asked.background or SAMPLING_BACKGROUND
        n = int(np.clip(SAMPLING_ASKED // (2 * b * max(len(ev.features), 1)), 20, SAMPLING_ROWS))
    return way, reason, n


def fewer(found: Attribution, rows: int | None, done: int, available: int) -> str:
    """Say that a budget let an exact method take fewer rows than are usual; '' where it did not."""
    usual = min(EXACT_ROWS, available)
    cut = rows is None and found.error is None and done < usual
    return fewer_than("Rows explained", done, usual) if cut else ""


def explained(
    ev: Evaluation,
    way: ExactWay | None,
    reason: str,
    asked: Asked,
    progress: Progress | None,
    *,
    inputs: pd.DataFrame | None = None,
    may_end: bool = False,
) -> tuple[Attribution, str]:
    """Explain all rows of ``ev``, or other ``inputs``; exactly where that adds up, else by sampling, with the reason.

    With ``may_end`` a sampling that its time ends gives what there is (``Attribution.done``).
    """
    inputs = ev.inputs() if inputs is None else inputs
    if way is not None:
        found = exactly(ev, way, asked, inputs, progress)
        if isinstance(found, Attribution):
            return found, ""
        reason = found
    return _sampled(ev, asked, inputs, progress, may_end=may_end), reason


def exactly(
    ev: Evaluation, way: ExactWay, asked: Asked, inputs: pd.DataFrame, progress: Progress | None
) -> Attribution | str:
    """Explain inputs exactly, or say why not (completing "because ..."); a method that was asked for is taken or refused."""
    size = asked.background or (LINEAR_BACKGROUND if way.kind == "linear" else None)
    try:
        found = exact_values(
            ev, way, background=size, seed=asked.seed, against=asked.against or ev, inputs=inputs, progress=progress
        )
    except NotApplicable as refused:
        if asked.method != "auto":
            raise
        return refused.reason
    largest = max(1.0, float(np.abs(found.prediction).max(initial=0.0)))
    if gap_of(found) <= 1e-3 * largest or asked.method != "auto":
        return found
    return f"the exact values do not add up to the predictions (off by up to {gap_of(found):.2g})"


def _sampled(
    ev: Evaluation, asked: Asked, inputs: pd.DataFrame, progress: Progress | None, *, may_end: bool
) -> Attribution:
    """Explain inputs by sampling; with ``may_end`` some of them, where its time ends it."""
    against, n = asked.against or ev, len(inputs)
    full = min(asked.background or SAMPLING_BACKGROUND, against.whole.n)
    b = _affordable(ev, inputs, full, asked) if asked.in_time and asked.background is None else full
    order, others = np.arange(n), shared.background_of(against, b, asked.seed)
    if may_end:  # what is done first is a sample of all
        rng = np.random.default_rng((asked.seed, 20_029))
        order, others = rng.permutation(n), others.iloc[rng.permutation(b)] if n == 1 else others
    lent = Lent(n, None if ev.weight is None else ev.weight[order])
    got = sampled_values(
        lambda frame: shared.output(ev, frame),
        inputs.iloc[order],
        others,
        rounds=asked.rounds,
        seed=asked.seed,
        lent=lent,
        places=order,
        may_end=may_end,
        progress=progress,
    )
    at = np.argsort(order[: got.rows])
    done, cut = None, [f"{b:,} background rows instead of {full:,}, {HURRIED}"] if b < full else []
    if got.rows < n or got.background < b:
        ended = f"after {got.rows:,} of {n:,} rows" if n > 1 else f"before all {b:,} background rows were met"
        done, cut = order[at], [*cut, f"the time ended it {ended}"]
    return Attribution(
        values=got.values[at],
        error=got.error[at],
        lent=lent.error() if got.background == b else None,
        base=got.base,
        prediction=got.prediction[at],
        scale=shared.scale(ev),
        method="sampling",
        how=f"sampled on raw columns, {2 * got.background * asked.rounds:,} orders a row"
        + (f" ({'; '.join(cut)})" if cut else ""),
        background=got.background,
        absent=f"absent features take the values of {got.background:,} background rows",
        done=done,
    )


def _affordable(ev: Evaluation, inputs: pd.DataFrame, full: int, asked: Asked) -> int:
    """Give the number of background rows with which the time left is enough for ``asked.in_time`` rows; all without a budget."""
    before = left()
    if before is None:
        return full
    probe = inputs.iloc[:PROBED]
    shared.output(ev, probe)
    now = (left() or before)[0]
    each = (before[0] - now) / len(probe)  # seconds of a question
    a_row = each * 2 * max(inputs.shape[1] - 1, 1) * asked.rounds * full
    share = now / max(a_row * asked.in_time, 1e-9)
    return full if share >= 1 else int(np.clip(full * share, min(FEWEST_BACKGROUND, full), full))


def gap_of(found: Attribution) -> float:
    """Give the largest |base + sum - prediction|."""
    return float(np.abs(found.base + found.values.sum(axis=1) - found.prediction).max(initial=0.0))
