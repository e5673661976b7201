"""Do the intervals hold their level? Simulated coverage of every metric's interval, through the code that is shipped.

Each replicate is a group of the estimators' own grouping, so thousands are measured at once. The truth of each scenario is exact
(normal integrals), not estimated. Run: ``python benchmarks/coverage_metrics.py [--quick] [--markdown]``.

Binary scenarios: y ~ Bernoulli(share), score given y ~ N(shift * y, 1), decision score > cut, probability a stated function of the
score. Weights exp(tilt * score + noise * z): a tilt makes them depend on score and outcome, and the weighted population is
again normal (shift and cut move), so the weighted truth is exact too. Clusters share part of the score's noise and of y's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from scipy import special

from modelglass.analysis.estimates import estimate
from modelglass.analysis.estimates_values import pinball
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.metrics import METRICS

SIZES = (50, 500, 5_000)
BLOCK = 400_000
FEWEST_GIVEN = 0.05
"""Share of samples with an interval below which a cell is not read: those are odd samples of a world where it is refused."""
GRID, MASS = np.polynomial.hermite_e.hermegauss(240)
MASS = MASS / MASS.sum()
LABEL_METRICS = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "fpr", "fnr", "selection_rate")
SCORE_METRICS = ("roc_auc", "average_precision", "log_loss", "brier_score")
PROMISE_METRICS = ("calibration_gap", "excess_log_loss", "excess_brier_score")
MULTICLASS_METRICS = (
    *("accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc"),
    *("roc_auc", "average_precision", "log_loss", "brier_score"),
    *("precision_weighted", "f1_weighted", "roc_auc_ovr_weighted", "roc_auc_ovo", "average_precision_weighted"),
    *("top_2_accuracy", "excess_log_loss", "excess_brier_score"),
)
VALUE_METRICS = ("mae", "rmse", "r2", "bias", "median_absolute_error", "mape")
QUANTILE_METRICS = ("pinball_loss",)


@dataclass(frozen=True)
class Binary:
    """A binary world; ``share`` and ``shift`` may be ranges, a value of which is drawn for each replicate."""

    name: str
    share: float = 0.3
    auc: float = 0.85
    cut: float = 0.5
    noise: float = 0.0
    tilt: float = 0.0
    cluster: int = 0
    together: float = 0.3
    overconfident: float = 1.3
    jitter: float = 0.15
    metrics: tuple[str, ...] = LABEL_METRICS + SCORE_METRICS + PROMISE_METRICS
    task: str = field(default="binary", init=False)

    def shift(self) -> float:
        return float(special.ndtri(self.auc) * np.sqrt(2))

    def draw(self, rng: np.random.Generator, reps: int, n: int) -> tuple[Rows, dict[str, np.ndarray]]:
        share = special.expit(special.logit(self.share) + self.jitter * rng.uniform(-1, 1, reps))
        cut = self.cut + self.jitter * rng.uniform(-1, 1, reps)
        code = np.repeat(np.arange(reps), n)
        latent, score = self._pairs(rng, reps, n)
        y = (latent < np.repeat(special.ndtri(share), n)).astype(np.int64)
        score += self.shift() * y
        weight = None
        if self.noise or self.tilt:
            weight = np.exp(self.tilt * score + self.noise * rng.standard_normal(len(score)))
        predicted = (score > np.repeat(cut, n)).astype(np.int64)
        cluster = code * n + np.tile(np.arange(n) // self.cluster, reps) if self.cluster else None
        rows = Rows(
            task="binary",
            y=y,
            predicted=predicted,
            score=self._probability(score),
            probability=True,
            weight=weight,
            cluster=cluster,
        )
        return rows, self.truth(share, cut)

    def _pairs(self, rng: np.random.Generator, reps: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        latent, score = rng.standard_normal((2, reps * n))
        if self.cluster:
            count = -(-n // self.cluster)
            shared = rng.standard_normal((2, reps, count)).repeat(self.cluster, axis=2)[:, :, :n].reshape(2, -1)
            a, b = np.sqrt(self.together), np.sqrt(1 - self.together)
            latent, score = a * shared[0] + b * latent, a * shared[1] + b * score
        return latent, score

    def _probability(self, score: np.ndarray) -> np.ndarray:
        logit = special.logit(self.share) + self.shift() * score - self.shift() ** 2 / 2
        return special.expit(self.overconfident * logit)

    def truth(self, share: np.ndarray, cut: np.ndarray) -> dict[str, np.ndarray]:
        middle = np.array([0.0, self.shift()])
        factor = np.exp(self.tilt * middle)
        middle = middle + self.tilt
        p = share * factor[1] / (share * factor[1] + (1 - share) * factor[0])
        tpr, fpr = special.ndtr(middle[1] - cut), special.ndtr(middle[0] - cut)
        selected = p * tpr + (1 - p) * fpr
        out = {
            "recall": tpr,
            "fnr": 1 - tpr,
            "fpr": fpr,
            "selection_rate": selected,
            "precision": p * tpr / selected,
            "accuracy": p * tpr + (1 - p) * (1 - fpr),
            "balanced_accuracy": (tpr + 1 - fpr) / 2,
            "f1": 2 * p * tpr / (p + selected),
            "mcc": (tpr - fpr) * np.sqrt(p * (1 - p) / (selected * (1 - selected))),
            "roc_auc": np.full(len(p), special.ndtr((middle[1] - middle[0]) / np.sqrt(2))),
        }
        s1 = middle[1] + GRID
        above1, above0 = special.ndtr(-GRID), special.ndtr(middle[0] - s1)
        odds = (p / (1 - p))[:, None]
        out["average_precision"] = (MASS * odds * above1 / (odds * above1 + above0)).sum(1)
        loss1, loss0 = self._probability(s1), self._probability(middle[0] + GRID)
        out["brier_score"] = p * (MASS * (1 - loss1) ** 2).sum() + (1 - p) * (MASS * loss0**2).sum()
        out["log_loss"] = (
            p * (MASS * -np.log(np.maximum(loss1, 1e-16))).sum()
            + (1 - p) * (MASS * -np.log(np.maximum(1 - loss0, 1e-16))).sum()
        )
        promised = {  # what the probabilities themselves promise, of each class
            "calibration_gap": [(MASS * q).sum() for q in (loss1, loss0)],
            "excess_brier_score": [(MASS * q * (1 - q)).sum() for q in (loss1, loss0)],
            "excess_log_loss": [(MASS * (special.entr(q) + special.entr(1 - q))).sum() for q in (loss1, loss0)],
        }
        mean = {name: p * one + (1 - p) * other for name, (one, other) in promised.items()}
        out["calibration_gap"] = mean["calibration_gap"] - p
        out["excess_brier_score"] = out["brier_score"] - mean["excess_brier_score"]
        out["excess_log_loss"] = out["log_loss"] - mean["excess_log_loss"]
        return out


@dataclass(frozen=True)
class Regression:
    """y = x + e with x ~ N(0, 1), e = scale * exp(spread * x) * z + offset; the prediction is x. Weights exp(tilt * x + noise).

    With ``aim`` predictions are those of a model of this quantile (which the offset makes hold, or not).
    """

    name: str
    errors: str = "normal"
    scale: float = 0.5
    spread: float = 0.0
    offset: float = 0.1
    noise: float = 0.0
    tilt: float = 0.0
    cluster: int = 0
    together: float = 0.3
    aim: float | None = None
    metrics: tuple[str, ...] = VALUE_METRICS
    task: str = field(default="regression", init=False)

    def draw(self, rng: np.random.Generator, reps: int, n: int) -> tuple[Rows, dict[str, np.ndarray]]:
        x, z, t = rng.standard_normal((3, reps * n))
        cluster = None
        if self.cluster:
            count = -(-n // self.cluster)
            shared = rng.standard_normal((2, reps, count)).repeat(self.cluster, axis=2)[:, :, :n].reshape(2, -1)
            a, b = np.sqrt(self.together), np.sqrt(1 - self.together)
            x, z = a * shared[0] + b * x, a * shared[1] + b * z
            cluster = np.repeat(np.arange(reps), n) * n + np.tile(np.arange(n) // self.cluster, reps)
        e = self.scale * np.exp(self.spread * x) * self._shape(z) + self.offset
        weight = np.exp(self.tilt * x + self.noise * t) if self.tilt or self.noise else None
        # outcome x + e, prediction x: shifted by 100 so that relative errors are errors / 100 to first order
        rows = Rows(task="regression", y=100 + x, predicted=100 + x + e, weight=weight, cluster=cluster, aim=self.aim)
        return rows, {k: np.full(reps, v) for k, v in self.truth().items()}

    def _shape(self, z: np.ndarray) -> np.ndarray:
        """Turn normal noise to the error's shape by its quantiles."""
        if self.errors == "laplace":
            u = special.ndtr(-np.abs(z))
            return -np.sign(z) * np.log(2 * u) / np.sqrt(2)
        if self.errors == "t5":
            return special.stdtrit(5, special.ndtr(z)) / np.sqrt(5 / 3)
        if self.errors == "skewed":
            return (np.exp(0.6 * z) - np.exp(0.18)) / np.sqrt((np.exp(0.36) - 1) * np.exp(0.36))
        return z

    def truth(self) -> dict[str, float]:
        x = self.tilt + GRID[:, None]
        nodes = special.ndtri((np.arange(40_000) + 0.5) / 40_000)[None, :]
        e = self.scale * np.exp(self.spread * x) * self._shape(nodes) + self.offset
        weight = np.broadcast_to((MASS / nodes.size)[:, None], e.shape)
        mse = (weight * e**2).sum()
        absolute = np.abs(e)
        keep = MASS > 1e-12
        order = np.argsort(absolute[keep].ravel())
        mass = np.cumsum(weight[keep].ravel()[order])
        return {
            "mae": (weight * absolute).sum(),
            "pinball_loss": np.nan if self.aim is None else (weight * pinball(e, self.aim)).sum(),
            "rmse": np.sqrt(mse),
            "bias": (weight * e).sum(),
            "r2": 1 - mse,
            "mape": (weight * absolute / np.abs(100 + x)).sum(),
            "median_absolute_error": absolute[keep].ravel()[order][np.searchsorted(mass, 0.5 * mass[-1])],
        }


