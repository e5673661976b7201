"""A threshold moved on a million rows: what the Overview and the Errors page compute on the server for one step of the slider.

Told apart: the first time (scores sorted once, kept with the Evaluation), then the median of further steps, for the headline metrics
with their intervals and for the confusion table. Every step is compared with the plain way, which measures all rows anew.

Run: ``python benchmarks/threshold.py [--rows 1000000] [--steps 15]``
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np
import pandas as pd


def evaluation(n: int, **roles: str):
    from modelglass.analysis.evaluation import Evaluation

    rng = np.random.default_rng(0)
    score = rng.random(n)
    outcome = (rng.random(n) < score).astype(int)
    frame = pd.DataFrame({"w": rng.gamma(2.0, size=n), "g": rng.integers(0, n // 10, n)})
    return Evaluation.from_predictions(outcome, score=score, frame=frame, **roles)


def plain(ev) -> pd.DataFrame:
    """Measure all rows anew."""
    from modelglass.analysis.performance import measure

    names = [str(m) for m in performance_of(ev).metrics["metric"]]
    return measure(ev.y, ev.predicted, ev.score, ev.weight, ev.cluster, metrics=names).frame()


def performance_of(ev):
    from modelglass.analysis.performance import performance

    return performance(ev)


def confusion_of(ev):
    from modelglass.analysis.confusion import confusion

    return confusion(ev)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=15)
    given = parser.parse_args()
    print(f"{given.rows:,} rows, Python {platform.python_version()}, {platform.machine()}")
    for name, roles in (("rows", {}), ("weights", {"weight": "w"}), ("clusters", {"cluster": "g"})):
        whole = evaluation(given.rows, **roles)
        for what, call in (("headline metrics", performance_of), ("confusion", confusion_of)):
            began = time.perf_counter()
            call(whole.with_threshold(0.5))
            first = time.perf_counter() - began
            wall, processor = [], []
            for cut in np.linspace(0.1, 0.9, given.steps):
                began, spent = time.perf_counter(), time.process_time()
                moved = whole.with_threshold(float(cut))
                result = call(moved)
                wall.append(time.perf_counter() - began)
                processor.append(time.process_time() - spent)
            text = f"{name:9} {what:17} first {1000 * first:7.0f} ms, then median {1000 * np.median(wall):6.1f} ms"
            text += f" (processor {1000 * np.median(processor):6.1f}), worst {1000 * max(wall):6.1f} ms"
            if what == "headline metrics":
                theirs = plain(moved)
                apart = np.nanmax(
                    np.abs(
                        (result.frame()[["estimate", "low", "high"]] - theirs[["estimate", "low", "high"]]).to_numpy(
                            float
                        )
                    )
                )
                text += f"; apart from measuring all anew by at most {apart:.1e}"
            print(text)


if __name__ == "__main__":
    main()
