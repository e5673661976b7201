"""The search of ``find_slices`` beside sliceline 0.3.0 and divexplorer 0.2.6: same codes, losses, depth and fewest rows.

Each side runs in its own process and environment; repeats alternate; medians of wall and processor time, and the process's peak memory.
sliceline: score and answer must be the same (alpha 0.95, k 10). divexplorer has no limit of length in this call and another score: it is told, not compared.

Run: ``python benchmarks/search.py [--rows 100000] [--repeats 3] [--depth 2] [--divexplorer] [--adult PATH]``
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time

import numpy as np

NUMERIC, CATEGORICAL, BINS = 14, 6, 5


def data(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Twenty coded features (14 of 5 bins, 6 of 4 to 9 levels) and 0/1 errors with one bad conjunction of 3 % of the rows."""
    rng = np.random.default_rng(seed)
    numeric = rng.integers(0, BINS, (n, NUMERIC))
    categorical = np.column_stack([rng.choice(k, n, p=rng.dirichlet(np.full(k, 4.0))) for k in (4, 5, 6, 7, 8, 9)])
    codes = np.column_stack([numeric, categorical]).astype(np.int64)
    bad = (codes[:, 14] == 1) & (codes[:, 16] == 2)
    return codes, (rng.random(n) < np.where(bad, 0.76, 0.198)).astype(np.int64)


def adult(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Adult's columns coded by quantile or level, and the errors of the rule "education_num >= 13"."""
    import pandas as pd

    frame = pd.read_csv(path)
    wrong = ((frame["education_num"] >= 13) != (frame["income"] == ">50K")).astype(np.int64)
    coded = []
    for name in frame.columns.drop("income"):
        column = frame[name]
        if column.dtype.kind in "if":
            edges = np.unique(np.quantile(column, [0.2, 0.4, 0.6, 0.8]))
            coded.append(np.searchsorted(edges, column, side="right"))
        else:
            coded.append(pd.factorize(column.astype(object), use_na_sentinel=False)[0])
    return np.column_stack(coded).astype(np.int64), wrong.to_numpy()


def ours(codes: np.ndarray, errors: np.ndarray, depth: int, support: int) -> list[tuple[float, list[tuple[int, int]]]]:
    from modelglass.analysis.search import search

    levels = codes.max(axis=0) + 1
    found = search(
        codes, levels, errors.astype(float), depth=depth, support=support, keep=10, score="sliceline", alpha=0.95
    )
    return [(float(found.score[i]), sorted(found.conditions(i))) for i in range(len(found.n))]


def sliceline(
    codes: np.ndarray, errors: np.ndarray, depth: int, support: int
) -> list[tuple[float, list[tuple[int, int]]]]:
    from sliceline.slicefinder import Slicefinder

    finder = Slicefinder(alpha=0.95, k=10, max_l=depth, min_sup=support, verbose=False).fit(codes + 1, errors)
    out = []
    for slice_, facts in zip(finder.top_slices_, finder.top_slices_statistics_):
        conditions = sorted((j, int(v) - 1) for j, v in enumerate(slice_) if v is not None)
        out.append((float(facts["slice_score"]), conditions))
    return out


def divexplorer(
    codes: np.ndarray, errors: np.ndarray, depth: int, support: int
) -> list[tuple[float, list[tuple[int, int]]]]:
    import pandas as pd
    from divexplorer import DivergenceExplorer

    frame = pd.DataFrame(codes.astype(str), columns=[f"c{j}" for j in range(codes.shape[1])])
    frame["error"] = errors
    explorer = DivergenceExplorer(frame)
    found = explorer.get_pattern_divergence(
        min_support=max(support / len(codes), 0.02), quantitative_outcomes=["error"]
    )
    top = found.sort_values("error_div", ascending=False).head(10)
    return [
        (float(r["error_div"]), sorted((int(i.split("=")[0][1:]), int(i.split("=")[1])) for i in r["itemset"]))
        for _, r in top.iterrows()
    ]


SIDES = {"modelglass": ours, "sliceline": sliceline, "divexplorer": divexplorer}


def one(side: str, rows: int, depth: int, path: str | None) -> dict[str, object]:
    codes, errors = adult(path) if path else data(rows)
    support = max(len(codes) // 100, 1)
    small = slice(0, 2000)
    SIDES[side](codes[small], errors[small], 2, 20)  # imports and compiles
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu = time.perf_counter(), time.process_time()
    top = SIDES[side](codes, errors, depth, support)
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "before": before,
        "top": top,
        "rows": len(codes),
    }


def compare(given: argparse.Namespace) -> None:
    from environments import python_of, run

    pythons = {
        "modelglass": sys.executable,
        "sliceline": python_of("sliceline", "sliceline==0.3.0", "pandas", "scikit-learn"),
    }
    if given.divexplorer:
        pythons["divexplorer"] = python_of("divexplorer", "divexplorer==0.2.6", "pandas<3")
    found: dict[str, list[dict]] = {side: [] for side in pythons}
    for repeat in range(given.repeats):
        for side, python in pythons.items():
            if side == "divexplorer" and repeat:
                continue
            asked = ["--side", side, "--rows", str(given.rows), "--depth", str(given.depth)]
            found[side].append(run(python, "search.py", *asked, *(["--adult", given.adult] if given.adult else [])))
            print(side, {k: v for k, v in found[side][-1].items() if k != "top"}, file=sys.stderr)
    print("| side | rows | depth | wall | processor | peak | peak less that before |\n|---|---|---|---|---|---|---|")
    for side, runs in found.items():
        good = [r for r in runs if "failed" not in r]
        if not good:
            print(f"| {side} | {given.rows:,} | {given.depth} | failed: {runs[0]['failed']} |||")
            continue
        wall, cpu, peak, before = (statistics.median(r[k] for r in good) for k in ("wall", "cpu", "peak", "before"))
        print(
            f"| {side} | {good[0]['rows']:,} | {given.depth} | {wall:.3f} s | {cpu:.3f} s | {peak:.0f} MiB | {peak - before:.0f} MiB |"
        )
    if all(r and "failed" not in r[0] for r in (found["modelglass"], found["sliceline"])):
        a, b = found["modelglass"][0]["top"], found["sliceline"][0]["top"]
        scores = np.allclose([s for s, _ in a], [s for s, _ in b], rtol=1e-9)
        last = round(
            a[-1][0], 9
        )  # slices of equal score may come in any order, and those of the last score may be others
        mine, their = ({(round(s, 9), str(c)) for s, c in top if round(s, 9) != last} for top in (a, b))
        print(f"\nSame scores of the top {len(a)}: {scores}; same slices: {mine == their}; best: {a[0]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--divexplorer", action="store_true")
    parser.add_argument("--adult", default="")
    parser.add_argument("--side", choices=list(SIDES))
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(one(asked.side, asked.rows, asked.depth, asked.adult or None)))
    else:
        compare(asked)
