"""What is wrong with this model? Every analysis that can find something is asked; the answers are boiled down to one ranked list."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.budget import checked_seconds
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.finding import SEVERITIES, Budget, Finding
from modelglass.analysis.given import whole
from modelglass.analysis.odd_signs import visible
from modelglass.analysis.progress import Progress, span, tell
from modelglass.analysis.registry import Analysis, analyses, lacking
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

COLUMNS = [
    "kind",
    "severity",
    "sentence",
    "where",
    "features",
    "estimate",
    "low",
    "high",
    "n",
    "p_adjusted",
    "evidence",
    "advice",
]
MOST = 12
"""More findings than this nobody reads; the rest are counted."""
ALPHA = 0.05
ALIKE = 0.6
"""Two findings of a kind whose rows overlap by more than this (Jaccard) say the same."""
ROWS_A_SECOND = 4_000
FEWEST_ROWS, MOST_ROWS = 1_000, 100_000
"""Rows an analysis may ask the model about: so many a second of its share of the budget, within these."""
_COST = {"instant": 0, "seconds": 1, "minutes": 2}


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Findings(Result):
    """A ranked list of findings, and what was looked at.

    found       the findings, most harmful first, at most settings["most"]
    looked      one row per analysis asked: analysis, title, ran, rows (used), found (findings that chance
                does not explain over all analyses, before they were boiled down), note (why it
                was not run, or what of it could not be looked at), question (what it looked for)
    left_out    findings that rank lower than those shown
    """

    found: tuple[Finding, ...]
    looked: pd.DataFrame
    left_out: int
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per finding."""
        rows = [{name: getattr(f, name) for name in COLUMNS} | {"features": ", ".join(f.features)} for f in self.found]
        return pd.DataFrame(rows, columns=COLUMNS)

    def records(self) -> list[dict[str, Any]]:
        """Give one dictionary per finding, as the command line's JSON holds it: None for what is not known."""
        out = []
        for f in self.found:
            record = {name: getattr(f, name) for name in COLUMNS} | {"features": list(f.features)}
            out.append({k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()})
        return out

    def more(self) -> Mapping[str, Any]:
        """Give the findings one by one, and what was looked at."""
        return {"findings": self.records(), "looked": self.looked.to_dict("records")}

    def text(self) -> str:
        """Give the list in plain words, a paragraph a finding, then what was looked at."""
        told: list[str] = []
        advised: dict[str, int] = {}
        for i, f in enumerate(self.found, 1):
            rows = f" Rows: {visible(f.where, keep='')}." if f.where else ""
            before = advised.setdefault(f.advice, i)
            advice = f.advice if before == i else f"as for {before}."
            told.append(
                f"{i}. [{f.severity}] {visible(f.sentence, keep='')}.{rows}\n   What to do: {advice} (shown by {f.evidence})"
            )
        return "\n\n".join(
            [*told, "\n".join(["Looked at:", *(f"- {visible(line, keep='')}" for line in self.looked_at())])]
        )

    def looked_at(self) -> list[str]:
        """Give a line per analysis asked: what it looked for, on how many rows, what came of it, and what of it cannot be told."""
        lines = []
        for row in self.looked.to_dict("records"):
            came = f"{rows_text(row['rows'])}, {row['found'] or 'nothing'} found" if row["ran"] else "not run"
            came += f", {row['note']}" if row["note"] else ""
            lines.append(f"{row['title']} ({row['question']}): {came}")
        return lines

    def opening(self) -> str:
        """Say how many findings need a look, and how much was looked at; the findings themselves stand below."""
        ran = self.looked["ran"]
        fewer = int((self.looked["rows"][ran] < self.source.rows).sum())
        sample = f" ({fewer} of them on a sample)" if fewer else ""
        about = f"{int(ran.sum())} of {len(self.looked)} checks ran, on {rows_text(self.source.rows)}{sample}"
        about = about if ran.all() else f"Only {about}"
        if not self.found:
            return f"Nothing was found. {about}; below stands what was looked at."
        known = sum(f.severity == "low" for f in self.found)
        first = len(self.found) - known
        look = f"{_things(first)} {'needs' if first == 1 else 'need'} a look, most harmful first"
        if not first:
            look = "Nothing that needs a look was found"
        good = f"; {_things(known)} {'is' if known == 1 else 'are'} good to know" if known else ""
        rest = f" {self.left_out} more of lower rank are not shown." if self.left_out else ""
        return f"{look}{good}. {about}.{rest}"

    def sentence(self) -> str:
        """Say how many findings there are and the first; or that nothing was found, and what was looked at."""
        ran = self.looked[self.looked["ran"]]
        about = f"{len(ran)} check{'' if len(ran) == 1 else 's'} of {rows_text(self.source.rows)}"
        not_run = len(self.looked) - len(ran)
        more = f" {not_run} gave no answer; the table of what was looked at says why." if not_run else ""
        if not self.found:
            return f"Nothing was found by {about}: {', '.join(ran['title']).lower()}.{more}"
        count = {s: sum(f.severity == s for f in self.found) for s in SEVERITIES}
        parts = ", ".join(f"{n} {s}" for s, n in count.items() if n)
        rest = f" {self.left_out} more of lower rank are not shown." if self.left_out else ""
        return f"{len(self.found)} finding{'' if len(self.found) == 1 else 's'} ({parts}) from {about}. First: {self.found[0].sentence}.{rest}{more}"


