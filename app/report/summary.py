"""The report's first page: findings, headline metrics, the worst slices, what could not be said. Picked, not computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from modelglass.analysis.finding import Finding
from modelglass.analysis.findings import Findings
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import shown
from modelglass.analysis.result import Result
from modelglass.analysis.slices import Slices
from modelglass.app.report.sections import Group

CARDS = 9
WORST = 5


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Card:
    """One headline metric: text as shown; ``bar``: low, estimate and high on 0 to 100, or None."""

    name: str
    label: str
    help: str
    estimate: str
    interval: str
    exact: str
    n: str
    bar: tuple[float, float, float] | None


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Worst:
    """One slice whose interval lies wholly on the wrong side of the value for all rows."""

    columns: str
    slice: str
    where: str
    metric: str
    estimate: str
    interval: str
    overall: str
    n: str


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Summary:
    """What stands on the first page; ``found_by`` says what looked for findings, empty where nothing did."""

    cards: Sequence[Card]
    found: Sequence[Finding]
    found_by: str
    worst: Sequence[Worst]
    looked_at: int
    worst_of: str
    unsaid: Sequence[tuple[str, str, str]]
    left_out: Sequence[str]


def summary(groups: Sequence[Group]) -> Summary:
    """Pick what stands on the first page from the results of the sections."""
    worst, looked_at, metric = _worst(_result(groups, "slice_metrics"))
    performance = _result(groups, "performance")
    found = _result(groups, "findings")
    sections = [s for g in groups for s in g.sections]
    return Summary(
        cards=_cards(performance.frame()) if performance is not None else [],
        found=found.found if isinstance(found, Findings) else (),
        found_by=_looked(found) if isinstance(found, Findings) else "",
        worst=worst,
        looked_at=looked_at,
        worst_of=metric,
        unsaid=[
            (s.analysis.name, s.analysis.title + (f" ({b.label})" if b.label else ""), b.reason)
            for s in sections
            for b in s.blocks
            if b.reason
        ],
        left_out=[s.analysis.title for s in sections if not s.blocks],
    )


def _looked(found: Findings) -> str:
    """Name the checks that ran, and how many did not."""
    ran = found.looked["ran"].to_numpy(bool)
    names = ", ".join(found.looked["title"][ran].str.lower()) or "nothing"
    not_run = f"; {(~ran).sum()} more gave no answer" if not ran.all() else ""
    return f"{names}{not_run}"


def _result(groups: Sequence[Group], name: str) -> Result | None:
    """Give the result of an analysis for all rows; None where it is not there."""
    found = [s.outcomes[0].result for g in groups for s in g.sections if s.analysis.name == name and s.outcomes]
    return found[0] if found else None


def _cards(frame: pd.DataFrame) -> list[Card]:
    if not {"metric", "estimate", "low", "high"} <= set(frame.columns):
        return []
    known = frame[frame["estimate"].notna()].drop_duplicates("metric").head(CARDS)
    return [_card(row) for row in known.to_dict("records")]


def _card(row: dict) -> Card:
    metric = METRICS.get(str(row["metric"]))
    low, high = metric.range if metric else (float("-inf"), float("inf"))
    bar = None
    if high - low == 1 and pd.notna(row["low"]) and pd.notna(row["high"]):
        bar = (100 * float(row["low"]), 100 * float(row["estimate"]), 100 * float(row["high"]))
    return Card(
        name=str(row["metric"]),
        label=str(row.get("label") or row["metric"]),
        help=metric.describe if metric else "",
        estimate=shown(row["estimate"]),
        exact=repr(float(row["estimate"])),
        interval=_interval(row),
        n=f"{row['n']:,}" if "n" in row else "",
        bar=bar,
    )


def _interval(row: dict) -> str:
    if pd.isna(row["low"]) or pd.isna(row["high"]):
        return "no interval"
    return f"{shown(row['low'])} to {shown(row['high'])}"


def _worst(result: Result | None) -> tuple[list[Worst], int, str]:
    """Pick the slices whose whole interval is worse than all rows, for the first metric with a direction."""
    if not isinstance(result, Slices):
        return [], 0, ""
    for name in dict.fromkeys(result.table["metric"]):
        better, overall = result.better[str(name)], result.overall.get(name)
        if better is None or overall is None or pd.isna(overall):
            continue
        cells = result.worst(name)
        wrong = cells["high"] < overall if better else cells["low"] > overall
        picked = cells[wrong].head(WORST).to_dict("records")
        label = result.labels[str(name)]
        return (
            [
                Worst(
                    columns=str(r["columns"]),
                    slice=str(r["slice"]),
                    where=str(r["where"] or ""),
                    metric=label,
                    estimate=shown(r["estimate"]),
                    interval=_interval(r),
                    overall=shown(overall),
                    n=f"{r['n']:,}",
                )
                for r in picked
            ],
            len(cells),
            label,
        )
    return [], 0, ""
