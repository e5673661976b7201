"""Sobol indices beside SALib, and how often the interval holds: ``python benchmarks/sobol.py [--runs 150]``.

Needs SALib (``pip install SALib``) for the first part; without it only the coverage is simulated. Truth: closed forms of Ishigami's function
(Ishigami and Homma 1990), of Sobol's G function, and of a step in two inputs.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec

import numpy as np

from modelglass.analysis.sobol_indices import measured, of_function

PI = np.pi
G = np.array([0, 1, 4.5, 9])


def ishigami(x: np.ndarray) -> np.ndarray:
    """Three inputs in (-pi, pi)."""
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def truths() -> dict:
    """Name -> (function, inverse distributions, first order and total of each input)."""
    v1, v2, v13 = 0.5 * (1 + 0.1 * PI**4 / 5) ** 2, 49 / 8, 0.01 * PI**8 * (1 / 18 - 1 / 50)
    v, part = v1 + v2 + v13, 1 / 3 / (1 + G) ** 2
    whole = np.prod(1 + part) - 1
    p, q = 0.3, 0.6
    step, one, two = p * q * (1 - p * q), q * q * p * (1 - p), p * p * q * (1 - q)
    return {
        "ishigami": (
            ishigami,
            [lambda u: PI * (2 * u - 1)] * 3,
            [(v1 / v, (v1 + v13) / v), (v2 / v, v2 / v), (0.0, v13 / v)],
        ),
        "g": (
            lambda x: np.prod((np.abs(4 * x - 2) + G) / (1 + G), axis=1),
            [lambda u: u] * 4,
            [(part[i] / whole, part[i] * np.prod(np.delete(1 + part, i)) / whole) for i in range(4)],
        ),
        "step": (
            lambda x: ((x[:, 0] > 0.7) & (x[:, 1] > 0.4)).astype(float),
            [lambda u: u] * 2,
            [(one / step, 1 - two / step), (two / step, 1 - one / step)],
        ),
    }


def beside_salib() -> None:
    """Print the largest difference from SALib's estimates on SALib's own sample."""
    from SALib.analyze import sobol
    from SALib.sample import sobol as sampled

    problem = {"num_vars": 3, "names": ["a", "b", "c"], "bounds": [[-PI, PI]] * 3}
    answers = ishigami(sampled.sample(problem, 1024, calc_second_order=False, seed=1))
    theirs = sobol.analyze(problem, answers, calc_second_order=False, seed=1)
    blocks = answers.reshape(1024, 5)
    ours, _ = measured(blocks[:, 0][None], blocks[:, 4][None], blocks[:, 1:4].T[:, None])
    off = max(np.abs(ours[0, :, 0] - theirs["S1"]).max(), np.abs(ours[1, :, 0] - theirs["ST"]).max())
    print(
        f"SALib on Ishigami, 1024 points: S1 {theirs['S1'].round(4)}, ST {theirs['ST'].round(4)}; largest difference of ours {off:.1e}"
    )


def coverage(runs: int) -> None:
    """Print how often 95 % intervals hold the truth."""
    for name, (function, draws, truth) in truths().items():
        for points in (256, 1024, 2048):
            hits = np.zeros((len(truth), 2))
            for seed in range(runs):
                for row in of_function(function, draws, points=points, seed=seed).itertuples():
                    at = int(row.feature[1:]), int(row.order != "alone")
                    hits[at] += row.low <= truth[at[0]][at[1]] <= row.high
            print(
                f"{name}, {points} points, {runs} runs: held {hits.mean() / runs:.3f} (least {hits.min() / runs:.3f})",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=150)
    given = parser.parse_args()
    if find_spec("SALib"):
        beside_salib()
    coverage(given.runs)
