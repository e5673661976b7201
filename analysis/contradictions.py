"""Constraints that cannot all hold: which rules contradict each other, and where each of them was given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from modelglass.analysis.constraints import ColumnRule, Constraints, Together, number_text
from modelglass.analysis.errors import InputError
from modelglass.analysis.possible import OPERATIONS

LOOSE = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Origins:
    """Where rules were given: of (column, key) and of links (by id) file and line; what is not in it the data show, or was given before."""

    columns: dict[tuple[str, str], str] = field(default_factory=dict)
    links: dict[int, str] = field(default_factory=dict)

    def of(self, rule: ColumnRule, key: str) -> str:
        """Say where a rule of a column comes from."""
        before = any(key in part.removeprefix("given: ").split(", ") for part in rule.how.split("; ") if part.startswith("given: "))  # fmt: skip
        return self.columns.get((rule.name, key)) or ("given before" if before else "as the data show")

    def of_link(self, link: Together) -> str:
        """Say where a link comes from."""
        return self.links.get(id(link)) or ("given before" if link.how == "given" else "on all rows of the data")


def check(made: Constraints, origins: Origins | None = None) -> None:
    """Refuse rules that contradict each other; say which, and the line of each."""
    told = origins or Origins()
    for rule in made.columns.values():
        if rule.kind == "number":
            _alone(rule, told)
    for link in made.together:
        {"sum": _sum, "order": _order, "derived": _derived, "apart": _apart}[link.kind](link, made.columns, told)
    _between(made.together, told)


def _end(rule: ColumnRule, key: str, told: Origins) -> str:
    return f"{key} {number_text(rule, getattr(rule, key))} of {rule.name!r} ({told.of(rule, key)})"


def _alone(rule: ColumnRule, told: Origins) -> None:
    if rule.low > rule.high:
        raise _contradiction([_end(rule, "low", told), f"is above its {_end(rule, 'high', told)}"], "Exchange them, or write immutable: true.")  # fmt: skip
    if not rule.step or not np.isfinite([rule.low, rule.high]).all():
        return
    first = rule.origin + np.ceil((rule.low - rule.origin) / rule.step - LOOSE) * rule.step
    if first > rule.high + LOOSE * rule.step:
        raise _contradiction(
            [
                f"no step of {rule.step:g} of {rule.name!r} ({told.of(rule, 'step')}) lies between its",
                f"{_end(rule, 'low', told)} and {_end(rule, 'high', told)}",
            ],
            "Widen the range, or make the step smaller.",
        )


def _sum(link: Together, columns: Mapping[str, ColumnRule], told: Origins) -> None:
    rules = [columns[c] for c in link.columns]
    ends = [abs(v) for r in rules for v in (r.low, r.high) if np.isfinite(v)]
    for key, total, beyond in (("low", sum(r.low for r in rules), 1), ("high", sum(r.high for r in rules), -1)):
        if beyond * (total - link.value) > LOOSE * max(abs(link.value), *ends, 1e-300):
            which = ", ".join(_end(r, key, told) for r in rules)
            low, high = sum(r.low for r in rules), sum(r.high for r in rules)
            raise _contradiction(
                [f"{link.text()} ({told.of_link(link)}), but their ranges allow only sums from {low:g} to {high:g}:", which],
                "Widen the ranges, or take the sum out.",
            )  # fmt: skip


def _order(link: Together, columns: Mapping[str, ColumnRule], told: Origins) -> None:
    for a, b in itertools.combinations([columns[c] for c in link.columns], 2):
        if a.low > b.high:
            raise _contradiction(
                [
                    f"{link.text()} ({told.of_link(link)}), but {a.name!r} starts where {b.name!r} has ended:",
                    f"{_end(a, 'low', told)}, {_end(b, 'high', told)}",
                ],
                "Widen a range, or take the order out.",
            )


def _derived(link: Together, columns: Mapping[str, ColumnRule], told: Origins) -> None:
    """Refuse a rule of a derived column that no allowed value of its sources leads to."""
    last = columns[link.columns[-1]]
    if link.by == "table":
        source = columns[link.columns[0]]
        reached = [b for a, b in link.table.items() if _allows(source, a)]
        if reached and not any(_allows(last, b) for b in reached):
            key = "levels" if last.kind == "levels" else "low" if max(reached) < last.low else "high"
            raise _unreached(link, last, (key,), told)
        return
    ends = [(columns[c].low, columns[c].high) for c in link.columns[:-1]]
    if not np.isfinite(ends).all() or (link.by == "ratio" and ends[1][0] <= 0 <= ends[1][1]):
        return
    with np.errstate(all="ignore"):
        corners = [_of(link)(*corner) for corner in itertools.product(*ends)]
    edge = link.within + last.step + 1e-6 * max(map(abs, corners))
    keys = [k for k, out in (("low", max(corners) < last.low - edge), ("high", min(corners) > last.high + edge)) if out]
    if keys:
        raise _unreached(link, last, keys, told)


def _apart(link: Together, columns: Mapping[str, ColumnRule], told: Origins) -> None:
    a, b = (columns[c] for c in link.columns)
    if all(y in link.table.get(x, ()) for x in a.levels for y in b.levels):
        ends = ", ".join(f"levels of {r.name!r} ({told.of(r, 'levels')})" for r in (a, b))
        raise _contradiction(
            [f"{link.text()} ({told.of_link(link)}), and no others are allowed:", ends],
            f"Allow more levels, or write {{apart: [{a.name}, {b.name}], never: {{}}}} to let them stand together.",
        )


def _of(link: Together) -> Callable[..., float]:
    return (lambda x: link.value * x + link.shift) if link.by == "line" else OPERATIONS[link.by]


def _allows(rule: ColumnRule, value: object) -> bool:
    """Whether a rule allows a raw value, its direction and steps aside; missing ones always."""
    if value != value or value is None:
        return True
    if rule.kind == "levels":
        return value in rule.levels
    return rule.kind != "number" or rule.dates or bool(rule.low <= float(value) <= rule.high)  # type: ignore[arg-type]


def _unreached(link: Together, last: ColumnRule, keys: Sequence[str], told: Origins) -> InputError:
    ends = ", ".join(f"levels of {last.name!r} ({told.of(last, k)})" if k == "levels" else _end(last, k, told) for k in keys)  # fmt: skip
    return _contradiction(
        [
            f"{link.text()} ({told.of_link(link)}), but what is allowed there leads to nothing that is allowed here:",
            ends,
        ],
        f"Change what is allowed in {last.name!r} or in what it follows from, or take the link out.",
    )


def _between(links: Sequence[Together], told: Origins) -> None:
    """Refuse links that contradict each other: two sums of the same columns, two orders, two sources, and circles."""
    for one, other in itertools.combinations(links, 2):
        same = one.kind == other.kind == "sum" and set(one.columns) == set(other.columns) and one.value != other.value
        turned = one.kind == other.kind == "order" and any(
            (b, a) in list(itertools.combinations(other.columns, 2)) for a, b in itertools.combinations(one.columns, 2)
        )
        twice = one.kind == other.kind == "derived" and one.columns[-1] == other.columns[-1]
        if same or turned or twice:
            raise _contradiction([f"{_named(one, told)} and {_named(other, told)}"], "Take one of them out.")
    follows = {t.columns[-1]: t for t in links if t.kind == "derived"}
    for name in follows:
        circle = _circle(name, follows)
        if circle:
            by = ", ".join(_named(t, told) for t in circle)
            raise _contradiction([f"{name!r} follows from itself, by {by}"], "Take one of them out.")


def _named(link: Together, told: Origins) -> str:
    return f"{link.text()} ({told.of_link(link)})"


def _circle(name: str, follows: Mapping[str, Together]) -> list[Together]:
    """Give the links by which a column follows from itself; [] where it does not."""
    paths = [[follows[name]]]
    seen: set[str] = set()
    while paths:
        path = paths.pop()
        for source in path[-1].columns[:-1]:
            if source == name:
                return path
            if source in follows and source not in seen:
                seen.add(source)
                paths.append([*path, follows[source]])
    return []


def _contradiction(parts: Sequence[str], todo: str) -> InputError:
    return InputError("Expected constraints that can all hold.", f"These contradict each other: {' '.join(parts)}.", todo)  # fmt: skip
