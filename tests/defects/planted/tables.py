"""Base tables: what a world looks like before anything is planted, and how its outcome really comes about.

Everything follows from the seed. Outcomes are drawn from a linear predictor that is kept, so a plant can change it for some rows only,
with the same luck for all others, and an oracle knows the true probability of every row.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.special import ndtr, softmax

NUMBERS = {
    "normal": ("height", "temperature", "index_value", "pressure"),
    "skewed": ("income", "amount", "distance", "balance"),
    "count": ("visits", "orders", "calls", "children"),
    "zeros": ("refunds", "overdue", "extra_cost"),
    "rounded": ("age", "hours", "floor_area"),
    "share": ("discount", "utilisation", "humidity"),
}
LEVELS = {
    "region": ("north", "south", "east", "west", "centre", "coast", "islands", "border"),
    "product": ("basic", "plus", "premium", "family", "student"),
    "channel": ("web", "shop", "phone", "partner"),
    "segment": ("a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3", "d1", "d2", "d3"),
    "plan": ("monthly", "yearly", "trial"),
}
GROUPS = {
    "sex": ("female", "male"),
    "origin": ("domestic", "neighbour", "overseas"),
    "age_band": ("young", "middle", "old", "senior"),
}
DATE = "booked_on"
OUTCOMES = {2: (("no", "yes"), (0, 1), ("good", "bad"), (False, True)), 3: (("low", "mid", "top"), (0, 1, 2))}


@dataclass(frozen=True, eq=False)
class Shape:
    """What a seed says about its table: drawn once, used for training and evaluation rows alike.

    numbers     name -> kind of distribution; parameters its constants; categories: name -> shares of its levels
    group       name of the column of groups, one of the categories; coarse: all numbers have few values, so that rows may be equal by chance
    drift       shift of the mean of some numbers over the whole span, in standard deviations; later: training rows come first in time
    """

    seed: int
    task: str
    numbers: dict[str, str]
    parameters: dict[str, tuple[float, ...]]
    categories: dict[str, np.ndarray]
    group: str
    coarse: bool
    later: bool
    drift: dict[str, float]
    missing: dict[str, float]
    classes: tuple
    linear: bool
    effects: dict[str, np.ndarray] = field(default_factory=dict)
    bends: dict[str, str] = field(default_factory=dict)
    crossed: tuple[tuple[str, str, np.ndarray], ...] = ()
    intercept: np.ndarray | None = None
    noise: str = "normal"
    spread: float = 1.0
    harder: str | None = None
    scale: tuple[float, float] = (0.0, 1.0)

    @property
    def target(self) -> str:
        return "price" if self.task == "regression" else "outcome"

    @property
    def features(self) -> list[str]:
        return [*self.numbers, *self.categories]


@dataclass(eq=False)
class Rows:
    """Rows of a table with what made them.

    frame   what a user would have: features, date and target
    eta     linear predictor: (n, classes), or (n,) in regression; luck: what chance added, of the same shape
    when    place in time, 0 to 1
    """

    frame: pd.DataFrame
    eta: np.ndarray
    luck: np.ndarray
    when: np.ndarray

    def take(self, places: np.ndarray) -> Rows:
        return Rows(
            self.frame.iloc[places].reset_index(drop=True), self.eta[places], self.luck[places], self.when[places]
        )

    def copy(self) -> Rows:
        return Rows(self.frame.copy(), self.eta.copy(), self.luck.copy(), self.when.copy())


def shape(seed: int, task: str) -> Shape:
    """Draw the shape of a world: "classification" has two classes, and three with every fourth seed."""
    rng = np.random.default_rng((seed, task == "regression", 1))
    coarse = seed % 10 == 7
    kinds = list(
        rng.choice(list(NUMBERS), size=3 if coarse else int(rng.integers(3, 9)), p=[0.2, 0.25, 0.15, 0.1, 0.2, 0.1])
    )
    if not {"skewed", "normal", "rounded"} & set(kinds[:2]):
        kinds[0] = "skewed"
    numbers: dict[str, str] = {}
    for kind in kinds:
        free = [n for n in NUMBERS[kind] if n not in numbers]
        if free:
            numbers[str(rng.choice(free))] = str(kind)
    group = str(rng.choice(list(GROUPS)))
    chosen = [str(c) for c in rng.choice(list(LEVELS), size=1 if coarse else int(rng.integers(1, 5)), replace=False)]
    categories = {c: np.sort(rng.dirichlet(np.full(len(LEVELS[c]), 3.0)))[::-1] + 0.01 for c in chosen}
    categories[group] = rng.dirichlet(np.full(len(GROUPS[group]), 12.0)) + 0.05
    categories = {c: v / v.sum() for c, v in categories.items()}
    several = 3 if task == "classification" and seed % 4 == 3 else 2
    classes = () if task == "regression" else OUTCOMES[several][int(rng.integers(len(OUTCOMES[several])))]
    made = Shape(
        seed=seed,
        task=task,
        numbers=numbers,
        parameters={n: tuple(rng.random(3)) for n in numbers},
        categories=categories,
        group=group,
        coarse=coarse,
        later=bool(rng.random() < 0.5),
        drift={n: float(rng.normal(0, 0.3)) for n in numbers if rng.random() < 0.3},
        missing={n: float(rng.uniform(0.01, 0.08)) for n in numbers if rng.random() < 0.35},
        classes=classes,
        linear=seed % 3 == 1,
        noise=str(rng.choice(["normal", "t5", "normal"])),
        harder=str(rng.choice(chosen)) if rng.random() < 0.5 else None,
        spread=float(rng.uniform(0.35, 0.7)),
        scale=(float(rng.uniform(20, 200)), float(rng.uniform(5, 50))),
    )
    return _with_effects(made, rng)


def _with_effects(made: Shape, rng: np.random.Generator) -> Shape:
    """Draw what each column does to the outcome; scaled so that the spread of the predictor is what the world's strength asks for."""
    columns = 1 if made.task == "regression" else max(len(made.classes) - 1, 1)
    effects: dict[str, np.ndarray] = {}
    bends: dict[str, str] = {}
    for i, name in enumerate(made.numbers):
        strong = rng.random() < 0.75 or i == 0
        effects[name] = rng.normal(0, 1, columns) * strong + (0.6 if i == 0 else 0.0)
        bends[name] = str(
            rng.choice(["straight", "levels off"] if made.linear else ["straight", "levels off", "step", "valley"])
        )
    for name, shares in made.categories.items():
        size = 0.3 if name == made.group else float(rng.choice([0.0, 0.5, 0.8]))
        effects[name] = rng.normal(0, size, (len(shares), columns))
    crossed: tuple[tuple[str, str, np.ndarray], ...] = ()
    if not made.linear:
        first = next(iter(made.numbers))
        other = next(iter(made.categories))
        crossed = ((first, other, rng.normal(0, 0.2, (len(made.categories[other]), columns))),)
    made = replace(made, effects=effects, bends=bends, crossed=crossed)
    trial = _predictor(made, *_hidden(made, 4_000, np.random.default_rng((made.seed, 9)), np.linspace(0, 1, 4_000)))
    wanted = 1.0 if made.task == "regression" else float(rng.uniform(1.3, 2.2))
    factor = wanted / np.maximum(trial.std(axis=0), 1e-9)
    effects = {n: e * factor for n, e in effects.items()}
    crossed = tuple((a, b, e * factor) for a, b, e in crossed)
    base = np.zeros(1) if made.task == "regression" else rng.uniform(-1.5, 0.0, columns)
    return replace(made, effects=effects, crossed=crossed, intercept=base - factor * trial.mean(axis=0))


