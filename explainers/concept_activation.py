"""Concepts: does the answer lean on something that people have a name for, as a direction in a hidden layer?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.progress import Progress, blocks, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers import rows as shared
from modelglass.explainers.hidden_layers import Network, network_of

ROWS, FEWEST = 5_000, 20
RANDOM, MOST_RANDOM, EACH_TEST = 199, 1_999, 40
"""Random concepts where none are asked for: at least so many, at most so many, and so many for each test, because none can have a smaller p
than one over them, times the number of tests.
"""
RIDGE = 1e-3
"""Added to the activations' covariance, as a share of its mean diagonal."""
DIRECTIONS = ("means", "separating")
ALPHA = 0.05
NO_INTERVAL = "a share near 0 or 100 %, or along a direction that chance made, is not held by a bootstrap over rows as often as it should be"
"""Completes "no interval of these shares, because ..." (``benchmarks/coverage_concepts.py``)."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ConceptActivation(Result):
    """How the answer moves along concepts, layer by layer (TCAV: testing with concept activation vectors).

    scores      concept (its name), layer, group, estimate (TCAV score: share of rows of the class whose answer rises along the concept's
                direction), low, high (NaN: no interval, see ``concept_activation``), n (these rows), chance_low, chance_high (what the
                middle 95 % of random concepts score), sensitivity (mean slope along the direction, over the standard deviation of that of
                random concepts; its sign is which way the answer moves), p, p_adjusted (times the number of tests, at most 1), separated
                (AUC: how well the direction tells concept rows from others, on rows it was not made of), rows (of the concept)
    scale       unit of the score that is differentiated
    """

    scores: pd.DataFrame
    groups: tuple[str, ...]
    layers: tuple[str, ...]
    scale: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give the scores."""
        return self.scores

    def sentence(self) -> str:
        """Say which concepts the answer leans on."""
        table = self.scores
        sure = table[table.p_adjusted <= ALPHA].sort_values("sensitivity", key=np.abs, ascending=False, kind="stable")
        random = f"{self.settings['random']} random concepts of as many rows"
        without = f" No interval of these shares, because {NO_INTERVAL}."
        if sure.empty:
            one, least = table.loc[table.p.idxmin()], min(1.0, len(table) / (1 + self.settings["random"]))
            if least > ALPHA:
                return (
                    f"Cannot say whether the answer leans on a concept: with {random} no p of {len(table)} tests can be below "
                    f"{least:.2f} after adjustment; take {EACH_TEST * len(table) - 1:,} random concepts, or fewer concepts, layers or classes.{without}"
                )
            return (
                f"No concept moves the answer more than {random} do; nearest comes {one.concept} in {one.layer} for {one.group} (p "
                f"{one.p_adjusted:.2f} after adjustment for {len(table)} tests).{without}"
            )
        best = sure.drop_duplicates(["concept", "group"])
        said = "; ".join(
            f"{r.concept} {'raises' if r.sensitivity > 0 else 'lowers'} the score of {r.group} (in {r.layer} it rises along the concept for "
            f"{r.estimate:.0%} of {rows_text(int(r.n))}, {abs(r.sensitivity):.1f} times what random concepts give)"
            for r in best[:3].itertuples()
        )
        left = f"; {len(best) - 3} more" if len(best) > 3 else ""
        return f"{said}{left}. Compared with {random}, adjusted for {len(table)} tests.{without}"


