"""Do the intervals of explanations and costs hold their level? Through the code that is shipped, as in ``coverage.py``.

Means: what ``explainers.rows.mean_interval`` gives for mean |Shapley value| and for a point of partial dependence, on values drawn
from distributions such as models give; ``shapley`` asks a fitted linear model and ``pd`` a logistic one by their doors. Shuffles:
permutation importance by ``paired.change``, which its door calls, against the effect in 1,600,000 rows. Costs: the mean cost of
given decisions and of the chosen threshold. Differences: two means of such values, as ``shapley_difference`` compares them, and its
own door. Gains: what ``remedies`` says that recalibration and flipped labels gain, against the expected gain of the same fit on half as
many rows. Run: ``python benchmarks/coverage_explanations.py [--reps N] [--only means,doors,shuffles,conditional,differences,gains]``.
"""

from __future__ import annotations

import argparse
from types import SimpleNamespace

import numpy as np
import pandas as pd
from scipy import special
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis import recalibrating
from modelglass.analysis.crossfit import crossfitted, judged, splits
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Rows
from modelglass.analysis.mean_difference import Sample, mean_difference, why_none
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.paired import Tally, change, value_of
from modelglass.analysis.thresholds import measure
from modelglass.explainers import partial_dependence, permutation_importance, shapley_difference, shapley_values
from modelglass.explainers.rows import mean_interval
from modelglass.explainers.strata import within

VALUES = {
    "half normal": np.abs,
    "skewed, centred": lambda z: np.abs(np.exp(0.8 * z) - np.exp(0.32)),
    "lognormal": np.exp,
    "two values, 10 %": lambda z: np.where(z > special.ndtri(0.9), 0.9, 0.1),
    "two values, 2 %": lambda z: np.where(z > special.ndtri(0.98), 0.98, 0.02),
    "60 % are 0": lambda z: np.maximum(z - special.ndtri(0.6), 0),
    "probability near 0.3": lambda z: special.expit(-1 + 1.5 * z),
    "probability near 0.03": lambda z: special.expit(-5 + 2 * z),
}
DESIGNS = {  # noise and tilt of the weights, rows of a cluster
    "plain": (0.0, 0.0, 0),
    "weights independent": (0.7, 0.0, 0),
    "weights follow": (0.3, 0.4, 0),
    "clusters of 5": (0.0, 0.0, 5),
}
NODES = special.ndtri((np.arange(400_000) + 0.5) / 400_000)
SHUFFLED = {
    "binary": ("roc_auc", "accuracy", "log_loss"),
    "rare": ("roc_auc", "accuracy", "log_loss"),
    "normal": ("rmse", "r2", "mae"),
    "skewed": ("rmse", "r2", "mae"),
    "quantile": ("pinball_loss",),
    "skewed quantile": ("pinball_loss",),
}
AIM = 0.9
COST = {"tp": 0.0, "fp": 1.0, "fn": 5.0, "tn": 0.0}


def said(held: list[tuple[float, float, float]], reps: int) -> str:
    """Write the share of intervals (low, high, truth) that hold the truth, and how many were given if not all."""
    low, high, truth = np.array(held).reshape(-1, 3).T
    given = np.isfinite(low)
    if given.sum() < 0.05 * reps:
        return "cannot say"
    share = 100 * np.mean((low <= truth)[given] & (truth <= high)[given])
    return f"{share:.1f}" + ("" if given.all() else f" ({100 * given.mean():.0f})")


