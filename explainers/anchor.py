"""Anchors: a rule that holds the model's decision (Ribeiro, Singh and Guestrin 2018), on raw columns. The one door to alibi."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.budget import BudgetSpent, left, short
from modelglass.analysis.errors import InputError, MissingPackage, NotApplicable
from modelglass.analysis.estimated import many, rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers import rows as shared
from modelglass.explainers.coded import Coded

REFERENCE = 5_000
LICENCE = "alibi has the Business Source Licence: free for research and evaluation, not for production"
RESERVE = 0.2
"""Of a budget: kept for telling the best rule among those tried until then."""
INSTALL = "pip install 'modelglass[alibi]'  (it needs numpy < 2 and Python < 3.13)"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Anchor(Result):
    """A rule under which the model nearly always decides as for one row.

    rule        condition, precision, coverage after each condition of the rule is added (cumulative); n: rows of the reference data
    conditions  the rule in words; empty: the decision holds whatever the columns are
    decision    the decision that it anchors; precision: share of perturbed rows under the rule with that decision
    coverage    share of reference rows that the rule applies to; met: precision reached the threshold
    """

    rule: pd.DataFrame
    conditions: tuple[str, ...]
    decision: str
    precision: float
    coverage: float
    met: bool
    row: int
    notes: tuple[str, ...]
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give condition, precision, coverage, n."""
        return self.rule

    def sentence(self) -> str:
        """Say the rule with its precision and coverage."""
        rule = " and ".join(self.conditions)
        start = f"Row {self.row}: where {rule}" if rule else f"Row {self.row}: whatever its columns"
        short = (
            "" if self.met else f" No rule reached a precision of {self.settings['threshold']:.0%}; this is the best."
        )
        n = int(self.rule.n.iloc[0]) if len(self.rule) else self.settings["reference"]
        return (
            f"{start}, the model decides {self.decision} for {self.precision:.1%} of perturbed rows; the rule applies to "
            f"{self.coverage:.1%} of {rows_text(n)} (anchor by alibi, seed {self.settings['seed']}).{short}"
        )