def _hidden(
    made: Shape, n: int, rng: np.random.Generator, when: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Draw standard normal numbers that hang together a little, and codes of categories."""
    common = rng.normal(size=n)
    numbers = {}
    for i, name in enumerate(made.numbers):
        tie = 0.45 if i % 2 else 0.0
        drawn = tie * common + np.sqrt(1 - tie**2) * rng.normal(size=n)
        numbers[name] = drawn + made.drift.get(name, 0.0) * (when - 0.5)
    codes = {}
    for name, shares in made.categories.items():
        moved = (
            np.exp(rng.normal(0, 0.15, len(shares))) if made.later else 1.0
        )  # a mix that changes a little over the years
        codes[name] = rng.choice(len(shares), size=n, p=shares * moved / (shares * moved).sum())
    return numbers, codes


def _bent(values: np.ndarray, bend: str) -> np.ndarray:
    if bend == "levels off":
        return 1.3 * np.tanh(values)
    if bend == "step":
        return np.where(values > 0.3, 1.0, -0.6)
    if bend == "valley":
        return 0.7 * (np.minimum(values**2, 6.0) - 1.0)
    return np.clip(values, -3.0, 3.0)


def _predictor(made: Shape, numbers: dict[str, np.ndarray], codes: dict[str, np.ndarray]) -> np.ndarray:
    """Give the linear predictor beside the first class, (n, classes - 1), or (n, 1) in regression."""
    columns = len(made.effects[next(iter(made.numbers))])
    total = np.zeros((len(next(iter(codes.values()))), columns))
    for name, values in numbers.items():
        total = total + _bent(values, made.bends[name])[:, None] * made.effects[name]
    for name, code in codes.items():
        total = total + made.effects[name][code]
    for number, category, effect in made.crossed:
        total = total + np.clip(numbers[number], -3, 3)[:, None] * effect[codes[category]]
    return total if made.intercept is None else total + made.intercept


def _shown(kind: str, hidden: np.ndarray, constants: tuple[float, ...], coarse: bool) -> np.ndarray:
    """Turn a hidden standard normal into the number that stands in the table, in rising order."""
    a, b, c = constants
    if kind == "normal":
        out = np.round(10 + 90 * a + (2 + 10 * b) * hidden, 2)
    elif kind == "skewed":
        out = np.round(np.exp(3 + 4 * a + (0.4 + 0.5 * b) * hidden), 1 if c < 0.5 else 0)
    elif kind == "count":
        out = np.floor(np.exp(0.6 + 0.9 * a + 0.6 * hidden))
    elif kind == "zeros":
        out = np.round(np.where(hidden < 0.3 + 0.6 * a, 0.0, np.exp(2 + 3 * b + 0.6 * hidden)), 2)
    elif kind == "rounded":
        out = np.maximum(np.round(45 + 12 * hidden), 18.0)
    else:
        out = np.round(ndtr(0.3 + a + 0.8 * hidden), 3)
    if coarse:
        out = np.floor(5 * ndtr(hidden)) + 1
    return out


def draw(made: Shape, n: int, part: str) -> Rows:
    """Draw training ("train") or evaluation ("test") rows: the same world, other luck; training rows come first in time or are mixed."""
    rng = np.random.default_rng((made.seed, made.task == "regression", 2 if part == "train" else 3))
    low, high = ((0.0, 0.7) if part == "train" else (0.7, 1.0)) if made.later else (0.0, 1.0)
    when = rng.uniform(low, high, n)
    numbers, codes = _hidden(made, n, rng, when)
    core = _predictor(made, numbers, codes)
    frame = pd.DataFrame(
        {name: _shown(kind, numbers[name], made.parameters[name], made.coarse) for name, kind in made.numbers.items()}
    )
    for name, code in codes.items():
        levels = LEVELS.get(name) or GROUPS[name]
        frame[name] = np.asarray(levels, dtype=object)[code]
    for name, share in made.missing.items():
        frame.loc[rng.random(n) < share, name] = np.nan
    days = np.floor(when * 700)
    frame[DATE] = pd.Timestamp("2022-01-03") + pd.to_timedelta(days // 30 * 30 if made.coarse else days, unit="D")
    if made.task == "regression":
        eta, luck = core[:, 0], _noise(made, codes, rng, n)
    else:
        eta, luck = np.column_stack([np.zeros(n), core]), rng.gumbel(size=(n, len(made.classes)))
        if made.harder:  # a level that is hard by nature, and the model can learn that
            soft = np.where(codes[made.harder] == 0, 0.75, 1.0)
            eta = eta * soft[:, None]
    rows = Rows(frame, eta, luck, when)
    rows.frame[made.target] = outcome(made, eta, luck)
    return rows


def _noise(made: Shape, codes: dict[str, np.ndarray], rng: np.random.Generator, n: int) -> np.ndarray:
    drawn = rng.standard_t(5, n) / np.sqrt(5 / 3) if made.noise == "t5" else rng.normal(size=n)
    wider = np.where(codes[made.harder] == 0, 1.6, 1.0) if made.harder else 1.0
    return made.spread * drawn * wider


def joined(first: Rows, second: Rows) -> Rows:
    """Put rows of one table under another."""
    return Rows(
        pd.concat([first.frame, second.frame], ignore_index=True),
        *(np.concatenate([getattr(first, name), getattr(second, name)]) for name in ("eta", "luck", "when")),
    )


def outcome(made: Shape, eta: np.ndarray, luck: np.ndarray) -> np.ndarray:
    """Give what happens for a predictor and its luck: labels, or values."""
    if made.task == "regression":
        middle, unit = made.scale
        return np.round(middle + unit * (eta + luck), -1 if made.coarse else 2)
    return labels_of(made, np.argmax(eta + luck, axis=1))


def labels_of(made: Shape, codes: np.ndarray) -> np.ndarray:
    """Give labels for codes of classes."""
    labels = np.asarray(made.classes)
    return (labels.astype(object) if labels.dtype.kind == "U" else labels)[codes]


def probabilities(made: Shape, eta: np.ndarray) -> np.ndarray:
    """Give the true probability of each class, (n, classes)."""
    return softmax(eta, axis=1)
