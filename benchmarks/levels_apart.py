"""How often levels are said to stay apart that may stand together, by the rows that must be expected; and how long it takes.

Made: tables of six columns of 2 to 12 levels (log-normal shares) that go together through three to five kinds of rows, in each of which every level
is likelier or less likely by a log-normal factor of the spread named. Every pair of levels is possible, so every rule is false; what new rows
break is known exactly. Adult: rules learnt from some rows, looked up in all others.

Run: ``python benchmarks/levels_apart.py FOLDER [--tables 400]`` (FOLDER holds adult_train.csv and adult_test.csv)
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
import pandas as pd

from modelglass.analysis import constraints_found, levels_apart
from modelglass.analysis.columns import infer_columns

LEAST = (10.0, 20.0, 50.0, 100.0)
ROWS = (500, 5_000, 50_000)
COLUMNS = 6


def made(rng: np.random.Generator, n: int, spread: float) -> tuple[pd.DataFrame, np.ndarray, list[np.ndarray]]:
    """Give rows of levels, the shares of the kinds of rows, and for each column the shares of its levels in each kind."""
    kinds = rng.dirichlet(np.ones(rng.integers(3, 6)) * 3)
    which, columns, shares = rng.choice(len(kinds), n, p=kinds), {}, []
    for c in range(COLUMNS):
        k = int(rng.integers(2, 13))
        odds = np.exp(rng.normal(size=k) + spread * rng.normal(size=(len(kinds), k)))
        shares.append(odds / odds.sum(axis=1, keepdims=True))
        ends = shares[-1].cumsum(axis=1)[which]
        columns[f"c{c}"] = np.minimum((rng.random(n)[:, None] > ends).sum(axis=1), k - 1).astype(str)
    return pd.DataFrame(columns, dtype=object), kinds, shares


def rules_of(frame: pd.DataFrame, least: float) -> list[constraints_found.Together]:
    levels_apart.FEWEST_EXPECTED = least
    return levels_apart.apart(frame, constraints_found.rules(frame, infer_columns(frame)), [])


def made_tables(tables: int) -> None:
    print("| spread | rows | " + " | ".join(f"{least:.0f} expected" for least in LEAST) + " |")
    print("|---|---|" + "---|" * len(LEAST))
    for spread, n in itertools.product((0.0, 1.0, 1.5, 2.0), ROWS):
        rng, cells = np.random.default_rng(n), []
        drawn = [made(rng, n, spread) for _ in range(tables if n < 50_000 else tables // 4)]
        for least in LEAST:
            some, broken, number = 0, [], 0
            for frame, kinds, shares in drawn:
                found = [(t.columns, p) for t in rules_of(frame, least) for p in t.pairs()]
                some, number = some + bool(found), number + len(found)
                at = [(int(a[1:]), int(x), int(b[1:]), int(y)) for (a, b), (x, y) in found]
                broken.append(sum(float(kinds @ (shares[a][:, x] * shares[b][:, y])) for a, x, b, y in at))
            cells.append(f"{some}/{len(drawn)}, {number / len(drawn):.3g} rules, {np.mean(broken):.2g} of rows")
        print(f"| {spread:g} | {n:,} | {' | '.join(cells)} |", flush=True)


def adult(folder: Path) -> None:
    whole = pd.concat([pd.read_csv(folder / f"adult_{p}.csv", na_values="?") for p in ("train", "test")])
    whole = whole.drop(columns="income").reset_index(drop=True)
    print("\n| rows | " + " | ".join(f"{least:.0f} expected" for least in LEAST) + " |")
    print("|---|" + "---|" * len(LEAST))
    for n in (2_000, 8_000, 24_421):
        rng, cells = np.random.default_rng(n), []
        cuts = [rng.permutation(len(whole)) for _ in range(10)]
        for least in LEAST:
            number, false, broken = [], [], []
            for order in cuts:
                here, others = whole.iloc[order[:n]], whole.iloc[order[n:]]
                pairs = [(t.columns, p) for t in rules_of(here, least) for p in t.pairs()]
                hits = [((others[a] == x) & (others[b] == y)).to_numpy() for (a, b), (x, y) in pairs]
                number.append(len(pairs))
                false.append(sum(h.any() for h in hits))
                broken.append(np.any(hits, axis=0).mean() if hits else 0.0)
            cells.append(f"{np.mean(number):.1f} rules, {np.mean(false):.1f} of them, {np.mean(broken):.2g} of rows")
        print(f"| {n:,} | {' | '.join(cells)} |", flush=True)


def seconds() -> None:
    rng = np.random.default_rng(0)
    print("\n| 50,000 rows of 15 columns | all of constraints | levels apart |\n|---|---|---|")
    for text, levels, words in (("8 of words, 7 of numbers", 8, 8), ("15 of words of 40 levels", 40, 15)):
        frame = pd.DataFrame({f"w{i}": rng.choice(levels, 50_000).astype(str) for i in range(words)}, dtype=object)
        frame = frame.assign(**{f"n{i}": rng.normal(size=50_000).round(2) for i in range(15 - words)})
        columns = infer_columns(frame)
        rules = constraints_found.rules(frame, columns)
        cost = []
        for work in (
            lambda f=frame, c=columns: constraints_found.together(f, constraints_found.rules(f, c)),
            lambda f=frame, r=rules: levels_apart.apart(f, r, []),
        ):
            took = []
            for _ in range(7):
                began = time.process_time()
                work()
                took.append(time.process_time() - began)
            cost.append(f"{1e3 * min(took):.0f} ms")
        print(f"| {text} | {' | '.join(cost)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tables", type=int, default=400)
    given = parser.parse_args()
    least = levels_apart.FEWEST_EXPECTED
    made_tables(given.tables)
    adult(given.folder)
    levels_apart.FEWEST_EXPECTED = least
    seconds()