def anchor(
    ev: Evaluation,
    *,
    row: Any,
    threshold: float = 0.95,
    delta: float = 0.1,
    tau: float = 0.15,
    max_size: int | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Anchor:
    """Find a rule that holds the model's decision on one row, with alibi's AnchorTabular.

    Columns left out of the rule take values of other rows. The decision is the one at the operating threshold. Numbers are cut at
    their quartiles; missing is a level.

    Parameters
    ----------
    row : row number in the data (the frame's index)
    threshold : float
        Precision wanted, held with confidence 1 - ``delta``; ``tau`` is the tolerance of the search.
    max_size : int, optional
        Conditions in the rule, at most.

    Raises
    ------
    MissingPackage
        Without alibi: why, its licence, and the line that installs it.
    NotApplicable
        Without a model, or in regression.
    """
    shared.need_model(ev)
    if ev.task == "regression":
        raise NotApplicable("an anchor holds a decision, and a regression model makes none")
    if not 0 < threshold <= 1:
        raise InputError(
            "Expected a threshold of precision between 0 and 1.", f"Got {threshold}.", "Take the default of 0.95."
        )
    tabular = _alibi()
    seed = ev.seed_or(seed)
    one = ev.inputs().iloc[[shared.row_place(ev, row)]]
    coded = Coded(ev, ev.whole.sample(REFERENCE).inputs(), one)
    decided = ev.predict_codes(one)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = np.random.get_state()
        try:
            np.random.seed(seed)
            decider = _Decider(ev, coded, seed, progress)
            explainer = _explainer(tabular, decider, coded, ev)
            found, cut = _sought(
                lambda most: explainer.explain(
                    coded.row, threshold=threshold, delta=delta, tau=tau, max_anchor_size=most
                ),
                decider,
                max_size,
            )
        finally:
            np.random.set_state(state)
    return _result(
        ev,
        coded,
        found,
        int(row),
        str(ev.classes[int(decided[0])]),
        threshold,
        seed,
        {
            "row": int(row),
            "threshold": threshold,
            "delta": delta,
            "tau": tau,
            "max_size": max_size,
            "seed": seed,
            "reference": len(coded.reference),
        },
        cut,
    )


def _alibi() -> Any:
    """Import AnchorTabular, or say why it is not here."""
    logging.getLogger("alibi").addHandler(logging.NullHandler())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from alibi.explainers import AnchorTabular
    except ImportError as error:
        newer = " (Python 3.13 or newer cannot have it)" if sys.version_info >= (3, 13) else ""
        raise MissingPackage("alibi", f"An anchor ({LICENCE})", INSTALL + newer) from error
    return AnchorTabular


class _Decider:
    """Decides about coded rows, as alibi asks. Under a budget it remembers its answers, so that a search can be gone through again."""

    def __init__(self, ev: Evaluation, coded: Coded, seed: int, progress: Progress | None):
        self.columns, self.ending = len(ev.features), False
        self.seed, self._ev, self._coded, self._progress = seed, ev, coded, progress
        self._asked, self._known = 0, dict[bytes, np.ndarray]()

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        codes, end = np.asarray(codes, dtype="float64"), left()
        key = b"" if end is None else codes.tobytes()
        if key in self._known:
            return self._known[key]
        if end is not None and not self.ending and end[0] < RESERVE * end[1]:
            raise BudgetSpent(end[1])
        self._asked += len(codes)
        tell(self._progress, 1 - 1 / (1 + self._asked / 5_000), f"looking for a rule, {self._asked:,} rows asked")
        frame = self._coded.decode(codes, np.random.default_rng((self.seed, 20_006)))
        answer = np.asarray(self._ev.predict_codes(frame), dtype=np.int64)
        if key:
            self._known[key] = answer
        return answer


def _explainer(tabular: Any, decider: _Decider, coded: Coded, ev: Evaluation) -> Any:
    """Make alibi's explainer, which asks once at once and gives what ends that in an error of its own."""
    from alibi.exceptions import PredictorCallError

    try:
        made = tabular(decider, list(ev.features), dict(coded.levels), seed=decider.seed)
    except PredictorCallError as error:
        raise (error.__cause__ or error) from None
    made.fit(coded.reference)
    return made


def _sought(explain: Callable[[int | None], Any], decider: _Decider, max_size: int | None) -> tuple[Any, str]:
    """Look for a rule. Where the budget ends that, give the best of as many conditions as were tried with certainty, and say so."""
    state = np.random.get_state()
    try:
        return explain(max_size), ""
    except BudgetSpent:
        decider.ending = True
        np.random.set_state(state)
        best = explain(1)
        for size in range(2, (max_size or decider.columns) + 1):
            np.random.set_state(state)
            try:
                best = explain(size)
            except BudgetSpent:
                return best, f"Only rules of at most {many(size - 1, 'condition')} were sought{short()}."
        return best, ""


def _result(
    ev: Evaluation,
    coded: Coded,
    found: Any,
    row: int,
    decision: str,
    threshold: float,
    seed: int,
    settings: dict[str, Any],
    cut: str,
) -> Anchor:
    raw = found.data["raw"]
    names = [ev.features[j] for j in raw["feature"]]
    conditions = tuple(_worded(str(c), f) for c, f in zip(raw["names"], names, strict=True))
    rule = pd.DataFrame(
        {
            "condition": list(conditions),
            "precision": _stepwise(raw["precision"], len(names)),
            "coverage": _stepwise(raw["coverage"], len(names)),
            "n": len(coded.reference),
        }
    )
    precision, coverage = float(np.ravel(found.data["precision"])[-1]), float(np.ravel(found.data["coverage"])[-1])
    return Anchor(
        rule=rule,
        conditions=conditions,
        decision=decision,
        precision=precision,
        coverage=coverage,
        met=precision >= threshold,
        row=row,
        notes=tuple(coded.notes),
        source=replace(ev.source, seed=seed, cut=cut),
        settings=settings,
    )


def _stepwise(values: Any, count: int) -> list[float]:
    """Give the value after each condition; where alibi merged two bounds of one column only the last is known."""
    values = [float(v) for v in values]
    return values if len(values) == count else [float("nan")] * (count - 1) + values[-1:]


def _worded(condition: str, feature: str) -> str:
    """Put the column's name back where alibi drops it: a level that reads like "<= 5" comes without."""
    condition = re.sub(r"\.00(?=\D|$)", "", condition)
    return condition if feature in condition else f"{feature} {condition}"