def shared(rng: np.random.Generator, n: int, size: int, columns: int) -> np.ndarray:
    """Draw normal columns (n, columns), rows of a cluster alike by 0.3."""
    z = rng.standard_normal((n, columns))
    if size:
        z = np.sqrt(0.3) * np.repeat(rng.standard_normal((-(-n // size), columns)), size, axis=0)[:n] + np.sqrt(0.7) * z
    return z


def means(n: int, reps: int, design: str, seed: int = 0) -> dict[str, str]:
    """Simulate the weighted mean of each kind of value."""
    noise, tilt, size = DESIGNS[design]
    rng = np.random.default_rng((seed, n))
    truth = [f(NODES + tilt).mean() for f in VALUES.values()]
    held: dict[str, list] = {name: [] for name in VALUES}
    for _ in range(reps):
        z = shared(rng, n, size, 1)[:, 0]
        weight = np.exp(noise * rng.standard_normal(n) + tilt * z) if noise or tilt else None
        ev = SimpleNamespace(weight=weight, cluster=np.arange(n) // size if size else None)
        _, low, high = mean_interval(ev, np.column_stack([f(z) for f in VALUES.values()]), 0.95)  # type: ignore[arg-type]
        for name, ends in zip(VALUES, zip(low, high, truth)):
            held[name].append(ends)
    return {name: said(rows, reps) for name, rows in held.items()}


def doors(n: int, reps: int, seed: int = 0) -> dict[str, str]:
    """Simulate mean |Shapley value| of a linear model, and partial dependence of a logistic one, by their doors."""
    rng = np.random.default_rng((seed, n, 1))
    held: dict[str, list] = {"mean |Shapley value|": [], "partial dependence": []}
    start = pd.DataFrame(rng.standard_normal((2_000, 2)), columns=["a", "b"])
    linear = LinearRegression().fit(start, start.a + 0.5 * start.b)
    logistic = LogisticRegression().fit(start, rng.random(2_000) < special.expit(-3 + 1.5 * start.a + start.b))
    slope, (cut,) = logistic.coef_[0], logistic.intercept_
    for _ in range(reps):
        frame = pd.DataFrame(rng.standard_normal((n, 2)), columns=["a", "b"]).round(3)
        frame["t"] = frame.a + rng.standard_normal(n)
        table = shapley_values(Evaluation(linear, frame, target="t"), rows=n).frame().set_index("feature")
        truth = abs(linear.coef_[0]) * np.sqrt(2 / np.pi)
        held["mean |Shapley value|"].append((table.low["a"], table.high["a"], truth))
        frame["t"] = rng.random(n) < special.expit(-3 + 1.5 * frame.a + frame.b)
        ev = Evaluation(logistic, frame.astype({"t": int}), target="t")
        at = partial_dependence(ev, features="a", grid=2, rows=None, ice=0).frame().iloc[-1]
        truth = special.expit(cut + slope[0] * float(at.value) + slope[1] * NODES).mean()
        held["partial dependence"].append((at.low, at.high, truth))
    return {name: said(rows, reps) for name, rows in held.items()}


def world(rng: np.random.Generator, kind: str, n: int, design: str):
    """Give two columns and a function that judges rows with other columns by the same outcomes."""
    noise, tilt, size = DESIGNS[design]
    x = shared(rng, n, size, 2)
    if kind.startswith("skewed"):
        x[:, 0] = np.exp(0.6 * x[:, 0]) - 1.2
    weight = np.exp(noise * rng.standard_normal(n) + tilt * x[:, 1]) if noise or tilt else None
    cluster = np.arange(n) // size if size else None
    base = {"binary": -0.5, "rare": -3.0}.get(kind)
    if base is None:
        y = x[:, 0] + x[:, 1] + 0.7 * rng.standard_normal(n)
    else:
        y = (rng.random(n) < special.expit(base + 1.2 * x[:, 0] + x[:, 1])).astype(np.int64)

    def judge(changed: np.ndarray) -> Rows:
        if base is None:
            up, aim = (0.7 * special.ndtri(AIM), AIM) if kind.endswith("quantile") else (0.0, None)
            predicted = 0.9 * changed.sum(1) + up
            return Rows(task="regression", y=y, predicted=predicted, weight=weight, cluster=cluster, aim=aim)
        p = special.expit(base + 1.1 * changed[:, 0] + 0.9 * changed[:, 1])
        flagged = (p > 0.5).astype(np.int64)
        return Rows(task="binary", y=y, predicted=flagged, score=p, probability=True, weight=weight, cluster=cluster)

    return x, judge


def taken(x: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Give the columns with the first one shuffled."""
    return np.column_stack([x[order, 0], x[:, 1]])


def shuffles(kind: str, design: str, n: int, reps: int, repeats: int, seed: int = 0) -> dict[str, str]:
    """Simulate permutation importance."""
    rng = np.random.default_rng((seed, n, repeats))
    effects: dict[str, list] = {m: [] for m in SHUFFLED[kind]}
    for _ in range(4):
        x, judge = world(rng, kind, 400_000, design)
        before, after = judge(x), judge(taken(x, rng.permutation(len(x))))
        for m, found in effects.items():
            found.append(value_of(METRICS[m], after) - value_of(METRICS[m], before))
    held: dict[str, list] = {m: [] for m in SHUFFLED[kind]}
    for _ in range(reps):
        x, judge = world(rng, kind, n, design)
        orders = [rng.permutation(n) for _ in range(repeats)]
        clean, changed = judge(x), [judge(taken(x, order)) for order in orders]
        for m, rows in held.items():
            found = change(METRICS[m], clean, changed, donors=orders)
            rows.append((found.low, found.high, np.mean(effects[m])))
    return {m: said(rows, reps) for m, rows in held.items()}


STRATA = special.ndtri(np.arange(1, 8) / 8)


def conditional(kind: str, design: str, n: int, reps: int, repeats: int, seed: int = 0) -> dict[str, str]:
    """Simulate permutation importance within strata: two columns correlated by 0.8, shuffled within eighths of the other one."""
    rng = np.random.default_rng((seed, n, repeats, 5))

    def drawn(count: int):
        x, _ = world(rng, kind, count, design)
        x[:, 0] = 0.8 * x[:, 1] + 0.6 * x[:, 0]
        noise, tilt, size = DESIGNS[design]
        weight = np.exp(noise * rng.standard_normal(count) + tilt * x[:, 1]) if noise or tilt else None
        extra = {"weight": weight, "cluster": np.arange(count) // size if size else None}
        y = x.sum(1) + 0.7 * rng.standard_normal(count)
        if kind == "binary":
            y = (rng.random(count) < special.expit(-0.5 + x.sum(1))).astype(np.int64)

        def judge(changed: np.ndarray) -> Rows:
            if kind != "binary":
                return Rows(task="regression", y=y, predicted=0.9 * changed.sum(1), **extra)
            p = special.expit(-0.5 + 1.1 * changed[:, 0] + 0.9 * changed[:, 1])
            return Rows(task="binary", y=y, predicted=(p > 0.5).astype(int), score=p, probability=True, **extra)

        return x, judge, np.searchsorted(STRATA, x[:, 1])

    effects: dict[str, list] = {m: [] for m in SHUFFLED[kind]}
    for _ in range(4):
        x, judge, strata = drawn(400_000)
        clean, after = judge(x), judge(taken(x, within(strata, rng)))
        for m, found in effects.items():
            found.append(value_of(METRICS[m], after) - value_of(METRICS[m], clean))
    held: dict[str, list] = {m: [] for m in SHUFFLED[kind]}
    for _ in range(reps):
        x, judge, strata = drawn(n)
        clean = judge(x)
        tallies = {m: Tally(METRICS[m], clean, strata=strata) for m in held}
        for order in [within(strata, rng) for _ in range(repeats)]:
            rows = judge(taken(x, order))
            for tally in tallies.values():
                tally.add(rows, order)
        for m, rows in held.items():
            one = tallies[m].change(0.95)
            rows.append((one.low, one.high, np.mean(effects[m])))
    return {m: said(rows, reps) for m, rows in held.items()}


def settling(n: int, reps: int, seed: int = 0) -> dict[str, str]:
    """Simulate ``permutation_importance`` by its door, stopping when the order is settled; how many shuffles it took on average."""
    rng = np.random.default_rng((seed, n, 6))
    slopes = np.array([1.0, 0.9, 0.3, 0.0])

    def drawn(count: int) -> pd.DataFrame:
        frame = pd.DataFrame(rng.standard_normal((count, 4)), columns=list("abcd"))
        frame["t"] = frame.to_numpy() @ slopes + rng.standard_normal(count)
        return frame

    start = drawn(1_000)
    linear = LinearRegression().fit(start[list("abcd")], start.t)
    linear.coef_ = np.array([1.0, 0.9, 0.35, 0.05])
    truth = permutation_importance(
        Evaluation(linear, drawn(1_000_000), target="t"), rows=None, n_repeats=2, together=None
    )
    true, made = truth.frame().set_index("feature").estimate, []
    held: dict[str, list] = {name: [] for name in "abcd"}
    for _ in range(reps):
        found = permutation_importance(Evaluation(linear, drawn(n), target="t"), rows=None, n_repeats=10)
        table = found.frame().set_index("feature")
        made.append(found.made)
        for name, rows in held.items():
            rows.append((table.low[name], table.high[name], true[name]))
    return {name: said(rows, reps) for name, rows in held.items()} | {"shuffles": f"{np.mean(made):.1f}"}


def costs(design: str, n: int, reps: int, seed: int = 0) -> dict[str, str]:
    """Simulate the mean cost at threshold 0.5, and the cost of the threshold that is cheapest on the rows."""
    rng = np.random.default_rng((seed, n, 2))
    x, judge = world(rng, "binary", 2_000_000, design)
    every = judge(x)
    order = np.argsort(-every.score, kind="stable")
    weight = (np.ones(len(order)) if every.weight is None else every.weight)[order]
    flagged = np.cumsum(weight * np.where(every.y[order] == 1, COST["tp"] - COST["fn"], COST["fp"]))
    total = np.append(0.0, flagged) + COST["fn"] * (weight * every.y[order]).sum()
    cost_at = lambda t: total[np.searchsorted(-every.score[order], -t, side="right")] / weight.sum()  # noqa: E731
    held: dict[str, list] = {"in use": [], "chosen": []}
    for _ in range(reps):
        x, judge = world(rng, "binary", n, design)
        rows = judge(x)
        found = measure(rows.y, rows.score, rows.weight, cluster=rows.cluster, threshold=0.5, costs=COST, n_points=20)
        now, best = found.operating.set_index("metric").loc["mean_cost"], found.optimum.iloc[0]
        held["in use"].append((now.low, now.high, cost_at(0.5)))
        held["chosen"].append((best.low, best.high, cost_at(best.threshold)))
    return {name: said(rows, reps) for name, rows in held.items()}


SIGNED = VALUES | {
    "normal": lambda z: z,
    "skewed, signed": lambda z: np.exp(0.8 * z) - np.exp(0.32),
    "two humps": lambda z: np.where(z > 0.3, 1.0, -0.4) + 0.1 * z,
}
BOTH = "clusters of 5 over both"


def differences(n: int, m: int, design: str, reps: int, seed: int = 0) -> dict[str, str]:
    """Simulate the difference of two weighted means, the values of the first side drawn half a standard deviation higher."""
    noise, tilt, size = DESIGNS["clusters of 5" if design == BOTH else design]
    rng = np.random.default_rng((seed, n, m))
    truth = [f(NODES + tilt + 0.5).mean() - f(NODES + tilt).mean() for f in SIGNED.values()]
    held: dict[str, list] = {name: [] for name in SIGNED}
    for _ in range(reps):
        z = shared(rng, n + m, size, 1)[:, 0]
        here = rng.permutation(n + m) < n if design == BOTH else np.arange(n + m) < n
        weight = np.exp(noise * rng.standard_normal(n + m) + tilt * z) if noise or tilt else None
        z = z + 0.5 * here
        cluster = np.arange(n + m) // size if size else None
        values = np.column_stack([f(z) for f in SIGNED.values()])
        sides = [
            Sample(
                values=values[part],
                weight=None if weight is None else weight[part],
                cluster=None if cluster is None else cluster[part],
            )
            for part in (here, ~here)
        ]
        if not held["normal"] and why_none(*sides):
            return dict.fromkeys(SIGNED, "cannot say")
        found = mean_difference(*sides)
        for name, ends in zip(SIGNED, zip(found.low, found.high, truth)):
            held[name].append(ends)
    return {name: said(rows, reps) for name, rows in held.items()}


def difference_door(n: int, m: int, reps: int, seed: int = 0) -> dict[str, str]:
    """Simulate ``shapley_difference`` of a linear model, whose values are known: of a column and of the mean prediction."""
    rng = np.random.default_rng((seed, n, m, 3))
    start = pd.DataFrame(rng.standard_normal((2_000, 2)), columns=["a", "b"])
    linear = LinearRegression().fit(start, start.a + 0.5 * start.b)
    held: dict[str, list] = {"column a": [], "column b": [], "mean prediction": []}
    for _ in range(reps):
        frame = pd.DataFrame(rng.exponential(size=(n + m, 2)), columns=["a", "b"])
        frame["t"], frame["side"] = 0.0, np.arange(n + m) < n
        frame.loc[frame.side, "a"] += 0.5
        found = shapley_difference(Evaluation(linear, frame, target="t").where("side"), rows=n + m)
        table, total = found.of().set_index("feature"), found.totals.iloc[0]
        slope = float(linear.coef_[0])
        held["column a"].append((table.low["a"], table.high["a"], 0.5 * slope))
        held["column b"].append((table.low["b"], table.high["b"], 0.0))
        held["mean prediction"].append((total.low, total.high, 0.5 * slope))
    return {name: said(rows, reps) for name, rows in held.items()}


GAINS = {
    "right": (1.0, 0.0, 0.0),
    "too bold": (1.8, 0.0, 0.0),
    "too high": (1.0, 0.7, 0.0),
    "25 % flipped": (1.0, 0.0, 0.25),
}


def promised(rng: np.random.Generator, n: int, base: float, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Give probabilities of both classes and outcomes."""
    slope, shift, flipped = GAINS[kind]
    z = base + 1.5 * rng.standard_normal(n)
    y = (rng.random(n) < special.expit(z)).astype(np.int64)
    return recalibrating.by_class(special.expit(slope * z + shift)), np.where(rng.random(n) < flipped, 1 - y, y)


def mended(how: str, p: np.ndarray, y: np.ndarray, fit: np.ndarray, use: np.ndarray) -> np.ndarray:
    """Give the gain in log loss on some rows of what was fitted on others."""
    before = recalibrating.losses(p[use], y[use])
    if how == "recalibrate":
        after = recalibrating.scaled(p[use], recalibrating.scaling(p[fit], y[fit]))
    else:
        after = recalibrating.flipped(p[use], recalibrating.flips(p[fit], y[fit]))
    return before - recalibrating.losses(after, y[use])


def gains(n: int, base: float, kind: str, reps: int, seed: int = 0) -> dict[str, str]:
    """Simulate the gains of ``remedies``: coverage, and in brackets how often a gain was called sure (one-sided, 5 %)."""
    rng = np.random.default_rng((seed, n, 4))
    many, cells = promised(rng, 40_000, base, kind), {}
    for how in ("recalibrate", "check labels"):
        truth = []
        for _ in range(100):
            p, y = promised(rng, n // 2, base, kind)
            joined = np.concatenate([p, many[0]]), np.concatenate([y, many[1]])
            truth.append(mended(how, *joined, np.arange(n // 2), np.arange(n // 2, len(joined[1]))).mean())
        held, sure = [], 0
        for _ in range(reps):
            p, y = promised(rng, n, base, kind)
            rows = Rows(task="binary", y=y, predicted=(p[:, 1] > 0.5).astype(int), score=p[:, 1], probability=True)
            found = judged(
                rows,
                crossfitted(splits(rows, 0), lambda fit, use, p=p, y=y, how=how: mended(how, p, y, fit, use)),
                0.95,
            )
            held.append((found.low, found.high, np.mean(truth)))
            sure += found.p <= 0.05
        cells[how] = f"{said(held, reps)}; sure {100 * sure / reps:.0f}"
    return cells


def line(first: str, cells: dict[str, str]) -> None:
    """Print one row of a Markdown table."""
    print(f"| {first} | {' | '.join(cells.values())} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reps", type=int, default=2_000)
    parser.add_argument("--only", default="means,doors,shuffles,conditional,differences,gains")
    reps, only = parser.parse_args().reps, parser.parse_args().only.split(",")
    if "means" in only:
        print_means(reps)
    if "doors" in only:
        print_doors(reps)
    if "shuffles" in only:
        print_shuffles(reps)
    if "conditional" in only:
        print_conditional(reps)
    if "differences" in only:
        print_differences(reps)
    if "gains" in only:
        print_gains(reps)


def print_means(reps: int) -> None:
    print(f"| mean of | {' | '.join(VALUES)} |\n" + "|---" * (len(VALUES) + 1) + "|")
    for n in (50, 200, 500, 5_000):
        for design in DESIGNS:
            line(f"{design}, n = {n:,}", means(n, reps if n < 5_000 else reps // 2, design))


def print_doors(reps: int) -> None:
    print(
        "\n| by the doors | mean absolute Shapley value | partial dependence | mean cost | cost of the chosen threshold |\n|---|---|---|---|---|"
    )
    for n in (50, 200, 500):
        line(f"n = {n:,}", doors(n, reps // 4) | costs("plain", n, reps // 2))
    line("n = 500, weights follow", {"a": "", "b": ""} | costs("weights follow", 500, reps // 2))
    line("n = 500, clusters of 5", {"a": "", "b": ""} | costs("clusters of 5", 500, reps // 2))


def print_shuffles(reps: int) -> None:
    for kind, metrics in SHUFFLED.items():
        print(f"\n| shuffled, {kind} | {' | '.join(metrics)} |\n" + "|---" * (len(metrics) + 1) + "|")
        for design in DESIGNS:
            for n, repeats in ((200, 5), (500, 2), (500, 5)):
                line(f"{design}, n = {n:,}, {repeats} shuffles", shuffles(kind, design, n, reps // 4, repeats))


def print_conditional(reps: int) -> None:
    for kind in ("binary", "normal"):
        print(f"\n| shuffled within strata, {kind} | {' | '.join(SHUFFLED[kind])} |\n|---|---|---|---|")
        for design in DESIGNS:
            for n, repeats in ((500, 2), (500, 5)):
                line(f"{design}, n = {n:,}, {repeats} shuffles", conditional(kind, design, n, reps // 4, repeats))
    print("\n| until settled, 10 shuffles at most, RMSE | a | b | c | d | shuffles made |\n|---|---|---|---|---|---|")
    for n in (200, 500):
        line(f"n = {n:,}", settling(n, reps // 4))


def print_differences(reps: int) -> None:
    print(f"\n| difference of means of | {' | '.join(SIGNED)} |\n" + "|---" * (len(SIGNED) + 1) + "|")
    for n, m in ((50, 50), (50, 500), (100, 100), (100, 1_000), (200, 200), (200, 1_000), (500, 500)):
        for design in (*DESIGNS, BOTH):
            line(f"{design}, {n} and {m:,}", differences(n, m, design, reps))
    print("\n| shapley_difference by its door | column a | column b | mean prediction |\n|---|---|---|---|")
    for n, m in ((50, 500), (100, 100), (100, 1_000), (500, 500)):
        line(f"{n} and {m:,}", difference_door(n, m, reps // 4))


def print_gains(reps: int) -> None:
    print("\n| gain, 95 % interval and one-sided test at 5 % | recalibrate | check labels |\n|---|---|---|")
    for n, base in ((50, -1.0), (100, -1.0), (100, -3.0), (500, -1.0)):
        for kind in GAINS:
            line(f"{kind}, mean log-odds {base:g}, n = {n}", gains(n, base, kind, reps // 16))


if __name__ == "__main__":
    main()
