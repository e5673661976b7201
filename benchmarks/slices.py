"""slice_metrics with intervals beside fairlearn's MetricFrame without: 6 single and 15 crossed columns, five metrics.

Both sides get the same arrays and group by the same six columns. Repeats alternate; medians are told. fairlearn takes about a
minute at 100,000 rows, so it runs once there unless asked.

Run: ``python benchmarks/slices.py [--rows 10000,100000] [--repeats 5] [--theirs 1]``
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

LEVELS = {"sex": 2, "region": 5, "job": 7, "age": 5, "school": 10, "hours": 9}


def data(n: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            name: rng.choice([f"{name}{i}" for i in range(k)], n, p=rng.dirichlet(np.full(k, 4.0)))
            for name, k in LEVELS.items()
        }
    )
    score = rng.random(n)
    y = (rng.random(n) < score).astype(int)
    return frame, y, (score > 0.5).astype(int), score


def crossings() -> list[tuple[str, ...]]:
    return [(a,) for a in LEVELS] + list(combinations(LEVELS, 2))


def ours(ev) -> pd.DataFrame:
    from modelglass.analysis.slices import slice_metrics

    return slice_metrics(ev, by=crossings(), metrics=["accuracy", "precision", "recall", "fpr", "roc_auc"]).frame()


def theirs(frame: pd.DataFrame, y, predicted, score) -> dict[tuple[str, ...], pd.DataFrame]:
    from fairlearn.metrics import MetricFrame, false_positive_rate
    from sklearn.metrics import accuracy_score, precision_score, recall_score, roc_auc_score

    out = {}
    for columns in crossings():
        labels = MetricFrame(
            metrics={
                "accuracy": accuracy_score,
                "precision": precision_score,
                "recall": recall_score,
                "fpr": false_positive_rate,
            },
            y_true=y,
            y_pred=predicted,
            sensitive_features=frame[list(columns)],
        )
        ranks = MetricFrame(
            metrics={"roc_auc": roc_auc_score}, y_true=y, y_pred=score, sensitive_features=frame[list(columns)]
        )
        out[columns] = labels.by_group.join(ranks.by_group)
    return out


def largest_difference(table: pd.DataFrame, found: dict[tuple[str, ...], pd.DataFrame]) -> float:
    worst = 0.0
    for columns, frame in found.items():
        mine = table[table["columns"] == "*".join(columns)].pivot(index="slice", columns="metric", values="estimate")
        frame.index = [", ".join(k) if isinstance(k, tuple) else k for k in frame.index]
        worst = max(worst, float((mine.loc[frame.index, frame.columns] - frame.astype(float)).abs().max().max()))
    return worst


def timed(call) -> tuple[np.ndarray, object]:
    """Give (wall, processor) seconds and what was made; both sides run on one core, so on a busy machine the second is fairer."""
    began = time.perf_counter(), time.process_time()
    made = call()
    return np.array([time.perf_counter() - began[0], time.process_time() - began[1]]), made


def main() -> None:
    import fairlearn
    import sklearn

    import modelglass.analysis.figures  # noqa: F401
    from modelglass.analysis.evaluation import Evaluation

    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", default="10000,100000")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--theirs", type=int, default=1)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}, scikit-learn {sklearn.__version__}, "
        f"fairlearn {fairlearn.__version__}; {platform.processor() or platform.machine()}\n"
    )
    print(
        "| rows | slices | modelglass, first call | modelglass, with intervals | fairlearn, without | times faster | largest difference |"
    )
    print("|---|---|---|---|---|---|---|")
    print("| | | wall / processor | median, wall / processor | median, wall / processor | wall / processor | |")
    for n in (int(r) for r in args.rows.split(",")):
        frame, y, predicted, score = data(n)
        ev = Evaluation.from_predictions(y, prediction=predicted, score=score, frame=frame, positive=1)
        first, table = timed(partial(ours, ev))
        mine, other, found = [], [], None
        for i in range(args.repeats):
            fresh = Evaluation.from_predictions(y, prediction=predicted, score=score, frame=frame, positive=1)
            for column in LEVELS:
                fresh.coding(
                    column
                )  # made once and kept by every Evaluation, as is its fingerprint; the first call pays for them
            fresh.source  # noqa: B018
            mine.append(timed(partial(ours, fresh))[0])
            if i < args.theirs:
                spent, found = timed(partial(theirs, frame, y, predicted, score))
                other.append(spent)
        a, b = np.median(mine, axis=0), np.median(other, axis=0)
        slices = table[["columns", "slice"]].drop_duplicates().shape[0] - 1
        print(
            f"| {n:,} | {slices} | {first[0]:.3f} / {first[1]:.3f} s | {a[0]:.3f} / {a[1]:.3f} s (of {len(mine)}) | "
            f"{b[0]:.1f} / {b[1]:.1f} s (of {len(other)}) | {b[0] / a[0]:.0f} / {b[1] / a[1]:.0f} | {largest_difference(table, found):.1e} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