@dataclass(frozen=True)
class Multiclass:
    """Classes of unequal share; scores are softmax of a noisy shift of the true class. The truth is from four million rows.

    Weights exp(tilt * score of the first class + noise); clusters share part of the noise and of what decides the class.
    """

    name: str
    shift: float = 1.6
    shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    noise: float = 0.0
    tilt: float = 0.0
    cluster: int = 0
    together: float = 0.3
    metrics: tuple[str, ...] = MULTICLASS_METRICS
    task: str = field(default="multiclass", init=False)

    def _rows(self, rng: np.random.Generator, reps: int, n: int) -> Rows:
        k, size = len(self.shares), reps * n
        latent = rng.standard_normal((k + 1, size))
        cluster = None
        if self.cluster:
            count = -(-n // self.cluster)
            shared = rng.standard_normal((k + 1, reps, count)).repeat(self.cluster, axis=2)[:, :, :n].reshape(k + 1, -1)
            latent = np.sqrt(self.together) * shared + np.sqrt(1 - self.together) * latent
            cluster = np.repeat(np.arange(reps), n) * n + np.tile(np.arange(n) // self.cluster, reps)
        y = np.searchsorted(special.ndtri(np.cumsum(self.shares)[:-1]), latent[0])
        logits = latent[1:].T.copy()
        logits[np.arange(size), y] += self.shift
        score = special.softmax(logits + np.log(self.shares), axis=1)
        weight = None
        if self.noise or self.tilt:
            weight = np.exp(self.tilt * logits[:, 0] + self.noise * rng.standard_normal(size))
        return Rows(
            task="multiclass",
            y=y,
            predicted=score.argmax(1),
            score=score,
            probability=True,
            weight=weight,
            cluster=cluster,
            classes=k,
        )

    def draw(self, rng: np.random.Generator, reps: int, n: int) -> tuple[Rows, dict[str, np.ndarray]]:
        truth = multiclass_truth(replace(self, name="", noise=0.0, cluster=0, metrics=MULTICLASS_METRICS))
        return self._rows(rng, reps, n), {m: np.full(reps, v) for m, v in truth.items()}


@cache
def multiclass_truth(world: Multiclass) -> dict[str, float]:
    rows = world._rows(np.random.default_rng(12345), 1, 4_000_000)
    groups = Groups(rows, np.zeros(len(rows.y), np.int64), 1)
    return {m: float(estimate(METRICS[m], groups, 0.95).estimate[0]) for m in world.metrics}


def cover(
    scenario, n: int, reps: int, seed: int, metrics: tuple[str, ...] | None = None, level: float = 0.95
) -> Iterator[dict]:
    """Give for each metric the share of intervals that hold the truth, of those given, and how many were given."""
    rng = np.random.default_rng(seed)
    metrics = metrics or scenario.metrics
    held = {m: [] for m in metrics}
    per = max(1, BLOCK // n)
    for start in range(0, reps, per):
        now = min(per, reps - start)
        rows, truth = scenario.draw(rng, now, n)
        groups = Groups(rows, np.repeat(np.arange(now), n), now)
        for m in metrics:
            found = estimate(METRICS[m], groups, level)
            given = np.isfinite(found.low)
            width = found.high - found.low
            held[m].append(
                np.column_stack(
                    [
                        given,
                        (found.low <= truth[m]) & (truth[m] <= found.high),
                        found.high < truth[m],
                        given & (width <= 0),
                        found.support,
                    ]
                )
            )
    for m, parts in held.items():
        given, inside, below, flat, support = np.concatenate(parts).T
        count = given.sum()
        yield {
            "scenario": scenario.name,
            "metric": m,
            "n": n,
            "given": count / reps,
            "coverage": inside.sum() / count if count else np.nan,
            "below": below.sum() / count if count else np.nan,
            "flat": int(flat.sum()),
            "support": float(np.median(support)),
            "drawn": int(count),
        }


BINARY = (
    Binary("plain"),
    Binary("even classes, AUC 0.7", share=0.5, auc=0.7, cut=0.4),
    Binary("rare positives, AUC 0.9", share=0.1, auc=0.9, cut=0.8),
    Binary("2 % positives, AUC 0.9", share=0.02, auc=0.9, cut=1.2),
    Binary("even classes, AUC 0.98", share=0.5, auc=0.98, cut=1.45),
    Binary("good model, AUC 0.98", share=0.3, auc=0.98, cut=1.5),
    Binary("weights independent", noise=0.7),
    Binary("weights independent, rare", share=0.1, auc=0.9, cut=0.8, noise=0.7),
    Binary("weights follow outcome", noise=0.4, tilt=0.4),
    Binary("weights follow outcome, AUC 0.98", auc=0.98, cut=1.5, noise=0.3, tilt=-0.3),
    Binary("clusters of 5", cluster=5),
    Binary("clusters of 5, weights", cluster=5, noise=0.4, tilt=0.3),
)
REGRESSION = (
    Regression("normal errors"),
    Regression("laplace errors", errors="laplace"),
    Regression("t5 errors", errors="t5"),
    Regression("skewed errors", errors="skewed"),
    Regression("spread grows", spread=0.4),
    Regression("weights independent", noise=0.7),
    Regression("weights follow spread", spread=0.3, noise=0.3, tilt=0.4),
    Regression("clusters of 5", cluster=5),
    Regression("clusters of 5, weights", cluster=5, noise=0.4, tilt=0.3),
)
# errors are prediction less outcome: a long tail of outcomes above is one of errors below, so the lower quantile of "skewed" errors
# is the upper one of such outcomes
QUANTILE = tuple(
    replace(Regression(f"quantile, {name}", aim=aim, offset=offset, metrics=QUANTILE_METRICS), **more)
    for name, aim, offset, more in (
        ("0.9", 0.9, 0.641, {}),
        ("0.99", 0.99, 1.163, {}),
        ("0.9 that is too low", 0.9, 0.1, {}),
        ("0.9, laplace errors", 0.9, 0.569, {"errors": "laplace"}),
        ("0.9, long tail beyond", 0.1, -0.610, {"errors": "skewed"}),
        ("0.9, long tail before", 0.9, 0.459, {"errors": "skewed"}),
        ("0.9, weights", 0.9, 0.641, {"noise": 0.7}),
        ("0.9, weights follow spread", 0.9, 0.641, {"spread": 0.3, "noise": 0.3, "tilt": 0.4}),
        ("0.9, clusters of 5", 0.9, 0.641, {"cluster": 5}),
        ("0.9, clusters of 5, weights", 0.9, 0.641, {"cluster": 5, "noise": 0.4, "tilt": 0.3}),
    )
)

TEN = (0.2, 0.16, 0.13, 0.11, 0.1, 0.08, 0.07, 0.06, 0.05, 0.04)
MULTICLASS = (
    Multiclass("three classes"),
    Multiclass("three classes, weights", noise=0.6),
    Multiclass("three classes, weights follow score", noise=0.3, tilt=0.4),
    Multiclass("three classes, clusters of 5", cluster=5),
    Multiclass("three classes, clusters of 5, weights", cluster=5, noise=0.3, tilt=0.3),
    Multiclass("ten classes, weights", shares=TEN, shift=2.2, noise=0.4, metrics=MULTICLASS_METRICS[:12]),
)
WORLDS = (*BINARY, *MULTICLASS, *REGRESSION, *QUANTILE)


def run(worlds, sizes=SIZES, reps: int = 4_000, seed: int = 0, metrics: tuple[str, ...] = ()) -> list[dict]:
    """Give the coverage of every metric of every world and size."""
    out = []
    for i, world in enumerate(worlds):
        chosen = tuple(m for m in (metrics or world.metrics) if m in world.metrics)
        for n in sizes if chosen else ():
            out += cover(world, n, reps, seed + 97 * i + n, chosen)
    return out


def text(row: dict) -> str:
    """Write one cell: coverage in per cent, and in brackets the per cent of samples in which an interval was given, if not all."""
    if row["given"] < FEWEST_GIVEN:
        return "cannot say"
    given = "" if row["given"] > 0.995 else f" ({100 * row['given']:.0f})"
    return f"{100 * row['coverage']:.1f}{given}" + (" ZERO WIDTH" if row["flat"] else "")


def tables(rows: list[dict]) -> str:
    """Write Markdown tables, one for each task and size."""
    out = []
    for worlds in (BINARY, MULTICLASS, REGRESSION, QUANTILE):
        for n in dict.fromkeys(r["n"] for r in rows):
            cells = {(r["scenario"], r["metric"]): text(r) for r in rows if r["n"] == n}
            names = [w.name for w in worlds if any((w.name, m) in cells for m in w.metrics)]
            metrics = [m for m in worlds[0].metrics if any((w, m) in cells for w in names)]
            if not names:
                continue
            out += [
                f"\n{worlds[0].task}, n = {n:,}\n",
                f"| world | {' | '.join(metrics)} |",
                "|---" * (len(metrics) + 1) + "|",
            ]
            out += [f"| {w} | " + " | ".join(cells.get((w, m), "") for m in metrics) + " |" for w in names]
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reps", type=int, default=4_000)
    parser.add_argument("--sizes", default="50,500,5000")
    parser.add_argument("--only", default="", help="part of a world's name, or a task")
    parser.add_argument("--metrics", default="")
    args = parser.parse_args()
    began = time.perf_counter()
    worlds = [w for w in WORLDS if not args.only or args.only in w.name or args.only == w.task]
    rows = run(
        worlds,
        tuple(int(s) for s in args.sizes.split(",")),
        args.reps,
        metrics=tuple(filter(None, args.metrics.split(","))),
    )
    print(tables(rows))
    usual = [r for r in rows if r["given"] >= FEWEST_GIVEN]
    inside = [r for r in usual if 0.93 <= round(r["coverage"], 3) <= 0.97]
    print(
        f"\n{len(inside)} of {len(usual)} cells where at least {FEWEST_GIVEN:.0%} of samples got an interval are within 93 to 97 %; "
        f"intervals of zero width: {sum(r['flat'] for r in rows)}. {time.perf_counter() - began:.0f} s."
    )
    for r in sorted(usual, key=lambda r: r["coverage"]):
        if r not in inside:
            print(f"outside: {r['scenario']}, {r['metric']}, n = {r['n']}: {text(r)}")


if __name__ == "__main__":
    main()