def _things(n: int) -> str:
    return "1 thing" if n == 1 else f"{n} things"


def findings(ev: Evaluation, *, budget: float = 30.0, most: int = MOST, progress: Progress | None = None) -> Findings:
    """Ask every analysis that can find something.

    Parameters
    ----------
    ev : Evaluation
    budget : float
        Seconds for all of it. What is cheap runs first; each gets an equal share of what is left, and what does not fit is listed as not run.
    most : int
        Findings shown at most.

    Notes
    -----
    Each analysis adjusts its p-values over what it looked at; here they are multiplied by the number of analyses that ran (Bonferroni),
    and findings above 5 % are dropped. Where the operating threshold was moved (``with_threshold``), what would ask the model anew is not
    run, and listed so: what is found then follows from the answers there are. Findings without a test (counts of duplicates, say) stand by themselves.
    """
    budget = checked_seconds(budget)
    most = whole(most, "most", 1)
    asked = sorted(
        (a for a in analyses().values() if a.find and ev.task in a.tasks and lacking(ev, a) is None),
        key=lambda a: (_COST[a.cost], a.order),
    )
    ends = time.monotonic() + budget
    found: list[list[Finding]] = []
    looked = []
    for i, analysis in enumerate(asked):
        tell(progress, i / len(asked), f"looking: {analysis.title.lower()}")
        here = span(progress, i / len(asked), (i + 1) / len(asked))
        given = Budget(
            max(ends - time.monotonic(), 0.0) / (len(asked) - i),
            rows=int(np.clip(ROWS_A_SECOND * budget / len(asked), FEWEST_ROWS, MOST_ROWS)),
            progress=here,
        )
        part, note, rows = _ask(ev, analysis, given)
        found.append(part or [])
        looked.append(
            {
                "analysis": analysis.name,
                "title": analysis.title,
                "question": analysis.question,
                "ran": part is not None,
                "rows": rows,
                "found": 0,
                "note": note,
            }
        )
    tested = sum(bool(one["ran"]) for one in looked)
    over_all = [[replace(f, p_adjusted=min(f.p_adjusted * tested, 1.0)) for f in part] for part in found]
    for one, part in zip(looked, over_all):
        one["found"] = sum(not f.p_adjusted > ALPHA for f in part)
    ranked = boiled_down([f for part in over_all for f in part], _rows_by_condition(ev))
    tell(progress, 1.0, "looking")
    table = pd.DataFrame(looked, columns=["analysis", "title", "ran", "rows", "found", "note", "question"])
    settings = {"budget": budget, "most": most}
    return Findings(
        found=tuple(ranked[:most]),
        looked=table,
        left_out=max(len(ranked) - most, 0),
        source=ev.source,
        settings=settings,
    )


def _ask(ev: Evaluation, analysis: Analysis, budget: Budget) -> tuple[list[Finding] | None, str, int]:
    """Run one ``find``; give its findings (None: not run), a note, and the rows it had."""
    if not budget.seconds > 0:
        return None, "the budget had run out", 0
    if analysis.asks_model and ev.threshold_moved:
        return None, "the threshold was moved, and this would ask the model anew; its page does", 0
    module, _, name = str(analysis.find).partition(":")
    find: Callable[[Evaluation, Budget], list[Finding]] = getattr(importlib.import_module(module), name)
    try:
        found = list(find(ev, budget))
    except NotApplicable as answer:
        return None, f"cannot say: {answer.reason}", 0
    except InputError as error:  # a model that refuses rows it is asked about anew: the rest is still told
        return None, f"it ended early: {' '.join(str(error).split())}", 0
    return found, budget.note, ev.n if budget.used is None else budget.used


def _rows_by_condition(ev: Evaluation) -> Callable[[str], np.ndarray]:
    """Give a function from a condition to the mask of its rows, each run once."""
    known: dict[str, np.ndarray] = {}

    def rows(where: str) -> np.ndarray:
        if where not in known:
            known[where] = np.isin(ev.rows, ev.where(where).rows)
        return known[where]

    return rows


def boiled_down(found: Sequence[Finding], rows: Callable[[str], np.ndarray] | None = None) -> list[Finding]:
    """Rank findings, drop those that chance explains, and of those that say the same keep the first.

    The same is said by two of one kind about the same columns or about mostly the same rows (Jaccard, where ``rows`` gives the mask of a
    condition), and by any two with one condition.
    """
    sure = [f for f in found if not f.p_adjusted > ALPHA]
    ranked = sorted(sure, key=lambda f: (SEVERITIES.index(f.severity), -np.nan_to_num(f.harm), f.sentence))
    seen: set[tuple[Any, ...]] = set()
    masks: dict[str, list[np.ndarray]] = {}
    out = []
    for f in ranked:
        keys = {(f.kind, f.where, f.features)} | ({("rows", f.where)} if f.where else set())
        mask = rows(f.where) if rows and f.where else None
        others = masks.setdefault(f.kind, [])
        if keys & seen or (mask is not None and any(_alike(mask, other) for other in others)):
            continue
        seen |= keys
        if mask is not None:
            others.append(mask)
        out.append(f)
    return out


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return int((one & other).sum()) > ALIKE * max(int((one | other).sum()), 1)
