"""slice_metrics of ten classes beside two, same rows and groupings: the aim is within twelve times the binary case.

The groupings are those of ``benchmarks/slices.py`` (6 single and 15 crossed columns). Repeats alternate; medians are told. Ten classes
have no false positive rate of the whole, so F1 (macro) stands in its place.

Run: ``python benchmarks/multiclass.py [--rows 100000] [--classes 10] [--repeats 5] [--weights]``
"""

from __future__ import annotations

import argparse
import platform
import time
from functools import partial

import numpy as np
import pandas as pd
from slices import LEVELS, crossings, data

BINARY = ("accuracy", "precision", "recall", "fpr", "roc_auc")
SEVERAL = ("accuracy", "precision", "recall", "f1", "roc_auc")
ALL = (
    *SEVERAL,
    "balanced_accuracy",
    "mcc",
    "f1_weighted",
    "roc_auc_ovr_weighted",
    "roc_auc_ovo",
    "average_precision",
    "top_3_accuracy",
    "log_loss",
)


def classes(n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed + 1)
    logits = rng.normal(size=(n, k))
    y = rng.choice(k, n, p=rng.dirichlet(np.full(k, 6.0)))
    logits[np.arange(n), y] += 1.5
    score = np.exp(logits)
    score /= score.sum(1, keepdims=True)
    return y, score.argmax(1), score


def evaluation(frame: pd.DataFrame, y, predicted, score, weight):
    from modelglass.analysis.evaluation import Evaluation

    more = {"positive": 1} if score.ndim == 1 else {}
    if weight is not None:
        frame, more = frame.assign(weight=weight), {**more, "weight": "weight"}
    ev = Evaluation.from_predictions(y, prediction=predicted, score=score, frame=frame, **more)
    for column in LEVELS:
        ev.coding(column)  # made once and kept by every Evaluation, as is its fingerprint
    ev.source  # noqa: B018
    return ev


def timed(make, metrics) -> np.ndarray:
    from modelglass.analysis.slices import slice_metrics

    ev = make()
    began = time.perf_counter(), time.process_time()
    slice_metrics(ev, by=crossings(), metrics=list(metrics)).frame()
    return np.array([time.perf_counter() - began[0], time.process_time() - began[1]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--weights", action="store_true")
    args = parser.parse_args()
    frame, y, predicted, score = data(args.rows)
    weight = np.random.default_rng(5).random(args.rows) + 0.5 if args.weights else None
    two = partial(evaluation, frame, y, predicted, score, weight)
    many = partial(evaluation, frame, *classes(args.rows, args.classes), weight)
    cases = {
        "2 classes, five metrics": (two, BINARY),
        f"{args.classes} classes, five metrics": (many, SEVERAL),
        f"{args.classes} classes, {len(ALL)} metrics": (many, ALL),
    }
    spent: dict[str, list[np.ndarray]] = {name: [] for name in cases}
    for _ in range(args.repeats):
        for name, (make, metrics) in cases.items():
            spent[name].append(timed(make, metrics))
    print(f"Python {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}; {args.rows:,} rows\n")
    print("| case | wall / processor, median | times the binary case |\n|---|---|---|")
    base = np.median(spent["2 classes, five metrics"], axis=0)
    for name, times in spent.items():
        here = np.median(times, axis=0)
        print(f"| {name} | {here[0]:.3f} / {here[1]:.3f} s | {here[0] / base[0]:.1f} / {here[1] / base[1]:.1f} |")


if __name__ == "__main__":
    main()
