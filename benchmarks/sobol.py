"""Sobol indices beside SALib, and how often the interval holds: ``python benchmarks/sobol.py [--runs 150]``.

SALib runs in an environment of its own (``environments.py``), on answers that are drawn here alike. Truth: closed forms of Ishigami's function (Ishigami
and Homma 1990), of Sobol's G function, and of a step in two inputs.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version

import numpy as np

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


def drawn(points: int = 512) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers of Ishigami's function at two samples, and at the first with one column from the second: (n,), (n,), (3, n)."""
    a, b = np.random.default_rng(0).uniform(-PI, PI, (2, points, 3))
    mixed = np.stack([ishigami(np.where(np.arange(3) == j, b, a)) for j in range(3)])
    return ishigami(a), ishigami(b), mixed


def peer() -> None:
    """Print SALib's estimates: on the answers drawn here, and on its own sample with the answers."""
    from SALib.analyze import sobol
    from SALib.sample import sobol as sampled

    problem = {"num_vars": 3, "names": ["a", "b", "c"], "bounds": [[-PI, PI]] * 3}
    f_a, f_b, f_ab = drawn()
    same = sobol.analyze(problem, np.column_stack([f_a, *f_ab, f_b]).ravel(), calc_second_order=False, seed=1)
    answers = ishigami(sampled.sample(problem, 1024, calc_second_order=False, seed=1))
    own = sobol.analyze(problem, answers, calc_second_order=False, seed=1)
    print(
        json.dumps(
            {
                "version": version("SALib"),
                **{f"same {k}": list(map(float, same[k])) for k in ("S1", "ST")},
                **{f"own {k}": list(map(float, own[k])) for k in ("S1", "ST")},
                "answers": list(map(float, answers)),
            }
        )
    )


def beside_salib() -> None:
    """Print the largest difference from SALib's estimates on the same answers."""
    from environments import python_of, run

    from modelglass.analysis.sobol_indices import measured

    theirs = run(python_of("salib", "SALib==1.6.0"), "sobol.py", "--peer")
    if "failed" in theirs:
        print(f"SALib: {theirs['failed']}")
        return
    blocks = np.array(theirs["answers"]).reshape(1024, 5)
    cases = {"same": drawn(), "own": (blocks[:, 0], blocks[:, 4], blocks[:, 1:4].T)}
    for name, (f_a, f_b, f_ab) in cases.items():
        ours, _ = measured(f_a[None], f_b[None], f_ab[:, None])
        off = max(np.abs(ours[k, :, 0] - theirs[f"{name} {s}"]).max() for k, s in enumerate(("S1", "ST")))
        print(
            f"SALib {theirs['version']} on Ishigami, {'its own 1,024 Sobol points' if name == 'own' else '512 random points'}: "
            f"S1 {theirs[f'{name} S1']}, ST {theirs[f'{name} ST']}; largest difference of ours {off:.1e}"
        )


def coverage(runs: int) -> None:
    """Print how often 95 % intervals hold the truth."""
    from modelglass.analysis.sobol_indices import of_function

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
    parser.add_argument("--peer", action="store_true", help="SALib's side, in its environment")
    given = parser.parse_args()
    if given.peer:
        peer()
    else:
        beside_salib()
        coverage(given.runs)
