"""Is anything wrong with the data? One list of checks: what was looked at, what was found, and what could not be looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.checked_data import CheckedData, Hit, of_evaluation, of_frame
from modelglass.analysis.checks_codes import check_codes
from modelglass.analysis.checks_columns import check_constants, check_frozen, check_identifiers, check_texts
from modelglass.analysis.checks_labels import check_classes, check_levels, check_missing_outcomes, check_shares
from modelglass.analysis.checks_leaks import check_leaks, check_sure_levels, check_telling_gaps
from modelglass.analysis.checks_local_leaks import check_local_leaks
from modelglass.analysis.checks_near import check_near
from modelglass.analysis.checks_noise import check_noise
from modelglass.analysis.checks_periods import check_periods
from modelglass.analysis.checks_rows import check_conflicts, check_duplicates, check_overlap
from modelglass.analysis.checks_scores import check_scores
from modelglass.analysis.checks_shift import check_shift
from modelglass.analysis.checks_training import check_training
from modelglass.analysis.checks_units import check_units
from modelglass.analysis.errors import NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.finding import SEVERITIES, Budget, Finding
from modelglass.analysis.given import names, whole
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ROWS = 20_000
MOST_OF_A_CHECK = 4
"""More things of one check than this are said in one line."""
COLUMNS = [
    "check",
    "title",
    "outcome",
    "severity",
    "said",
    "where",
    "columns",
    "estimate",
    "low",
    "high",
    "n",
    "p_adjusted",
    "advice",
]
Check = Callable[[CheckedData], list[Hit]]
CHECKS: Mapping[str, tuple[str, Check]] = {
    "duplicates": ("Rows that repeat", check_duplicates),
    "near": ("Rows that nearly repeat", check_near),
    "conflicts": ("Equal rows with other outcomes", check_conflicts),
    "overlap": ("Rows of the training data", check_overlap),
    "leaks": ("Columns that know the outcome", check_leaks),
    "sure_levels": ("Levels sure of the outcome", check_sure_levels),
    "gaps_tell": ("Gaps that know the outcome", check_telling_gaps),
    "local_leaks": ("Columns that know it in one place", check_local_leaks),
    "constants": ("Constant and empty columns", check_constants),
    "frozen": ("Columns that freeze", check_frozen),
    "units": ("Changes of unit", check_units),
    "periods": ("Times unlike the others", check_periods),
    "codes": ("Codes read as numbers", check_codes),
    "texts": ("Mixed and twice-written texts", check_texts),
    "identifiers": ("Identifiers as inputs", check_identifiers),
    "training": ("Values not seen in training", check_training),
    "shift": ("Columns beside training", check_shift),
    "shares": ("Outcomes beside training", check_shares),
    "noise": ("Outcomes noisier than in training", check_noise),
    "missing_outcomes": ("Missing outcomes", check_missing_outcomes),
    "classes": ("Rare classes", check_classes),
    "levels": ("Rare levels", check_levels),
    "scores": ("Saturated scores", check_scores),
}
"""Every check: its title and what runs it."""
_INSTEAD = {
    "period_break": ("unit_change", "scale_break", "frozen_column", "gap"),
    "scale_break": ("missing_code",),
    "outside_training": ("unit_change", "missing_code", "scale_break"),
    "filled_value": ("frozen_column",),
    "column_shift": (
        "unit_change",
        "missing_code",
        "scale_break",
        "frozen_column",
        "constant_column",
        "period_break",
        "filled_value",
        "scarce_in_training",
    ),
    "telling_gap": ("leak", "local_leak"),
    "conflicting_rows": (),
    "sure_level": ("leak", "local_leak"),
    "local_leak": ("leak",),
}
"""A kind that is left out for columns of which one of the other kinds was found, which says it better."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class DataChecks(Result):
    """What was looked at, and what was found.

    checks      one row per check: check, title, outcome ("found", "nothing", "cannot say"), severity (the worst found, or ""), found
                (number of things), said (the worst of them, or why it cannot be said)
    found       the things found, worst first
    rows        for each of ``found`` the row numbers (as in the data read) it concerns; empty where it concerns columns
    n           rows that were checked
    """

    checks: pd.DataFrame
    found: tuple[Finding, ...]
    rows: tuple[np.ndarray, ...]
    n: int
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row for each thing found, worst first, then one for each check that found nothing or cannot say."""
        titles = dict(zip(self.checks["check"], self.checks["title"]))
        names = {f: c for c, found in self.settings["by_check"].items() for f in found}
        made = [
            {
                "check": names[i],
                "title": titles[names[i]],
                "outcome": "found",
                "said": f.sentence,
                "columns": ", ".join(f.features),
            }
            | {
                name: getattr(f, name)
                for name in ("severity", "where", "estimate", "low", "high", "n", "p_adjusted", "advice")
            }
            for i, f in enumerate(self.found)
        ]
        quiet = self.checks[self.checks["outcome"] != "found"]
        made += [
            {
                "check": r["check"],
                "title": r["title"],
                "outcome": r["outcome"],
                "said": r["said"],
                "severity": "",
                "n": self.n,
            }
            for r in quiet.to_dict("records")
        ]
        return pd.DataFrame(made, columns=COLUMNS)

    def sentence(self) -> str:
        """Say how much was found and the worst; or that nothing was, and by how many checks."""
        ran = int((self.checks["outcome"] != "cannot say").sum())
        silent = len(self.checks) - ran
        more = f" {silent} cannot say; the table says why." if silent else ""
        about = f"{ran} checks of {rows_text(self.n)}"
        if not self.found:
            return f"{about} found nothing wrong with the data.{more}"
        counts = [f"{n} {s}" for s in SEVERITIES if (n := sum(f.severity == s for f in self.found))]
        things = "1 thing" if len(self.found) == 1 else f"{len(self.found)} things"
        return f"{about} found {things} ({', '.join(counts)}). First: {self.found[0].sentence}.{more}"


def data_checks(
    ev: Evaluation,
    *,
    checks: list[str] | tuple[str, ...] | None = None,
    rows: int = ROWS,
    progress: Progress | None = None,
) -> DataChecks:
    """Look for what is wrong with the data that a model is judged on; the model is not asked.

    Parameters
    ----------
    ev : Evaluation
        With ``train`` the checks against the training data run too; with a column of times those along time.
    checks : names, optional
        Of ``CHECKS``; all of them without it.
    rows : int
        Rows at most for checks whose work grows with pairs of columns (leaks, units by level), drawn by content. Repeats, codes and
        stretches of time are always looked for in all rows.
    progress : callable, optional
        Called between checks.

    Raises
    ------
    InputError
        An unknown check, or fewer than 100 rows asked for.

    Notes
    -----
    Each check adjusts its p-values for the columns it looked at (Bonferroni or Holm) and tells what is below 1e-4, so that all of
    them together seldom cry wolf; simulated in ``benchmarks/data_checks.py``.
    """
    # Kept, because findings ask for the same and no threshold changes it; made outside of what others wait for
    key = ("data_checks", tuple(checks or ()), rows)
    if key not in ev.keep:
        ev.keep.put(key, measure(of_evaluation(ev, rows), checks=checks, source=ev.source, progress=progress))
    kept: DataChecks = ev.keep(key, lambda: None)
    return replace(kept, source=ev.source)


def measure(
    data: CheckedData | pd.DataFrame,
    *,
    target: str = "",
    checks: list[str] | tuple[str, ...] | None = None,
    source: Source = UNNAMED,
    progress: Progress | None = None,
) -> DataChecks:
    """The same from a frame with its target column, shape (n, m), or from ``CheckedData``.

    >>> table = pd.DataFrame({"age": [*range(20, 80), 999, 999, 999, 999, 999, 999], "y": [0, 1] * 33})
    >>> measure(table, target="y", checks=["codes"]).found[0].where
    '"age" = 999'
    """
    if isinstance(data, pd.DataFrame):
        data = of_frame(data, target)
    chosen = [_known(name) for name in names(checks, "checks")] or list(CHECKS)
    whole(data.rows, "rows", 100)
    hits: list[tuple[str, Hit]] = []
    silent: dict[str, str] = {}
    for i, name in enumerate(chosen):
        title, check = CHECKS[name]
        tell(progress, i / len(chosen), f"checking: {title.lower()}")
        try:
            hits += [(name, h) for h in check(data)]
        except NotApplicable as answer:
            silent[name] = answer.reason
    tell(progress, 1.0, "checking")
    return _result(data, chosen, _kept(hits), silent, source)


def _known(name: str) -> str:
    if name not in CHECKS:
        raise unknown_name("check", str(name), CHECKS)
    return name


def _kept(hits: list[tuple[str, Hit]]) -> list[tuple[str, Hit]]:
    """Leave out what another finding of the same column says better, and all but the worst of many alike; worst first."""
    kinds: dict[str, set[str]] = {}
    for _, h in hits:
        for column in h.finding.features[:1]:
            kinds.setdefault(column, set()).add(h.finding.kind)
    kept = [
        (name, h)
        for name, h in hits
        if not any(set(_INSTEAD.get(h.finding.kind, ())) & kinds.get(c, set()) for c in h.finding.features[:1])
    ]
    kept.sort(
        key=lambda item: (
            SEVERITIES.index(item[1].finding.severity),
            -np.nan_to_num(item[1].finding.harm),
            item[1].finding.sentence,
        )
    )
    counts: dict[str, int] = {}
    out = []
    for name, h in kept:
        counts[h.finding.kind] = counts.get(h.finding.kind, 0) + 1
        if counts[h.finding.kind] <= MOST_OF_A_CHECK:
            out.append((name, h))
    return [_with_rest(item, counts, out) for item in out]


def _with_rest(item: tuple[str, Hit], counts: dict[str, int], out: list[tuple[str, Hit]]) -> tuple[str, Hit]:
    """Say on the last of a kind how many more there are."""
    name, h = item
    more = counts[h.finding.kind] - MOST_OF_A_CHECK
    last = [x for _, x in out if x.finding.kind == h.finding.kind][-1]
    if more <= 0 or last is not h:
        return item
    told = replace(h.finding, sentence=f"{h.finding.sentence} ({more} more like this are not shown)")
    return name, replace(h, finding=told)


def _result(
    data: CheckedData, chosen: list[str], hits: list[tuple[str, Hit]], silent: dict[str, str], source: Source
) -> DataChecks:
    numbers = data.frame.index.to_numpy()
    table = []
    for name in chosen:
        mine = [h.finding for check, h in hits if check == name]
        table.append(
            {
                "check": name,
                "title": CHECKS[name][0],
                "outcome": "cannot say" if name in silent else "found" if mine else "nothing",
                "severity": mine[0].severity if mine else "",
                "found": len(mine),
                "said": mine[0].sentence if mine else silent.get(name, ""),
            }
        )
    by_check = {name: [i for i, (check, _) in enumerate(hits) if check == name] for name in chosen}
    return DataChecks(
        checks=pd.DataFrame(table, columns=["check", "title", "outcome", "severity", "found", "said"]),
        found=tuple(h.finding for _, h in hits),
        rows=tuple(np.array([], dtype=np.int64) if h.places is None else numbers[h.places] for _, h in hits),
        n=data.n,
        source=source,
        settings={"checks": chosen, "rows": data.rows, "by_check": by_check},
    )


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Give what the checks found; leaks are looked for in at most ``budget.rows`` rows."""
    rows = max(min(budget.rows, ROWS), 1_000)
    if ev.n > rows:
        budget.used = rows
    result = data_checks(ev, rows=rows, progress=budget.progress)
    silent = result.checks[result.checks["outcome"] == "cannot say"]
    if len(silent):
        budget.note = (
            f"{len(silent)} of its {len(result.checks)} checks cannot say ({'; '.join(silent['said'].unique())})"
        )
    return list(result.found)