def concept_activation(
    ev: Evaluation,
    *,
    concepts: Any = None,
    layers: Any = None,
    random: int | None = None,
    rows: int | None = ROWS,
    direction: str = "means",
    class_: Any = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> ConceptActivation:
    """Test with concept activation vectors (Kim et al. 2018) whether the answer moves along concepts in a network's hidden layers.

    A concept is a cohort, and its direction in a layer leads from the mean of all other rows to the mean of its own. The TCAV score is the
    share of rows of the class (by outcome; all rows of a predicted number) whose score rises along it. Random concepts, as many rows drawn from all (whole
    clusters where given), show what chance gives. The p-value counts how many of them move the answer as much on average (two-sided).
    The paper's t-test over repeated runs is not used: it calls a column that the model never saw a concept in many more than 5 % of cases
    (``benchmarks/concept_false_alarms.py``). No interval: a bootstrap over rows, the direction
    made anew each time, holds the score too seldom where it is near 0 or 1 or the concept means nothing (``benchmarks/coverage_concepts.py``).

    Parameters
    ----------
    concepts : mapping of name to SQL condition, sequence of conditions, or one text with ";" between them
        Conditions may name columns that the model does not read.
    layers : names, optional
        Without it all hidden layers: "layer 1", ... of scikit-learn's perceptrons; activations of torch modules by their names.
    random : int, optional
        Random concepts. Without it 199, with more than five tests (concepts times layers times classes) 40 a test, at most 1,999: no test
        can have a p below one over them.
    rows : int or None
        Rows looked at, a stratified sample; None: all.
    direction : {"means", "separating"}
        "separating": the paper's, across the boundary that tells concept rows from others (here by least squares). It also turns against
        whatever else varies in the layer (Haufe et al. 2014, Pahde et al. 2022), so that columns which hardly move the answer look like
        concepts it leans on, and ones that do are missed; hence it is not the default.
    class_ : label of a class, optional
        Of several classes only this one.

    Raises
    ------
    NotApplicable
        The model has no hidden layers that can be read; a concept holds for too few rows or too many.
    InputError
        No concept given, or a condition that cannot be read.
    MissingPackage
        A torch module, and torch is not installed.
    """
    named = _named(concepts)
    if direction not in DIRECTIONS:
        raise unknown_name("direction", str(direction), DIRECTIONS)
    if random is not None and random < 19:
        raise InputError("Expected at least 19 random concepts.", f"Got {random}.", "Leave it out.")
    only = shared.group_of(ev, class_)
    network, seed = network_of(ev, layers), ev.seed_or(seed)
    chosen = ev.whole.sample(rows, seed)
    members = {name: np.isin(chosen.rows, ev.whole.where(sql).rows) for name, sql in named.items()}
    for name, inside in members.items():
        if min(inside.sum(), (~inside).sum()) < FEWEST:
            raise NotApplicable(
                f"the concept {name!r} holds for {inside.sum():,} of {rows_text(chosen.n)}, and its direction needs at least {FEWEST} rows on either side"
            )
    groups = [(g, n) for g, n in enumerate(shared.groups(ev)) if only in (None, g)]
    tests = len(named) * len(network.names) * len(groups)
    random = random or min(max(RANDOM, EACH_TEST * tests - 1), MOST_RANDOM)
    test = _Test(network, chosen, random, direction, seed, progress)
    table = test.scores(members, groups)
    return ConceptActivation(
        scores=table,
        groups=tuple(n for _, n in groups),
        layers=network.names,
        scale=network.scale,
        source=replace(chosen.source, seed=seed),
        settings={
            "concepts": dict(named),
            "layers": list(network.names),
            "random": random,
            "rows": chosen.n,
            "direction": direction,
            "class_": chosen_class(class_),
            "seed": seed,
        },
    )


def _named(concepts: Any) -> dict[str, str]:
    if isinstance(concepts, Mapping):
        found = {str(k): str(v) for k, v in concepts.items()}
    else:
        parts = concepts.split(";") if isinstance(concepts, str) else list(concepts or ())
        found = {str(c).strip(): str(c).strip() for c in parts if str(c).strip()}
    if not found:
        raise InputError(
            "Expected at least one concept, as a condition in SQL.",
            "Got none.",
            'Give one, such as concepts="age < 30".',
        )
    return found


def directions(
    held: np.ndarray, members: np.ndarray, weight: np.ndarray | None = None, *, kind: str = "means"
) -> np.ndarray:  # fmt: skip
    """Give the direction of each concept, shape (concepts, units): between means, or by least squares across the boundary.

    Parameters
    ----------
    held : array of shape (n, units)
        What a layer holds.
    members : bool array of shape (concepts, n)
    weight : array of shape (n,), optional
    kind : {"means", "separating"}

    >>> directions(np.array([[0.0, 1], [0, 2], [1, 1], [1, 3]]), np.array([[False, False, True, True]])).tolist()
    [[1.0, 0.5]]
    """
    w = np.ones(len(held)) if weight is None else weight
    centred = held - np.average(held, axis=0, weights=w)
    inside, outside = members * w, ~members * w
    apart = inside @ centred / inside.sum(axis=1)[:, None] - outside @ centred / outside.sum(axis=1)[:, None]
    if kind == "means":
        return apart
    total = (centred * w[:, None]).T @ centred / w.sum()
    total += RIDGE * max(float(np.trace(total)) / len(total), 1e-300) * np.eye(len(total))
    return np.linalg.solve(total, apart.T).T


def random_members(
    size: int, n: int, count: int, rng: np.random.Generator, cluster: np.ndarray | None = None
) -> np.ndarray:
    """Draw concepts of about ``size`` of n rows at random, whole clusters where given; bool (count, n)."""
    unit = np.arange(n) if cluster is None else np.unique(cluster, return_inverse=True)[1].ravel()
    sizes = np.bincount(unit)
    out = np.zeros((count, n), dtype=bool)
    for i in range(count):
        order = rng.permutation(len(sizes))
        taken = order[: max(1, int(np.searchsorted(np.cumsum(sizes[order]), size)) + 1)]
        chosen = np.zeros(len(sizes), dtype=bool)
        chosen[taken if len(taken) < len(sizes) else taken[:-1]] = True
        out[i] = chosen[unit]
    return out


class _Test:
    """Layers of the rows, gradients of each group, and the scores of concepts beside random ones."""

    def __init__(self, network: Network, ev: Evaluation, random: int, kind: str, seed: int, progress: Progress | None):
        self.network, self.ev, self._random, self._kind = network, ev, random, kind
        self._seed, self._progress = seed, progress
        self.numbers = network.numbers(ev.inputs())
        self.weight = ev.weight
        self.held: dict[str, np.ndarray] = self._by_blocks(network.hidden, "reading hidden layers")

    def _by_blocks(self, ask: Any, what: str) -> dict[str, np.ndarray]:
        parts: list[dict[str, np.ndarray]] = []
        for part in blocks(len(self.numbers), start=256, seconds=0.2):
            parts.append(ask(self.numbers[part]))
            tell(self._progress, 0.3 * part.stop / len(self.numbers), what)
        return {name: np.concatenate([p[name] for p in parts]) for name in self.network.names}

    def scores(self, members: dict[str, np.ndarray], groups: list[tuple[int, str]]) -> pd.DataFrame:
        """Give the table of scores."""
        records = []
        slopes = {
            g: self._by_blocks(lambda x, g=g: self.network.gradients(x, g), "following the answer") for g, _ in groups
        }
        for i, (concept, inside) in enumerate(members.items()):
            tell(self._progress, 0.4 + 0.6 * i / len(members), f"random concepts beside {concept}")
            rng = np.random.default_rng((self._seed, 20_031))
            drawn = random_members(int(inside.sum()), self.ev.n, self._random, rng, self.ev.cluster)
            for layer in self.network.names:
                held = self.held[layer]
                found = directions(held, np.concatenate([inside[None], drawn]), self.weight, kind=self._kind)
                apart = self._separated(held, inside)
                for g, group in groups:
                    record = {"concept": concept, "layer": layer, "group": group}
                    records.append(
                        {
                            **record,
                            **self._score(slopes[g][layer], found, g),
                            "separated": apart,
                            "rows": int(inside.sum()),
                        }
                    )
        table = pd.DataFrame(records)
        table.insert(table.columns.get_loc("p") + 1, "p_adjusted", np.minimum(table.p * len(table), 1.0))
        return table

    def _score(self, slope: np.ndarray, found: np.ndarray, group: int) -> dict[str, Any]:
        of = self._of_class(group)
        weight = np.ones(int(of.sum())) if self.weight is None else self.weight[of]
        along = slope[of] @ found.T
        score = weight @ (along > 0) / weight.sum()
        pull = weight @ along / weight.sum()
        spread = float(np.sqrt(np.mean(pull[1:] ** 2)))
        low, high = np.quantile(score[1:], [0.025, 0.975])
        as_much = int((np.abs(pull[1:]) >= np.abs(pull[0]) * (1 - 1e-12)).sum())
        return {
            "estimate": float(score[0]),
            "low": np.nan,
            "high": np.nan,
            "n": int(of.sum()),
            "chance_low": float(low),
            "chance_high": float(high),
            "sensitivity": float(pull[0] / spread) if spread > 0 else 0.0,
            "p": (1 + as_much) / (1 + self._random),
        }

    def _of_class(self, group: int) -> np.ndarray:
        if self.ev.task == "regression":
            return np.ones(self.ev.n, dtype=bool)
        of = self.ev.y == (1 if self.ev.task == "binary" else group)
        if not of.any():
            raise NotApplicable(f"no row has the outcome {shared.groups(self.ev)[group]}")
        return of

    def _separated(self, held: np.ndarray, inside: np.ndarray) -> float:
        """Tell by AUC how well the direction of one half of the rows tells concept rows of the other half."""
        first = np.random.default_rng((self._seed, 20_033)).permutation(len(held)) % 2 == 0
        made, judged = inside & first, ~first
        if min(made.sum(), (first & ~inside).sum(), (judged & inside).sum(), (judged & ~inside).sum()) < 2:
            return float("nan")
        way = directions(
            held[first], inside[first][None], None if self.weight is None else self.weight[first], kind=self._kind
        )[0]
        values, label = held[judged] @ way, inside[judged]
        rank = pd.Series(values).rank().to_numpy()
        k = int(label.sum())
        return float((rank[label].sum() - k * (k + 1) / 2) / (k * (len(label) - k)))
