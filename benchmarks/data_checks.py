"""How often do the data checks cry wolf, and what do they find? Simulated and real tables, through the code that is shipped.

Clean tables: 4 to 12 columns of 31 kinds (normal, skewed, heavy tails, small counts, zero inflated, rounded, heaped, capped, seasonal, wandering,
growing; categories with rare levels), 400 to 8,000 rows, half of them with a column of times, two in three with training rows; the outcome depends
on four of the columns. Real tables: random halves of adult, diamonds and Beijing (as "training" and "these" rows). Planted: one defect of each kind
into such a table of 600 to 4,000 rows with times, at two strengths. Run: ``python benchmarks/data_checks.py [--sets N] [--planted N] [--speed]``.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.checked_data import CheckedData, of_frame
from modelglass.analysis.data_checks import CHECKS, DataChecks, measure
from modelglass.analysis.errors import NotApplicable

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
Column = Callable[[np.random.Generator, int, np.ndarray], np.ndarray]


def _season(t: np.ndarray) -> np.ndarray:
    return np.sin(6 * np.pi * t)


def _walk(rng: np.random.Generator, n: int, t: np.ndarray) -> np.ndarray:
    return 3 * (np.cumsum(rng.normal(size=n)) / np.sqrt(n))[np.argsort(np.argsort(t))] + 0.3 * rng.normal(size=n)


_ZIPF = 1 / np.arange(1, 13) ** 1.6
COLUMNS: dict[str, Column] = {
    "normal": lambda r, n, t: r.normal(size=n),
    "seasonal": lambda r, n, t: r.normal(size=n) * 0.5 + _season(t),
    "wandering": _walk,
    "growing": lambda r, n, t: np.exp(2 * t + 0.3 * r.normal(size=n)),
    "lognormal": lambda r, n, t: np.exp(r.normal(size=n)),
    "lognormal, sigma 2": lambda r, n, t: np.exp(2 * r.normal(size=n)),
    "money": lambda r, n, t: np.round(np.exp(8 + 0.8 * r.normal(size=n))),
    "tens": lambda r, n, t: np.round(300 + 100 * r.normal(size=n), -1),
    "counts": lambda r, n, t: r.poisson(1, n),
    "more counts": lambda r, n, t: r.poisson(8, n),
    "geometric": lambda r, n, t: r.geometric(0.05, n),
    "zero inflated": lambda r, n, t: np.where(r.random(n) < 0.6, 0, np.exp(r.normal(size=n))),
    "zero inflated money": lambda r, n, t: np.where(r.random(n) < 0.9, 0, np.round(np.exp(7 + r.normal(size=n)))),
    "zero or about 50": lambda r, n, t: np.where(r.random(n) < 0.3, 0, 50 + 10 * r.normal(size=n)),
    "rain": lambda r, n, t: np.where((_season(t) > 0.3) & (r.random(n) < 0.4), r.gamma(1, 3, n).round(1), 0),
    "uniform": lambda r, n, t: r.random(n),
    "t with 3 df": lambda r, n, t: r.standard_t(3, n),
    "pareto": lambda r, n, t: r.pareto(1.5, n),
    "share": lambda r, n, t: r.beta(2, 5, n).round(3),
    "months": lambda r, n, t: r.choice([12, 24, 36, 48, 60], n),
    "likert": lambda r, n, t: r.integers(1, 6, n),
    "age": lambda r, n, t: np.clip(np.round(18 + r.gamma(2.6, 9, n)), 18, 90),
    "capped": lambda r, n, t: np.minimum(np.exp(r.normal(size=n)), 8),
    "heaped": lambda r, n, t: np.where(
        r.random(n) < 0.4, np.round(40 + 12 * r.normal(size=n), -1), np.round(40 + 12 * r.normal(size=n))
    ),
    "temperature": lambda r, n, t: np.round(10 * _season(t) + 3 * r.normal(size=n), 1),
    "differences": lambda r, n, t: np.round(3 * r.normal(size=n)),
    "three levels": lambda r, n, t: r.choice(list("abc"), n, p=[0.5, 0.3, 0.2]),
    "rare levels": lambda r, n, t: r.choice([f"l{i}" for i in range(12)], n, p=_ZIPF / _ZIPF.sum()),
    "thirty levels": lambda r, n, t: r.choice([f"r{i}" for i in range(30)], n),
    "flag": lambda r, n, t: r.random(n) < 0.3,
    "five levels": lambda r, n, t: r.choice(list("vwxyz"), n),
}
"""Honest kinds of columns: generator, rows, time of each row in [0, 1]."""


def clean(
    seed: int, n: int | None = None, *, times: bool | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, np.random.Generator]:
    """Draw a clean table and training rows of the same source."""
    rng = np.random.default_rng(seed)
    n = n or int(rng.choice([400, 1000, 3000, 8000]))
    rows, t = 3 * n, rng.random(3 * n)
    kinds = [str(k) for k in rng.choice(list(COLUMNS), int(rng.integers(4, 13)), replace=False)]
    frame = pd.DataFrame({k: COLUMNS[k](rng, rows, t) for k in kinds})
    if rng.random() < 0.5 if times is None else times:
        minutes = pd.to_timedelta((t * 500 * 24 * 60).round(), unit="min")
        frame["when"] = (pd.Timestamp("2023-01-01") + minutes).round(str(rng.choice(["min", "h", "D"])))
    pull = np.zeros(rows)
    for kind in rng.choice(kinds, min(4, len(kinds)), replace=False):
        levels = pd.Series(pd.factorize(frame[kind])[0]) if frame[kind].dtype.kind not in "ifb" else frame[kind]
        pull += 1.5 * rng.normal() * (levels.rank(pct=True).to_numpy() - 0.5)
    task = rng.choice(["binary", "multiclass", "regression"])
    if task == "binary":
        frame["y"] = np.where(rng.random(rows) < 1 / (1 + np.exp(-2 * pull - rng.normal())), "yes", "no")
    elif task == "multiclass":
        noisy = pull + 0.7 * rng.logistic(size=rows)
        frame["y"] = np.array(["a", "b", "c"])[np.digitize(noisy, np.quantile(noisy, [0.3, 0.7]))]
    else:
        values = 2 * pull + rng.normal(size=rows)
        frame["y"] = np.exp(values) if rng.random() < 0.3 else values
    gaps = str(rng.choice(kinds))
    if frame[gaps].dtype != bool:
        frame[gaps] = frame[gaps].where(rng.random(rows) >= 0.05)
    return frame.iloc[:n].reset_index(drop=True), frame.iloc[n:].reset_index(drop=True), rng


def checked(frame: pd.DataFrame, train: pd.DataFrame | None = None) -> CheckedData:
    """Take a table as if a model read all its columns but the times."""
    data = of_frame(frame, "y", train=train)
    reads = tuple(c for c in frame.columns if c != "y" and c not in data.times)
    return replace(data, reads=reads, roles=data.times)


# what is planted -----------------------------------------------------------------------------------------------------

Tables = tuple[pd.DataFrame, pd.DataFrame, str | None]


def _number(frame: pd.DataFrame, rng: np.random.Generator) -> str:
    names = [c for c in frame if c not in ("y", "when") and frame[c].dtype.kind == "f" and frame[c].nunique() > 100]
    if not names:
        frame["added"] = rng.normal(50, 10, len(frame))
        names = ["added"]
    return str(rng.choice(names))


def _period(frame: pd.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    ranks = frame["when"].rank(pct=True).to_numpy()
    start = rng.random() * (1 - share)
    return (ranks >= start) & (ranks <= start + share)


def _again(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
    return pd.concat([ev, ev.sample(frac=0.1 if strong else 0.03, random_state=1)], ignore_index=True), tr, None


def _training_rows(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
    more = tr.sample(int(len(ev) * (0.1 if strong else 0.03)), random_state=1)
    return pd.concat([ev, more], ignore_index=True), tr, None


def _leak(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
    for frame in (ev, tr):
        if frame["y"].dtype.kind == "f":
            frame["later"] = frame["y"] + rng.normal(size=len(frame)) * frame["y"].std() * (0.05 if strong else 0.25)
        else:
            codes = pd.factorize(frame["y"], sort=True)[0].astype(float)
            other = rng.random(len(frame)) < (0.02 if strong else 0.08)
            codes[other] = rng.integers(0, int(codes.max()) + 1, int(other.sum()))
            frame["later"] = codes
    return ev, tr, "later"


def _leak_for_a_while(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
    known = pd.Series(pd.factorize(ev["y"], sort=True)[0]).rank(pct=True).to_numpy() * 4 - 2
    inside = _period(ev, 0.15 if strong else 0.1, rng)
    ev["later"] = np.where(inside, known + 0.1 * rng.normal(size=len(ev)), rng.normal(size=len(ev)))
    return ev, tr.assign(later=rng.normal(size=len(tr))), "later"


def _units(factor: float) -> Callable[..., Tables]:
    def plant(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
        name = _number(ev, rng)
        ev[name] = ev[name] * np.where(_period(ev, 0.2 if strong else 0.08, rng), factor, 1.0)
        return ev, tr, name

    return plant


def _units_of_a_level(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
    name = _number(ev, rng)
    ev["branch"] = rng.choice(["p1", "p2", "p3", "p4"], len(ev), p=[0.4, 0.3, 0.2, 0.1])
    ev[name] = ev[name] * np.where(ev["branch"] == ("p3" if strong else "p4"), 100.0, 1.0)
    return ev, tr.assign(branch=rng.choice(["p1", "p2", "p3", "p4"], len(tr))), name


def _constant(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
    name = _number(ev, rng)
    return ev.assign(**{name: ev[name].median()}), tr if strong else tr.drop(columns=[name], errors="ignore"), name


def _frozen(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
    name = _number(ev, rng)
    inside = _period(ev, 0.15 if strong else 0.05, rng)
    ev[name] = ev[name].where(~inside, ev[name].dropna().iloc[0])
    return ev, tr, name


def _gone(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
    name = _number(ev, rng)
    ev[name] = ev[name].where(~_period(ev, 0.15 if strong else 0.05, rng))
    return ev, tr, name


def _code(value: float) -> Callable[..., Tables]:
    def plant(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
        name = _number(ev, rng)
        for frame in (ev, tr):
            if name in frame:
                frame[name] = frame[name].where(rng.random(len(frame)) >= (0.1 if strong else 0.02), value)
        return ev, tr, name

    return plant


def _rare_level(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
    shares = [0.332, 0.332, 0.331, 0.005] if strong else [0.33, 0.33, 0.33, 0.01]
    for frame in (ev, tr):
        frame["branch"] = rng.choice(["p1", "p2", "p3", "p4"], len(frame), p=shares)
    return ev, tr, "branch"


def _new_level(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
    share = 0.1 if strong else 0.03
    ev["branch"] = rng.choice(["p1", "p2", "p3", "p4"], len(ev), p=[(1 - share) / 3] * 3 + [share])
    return ev, tr.assign(branch=rng.choice(["p1", "p2", "p3"], len(tr))), "branch"


def _shuffled(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
    for frame in (ev, tr):
        known = pd.Series(pd.factorize(frame["y"], sort=True)[0]).rank(pct=True).to_numpy()
        frame["joined"] = 3 * known + 0.6 * rng.normal(size=len(frame))
    inside = _period(ev, 0.2 if strong else 0.1, rng)
    ev.loc[inside, "joined"] = rng.permutation(ev.loc[inside, "joined"].to_numpy())
    return ev, tr, "joined"


def _contradiction(ev: pd.DataFrame, tr: pd.DataFrame, rng: np.random.Generator, strong: bool) -> Tables:
    more = ev.sample(frac=0.1 if strong else 0.03, random_state=1)
    more["y"] = rng.permutation(more["y"].to_numpy())
    return pd.concat([ev, more], ignore_index=True), tr, None


PLANTED: dict[str, tuple[Callable[..., Tables], tuple[str, ...]]] = {
    "rows loaded twice": (_again, ("duplicates",)),
    "rows with other outcomes": (_contradiction, ("conflicting_rows",)),
    "training rows": (_training_rows, ("train_overlap",)),
    "leaked column": (_leak, ("leak",)),
    "leak in one period": (_leak_for_a_while, ("local_leak", "leak")),
    "x100 in one period": (_units(100.0), ("unit_change", "scale_break")),
    "x0.001 in one period": (_units(0.001), ("unit_change", "scale_break")),
    "x10 in one period": (_units(10.0), ("unit_change", "scale_break")),
    "x2.2 in one period": (_units(2.2046), ("unit_change", "scale_break")),
    "x100 in one level": (_units_of_a_level, ("unit_change",)),
    "constant column": (_constant, ("constant_column",)),
    "frozen in one period": (_frozen, ("frozen_column",)),
    "missing in one period": (_gone, ("gap",)),
    "code -1": (_code(-1.0), ("missing_code",)),
    "code 99": (_code(99.0), ("missing_code",)),
    "code 999": (_code(999.0), ("missing_code",)),
    "code -999": (_code(-999.0), ("missing_code",)),
    "rare level": (_rare_level, ("rare_level", "few_rows")),
    "new level": (_new_level, ("new_levels",)),
    "shuffled in one period": (_shuffled, ("lost_link",)),
}


# tables of results ---------------------------------------------------------------------------------------------------


def false_alarms(sets: int) -> None:
    """Print the share of clean tables with a finding of each severity, by check, and of any."""
    counts: Counter[tuple[str, str]] = Counter()
    anything: Counter[str] = Counter()
    for seed in range(sets):
        frame, train, _ = clean(seed)
        result = measure(checked(frame, None if seed % 3 == 0 else train))
        _count(result, counts, anything)
    _print_alarms(f"Clean tables ({sets:,})", sets, counts, anything)


def _count(result: DataChecks, counts: Counter[tuple[str, str]], anything: Counter[str]) -> None:
    table = result.frame()
    found = table[table["outcome"] == "found"]
    counts.update(set(zip(found["check"], found["severity"])))
    anything.update(set(found["severity"]))


def _print_alarms(title: str, sets: int, counts: Counter[tuple[str, str]], anything: Counter[str]) -> None:
    print(f"\n{title}\n\n| check | high | medium | low |\n|---|---|---|---|")
    for check in [*CHECKS, "any"]:
        shares = [
            (anything[s] if check == "any" else counts[check, s]) / max(sets, 1) for s in ("high", "medium", "low")
        ]
        if check == "any" or any(shares):
            print(f"| {check} | " + " | ".join(f"{100 * s:.1f} %" for s in shares) + " |")
    quiet = [c for c in CHECKS if not any(counts[c, s] for s in ("high", "medium", "low"))]
    print(f"\nNothing at all from: {', '.join(quiet)}")


def real(sets: int) -> None:
    """Print what random halves of real tables give."""
    for name, target in (("adult_train", "income"), ("diamonds", "price"), ("beijing_pm25", "pm2.5")):
        if not (SHARED / f"{name}.csv").exists():
            print(f"{name}: not here")
            continue
        whole = pd.read_csv(SHARED / f"{name}.csv").rename(columns={"y": "width", target: "y"}).dropna(subset=["y"])
        if name == "beijing_pm25":
            whole["when"] = pd.to_datetime(whole[["year", "month", "day", "hour"]])
            whole = whole.drop(columns=["No", "year", "day"])
        seen: Counter[tuple[str, str, str]] = Counter()
        for seed in range(sets):
            rows = whole.sample(frac=1, random_state=seed)
            half = len(rows) // 2
            result = measure(checked(rows.iloc[:half].reset_index(drop=True), rows.iloc[half:].reset_index(drop=True)))
            seen.update({(f.kind, f.severity, ", ".join(f.features[:2])) for f in result.found})
        print(
            f"\n{name}, {sets} random halves: "
            + "; ".join(f"{k} ({s}) {c} {n}" for (k, s, c), n in sorted(seen.items()))
        )


def found(sets: int) -> None:
    """Print the share of planted defects that are found, and of these tables that give another finding of high severity."""
    print(
        "\n| planted | stronger: found | as high | weaker: found | as high | other highs |\n|---|---|---|---|---|---|"
    )
    for name, (plant, kinds) in PLANTED.items():
        cells, others = [], 0
        for strong in (True, False):
            hits = highs = 0
            for seed in range(sets):
                frame, train, rng = clean(100_000 + seed, [600, 1500, 4000][seed % 3], times=True)
                frame, train, column = plant(frame, train, rng, strong)
                got = measure(checked(frame, train)).found
                mine = [f for f in got if f.kind in kinds and (column is None or column in f.features)]
                hits += bool(mine)
                highs += any(f.severity == "high" for f in mine)
                others += any(f.severity == "high" and f not in mine for f in got)
            cells += [f"{hits} of {sets}", f"{highs}"]
        print(f"| {name} | " + " | ".join(cells) + f" | {others} |", flush=True)


def speed(n: int = 100_000) -> None:
    """Print processor seconds of each check on n rows and 20 columns, with as many training rows."""
    rng = np.random.default_rng(0)

    def table() -> pd.DataFrame:
        made: dict[str, Any] = {f"x{i}": rng.normal(size=n) for i in range(8)}
        made |= {f"k{i}": rng.poisson(3, n) for i in range(3)}
        made |= {f"l{i}": np.exp(rng.normal(size=n)).round(2) for i in range(3)}
        made |= {f"c{i}": rng.choice([f"a{j}" for j in range(4 + 4 * i)], n) for i in range(5)}
        made["when"] = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 500 * 86_400, n), unit="s")
        return pd.DataFrame(made | {"y": (made["x0"] + rng.normal(size=n) > 0).astype(int)})

    data = checked(table(), table())
    start = time.process_time()
    for name, (_, check) in CHECKS.items():
        began = time.process_time()
        try:
            check(data)
        except NotApplicable:
            continue
        print(f"{name}: {time.process_time() - began:.2f} s")
    print(f"all: {time.process_time() - start:.2f} s of processor, {n:,} rows and 20 columns")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--planted", type=int, default=20)
    parser.add_argument("--real", type=int, default=5)
    parser.add_argument("--speed", action="store_true")
    given = parser.parse_args()
    if given.speed:
        speed()
    else:
        false_alarms(given.sets)
        real(given.real)
        found(given.planted)
