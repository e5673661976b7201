"""LIME: a small linear model fitted around one row, or around each of many (Ribeiro, Singh and Guestrin 2016), on raw columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.performance import check_level, shown
from modelglass.analysis.progress import Progress, blocks, span, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import signed
from modelglass.explainers import rows as shared
from modelglass.explainers.coded import Coded
from modelglass.explainers.lime_kernel import Drawn, draw, fit

REFERENCE = 5_000
FEWEST = 100
WELL = 0.5
"""Share of the answers' variance from which the linear model is said to follow the model."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class LimeWeights(Result):
    """Weights of linear models of the answers, each around one row.

    weights     row, feature, value (of the row, as text), condition, group, weight (in ``scale``: how much the condition being true adds;
                without ``discretize`` of numbers: how much one spread more adds), low, high (between which the weight would lie had
                other rows been drawn; NaN where not all columns are in the linear model: those chosen look larger than they are, and
                the range would hold 89 instead of 95 %), largest first within row and group
    fit         row, group, r2 (how well the linear model follows the model around the row, weighted by nearness), intercept, local
                (what the linear model says of the row), output (what the model says), apart (the largest difference of a weight from what
                the lime package gives with the same seed; NaN where it was not asked)
    rows        numbers of the rows in the data, in the order asked for
    samples     size of each neighbourhood; notes: how columns were coded
    """

    weights: pd.DataFrame
    fit: pd.DataFrame
    rows: tuple[int, ...]
    scale: str
    groups: tuple[str, ...]
    samples: int
    notes: tuple[str, ...]
    source: Source
    settings: Mapping[str, Any]

    @property
    def row(self) -> int:
        """Number of the (first) row."""
        return self.rows[0]

    def frame(self) -> pd.DataFrame:
        """Give row, feature, value, condition, group, weight, low, high."""
        return self.weights

    def shown_group(self) -> str:
        """Give the group that the model's answers are largest for."""
        return str(self.fit.groupby("group", sort=False).output.sum().idxmax())

    def mean_sizes(self) -> pd.Series:
        """Give the mean |weight| over the rows of each feature, for the shown group, largest first; 0 where it is in no linear model."""
        part = self.weights[self.weights.group == self.shown_group()]
        sums = part.weight.abs().groupby(part.feature, sort=False).sum() / len(self.rows)
        return sums.sort_values(ascending=False, kind="stable")

    def sentence(self) -> str:
        """Say the largest weights and how far to trust them."""
        group = self.shown_group()
        of = f" of {group}" if self.scale in ("probability", "decision") else ""
        drawn = f"{self.samples:,} samples, seed {self.settings['seed']}"
        fits = self.fit[self.fit.group == group]
        if len(self.rows) > 1:
            names = ", ".join(f"{name} ({shown(size)})" for name, size in self.mean_sizes()[:3].items())
            badly = int((fits.r2 < WELL).sum())
            trust = f", and badly around {badly:,} of them" if badly else ""
            return (
                f"Around {len(self.rows):,} rows the {self.scale}{of} moves most with {names}, by LIME's mean weight whatever its sign. The "
                f"linear models explain {fits.r2.median():.0%} of the answers near a row (median of the local R²){trust}; {drawn}.{self._compared()}"
            )
        best = fits.iloc[0]
        part = self.weights[self.weights.group == group][:3]
        names = ", ".join(f"{r.condition} ({signed(r.weight)})" for r in part.itertuples())
        trust = "" if best.r2 >= WELL else (
            " The linear model follows the model badly here, so read the weights with care."
        )  # fmt: skip
        return (
            f"Row {self.row}: around it {names} move the {self.scale}{of} most, by LIME. Its linear model explains {best.r2:.0%} of the "
            f"answers near the row (local R²) and says {shown(best.local)} where the model says {shown(best.output)}; {drawn}.{trust}"
            f"{self._compared()}"
        )

    def _compared(self) -> str:
        apart = self.fit.apart.max()
        if apart != apart:
            return ""
        largest = self.weights.weight.abs().max()
        same = apart <= 1e-6 * largest or apart < 1e-12
        return (
            f" The lime package gives {'the same weights' if same else f'weights that differ by up to {shown(apart)}'}."
        )


def lime_weights(
    ev: Evaluation,
    *,
    row: Any,
    n_samples: int = 5_000,
    n_features: int = 10,
    discretize: bool = True,
    compare: bool = False,
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> LimeWeights:
    """Fit a linear model to the answers around one row, or each of several, on raw columns, as lime's tabular explainer does.

    Numbers are perturbed within quartile bins, levels drawn by frequency, as lime does; whole numbers stay whole. Missing is a level;
    numbers with missing values are cut at their quartiles first (``notes``). On plain numbers the weights are those of lime with the
    same seed. As lime's draws do not depend on the explained row, all rows share them: the model is asked about ``n_samples`` rows and
    the explained ones, however many these are.

    Parameters
    ----------
    row : row number in the data (the frame's index), or several
    n_samples : int
        Rows drawn around it.
    n_features : int
        Features in each linear model, at most.
    discretize : bool
        Without it numbers stay numbers in the linear model, drawn from a normal distribution around the mean of the data.
    compare : bool
        Also let the lime package itself explain each row, with the same seed, and tell how far its weights are from these (its loop
        takes much longer). They differ where a quartile bin holds one value, which lime replaces by 0.
    class_ : label of a class, optional
        Of several classes only this one.
    level : float
        Of the range over other draws (normal, from the standard error of a weighted regression).

    Raises
    ------
    NotApplicable
        Without a model.
    InputError
        A row that does not exist; too few samples.
    MissingPackage
        A comparison without lime.
    """
    shared.need_model(ev)
    check_level(level)
    if n_samples < FEWEST:
        raise InputError(f"Expected at least {FEWEST} samples.", f"Got {n_samples}.", "Take the default of 5,000.")
    if n_features < 1:
        raise InputError("Expected at least one column in the linear model.", f"Got {n_features}.")
    seed, only, numbers = ev.seed_or(seed), shared.group_of(ev, class_), _row_numbers(row)
    chosen = ev.inputs().iloc[[shared.row_place(ev, r) for r in numbers]]
    coded = Coded(ev, ev.whole.sample(REFERENCE).inputs(), chosen)
    drawn = draw(coded.reference, coded.levels, n_samples, seed, discretize=discretize)
    frame = coded.decode(drawn.codes, np.random.default_rng((seed, 20_005)), own=False)
    answers = _answers(ev, frame, span(progress, 0.0, 0.7))
    around = _Around(ev, coded, drawn, answers, chosen, numbers, only)
    settings = {"n_samples": n_samples, "n_features": n_features, "discretize": bool(discretize)}
    lime = {**settings, "seed": seed} if compare else None
    weights, fits = around.fitted(n_features, level, lime, span(progress, 0.7, 1.0))
    return LimeWeights(
        weights=weights,
        fit=fits,
        rows=tuple(numbers),
        scale=shared.scale(ev),
        groups=tuple(name for _, name in around.groups),
        samples=n_samples,
        notes=tuple(coded.notes),
        source=replace(ev.source, seed=seed),
        settings={
            "row": numbers if len(numbers) > 1 else numbers[0],
            **settings,
            "compare": bool(compare),
            "class_": chosen_class(class_),
            "level": level,
            "seed": seed,
        },
    )


def _row_numbers(row: Any) -> list[int]:
    several = isinstance(row, (list, tuple, range, np.ndarray, pd.Index, pd.Series))
    found = list(dict.fromkeys(row)) if several else [row]
    if not found:
        raise InputError("Expected the number of at least one row.", "Got none.", "Name a row of the data.")
    return found if not several else [r.item() if isinstance(r, np.integer) else r for r in found]


def _answers(ev: Evaluation, frame: pd.DataFrame, progress: Progress | None) -> np.ndarray:
    parts = []
    for rows in blocks(len(frame), start=256, seconds=0.2):
        parts.append(shared.output(ev, frame.iloc[rows]))
        tell(progress, rows.stop / len(frame), f"{len(frame):,} rows around it")
    return np.concatenate(parts)


class _Around:
    """The linear models around the rows, and their words."""

    def __init__(
        self, ev: Evaluation, coded: Coded, drawn: Drawn, answers: np.ndarray, chosen: pd.DataFrame, numbers: list[int],
        only: int | None,
    ):  # fmt: skip
        self._ev, self._coded, self._drawn, self._answers, self._numbers = ev, coded, drawn, answers, numbers
        self._texts = shared.texts(chosen)
        self._own = _answers(ev, chosen, None)
        self.groups = [(g, name) for g, name in enumerate(shared.groups(ev)) if only in (None, g)]

    def fitted(
        self, n_features: int, level: float, lime: Mapping[str, Any] | None, progress: Progress | None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Give the tables of weights and fits, beside the lime package's where settings for it are given."""
        wide = special.ndtri(0.5 + level / 2) if n_features >= len(self._ev.features) else np.nan
        weights: list[tuple[Any, ...]] = []
        fits: list[tuple[Any, ...]] = []
        at = [g for g, _ in self.groups]
        for part in blocks(len(self._numbers), start=4, seconds=0.2):
            for i in range(part.start, part.stop):
                columns, near = self._drawn.likeness(self._coded.rows[i])
                answers = np.concatenate([self._own[[i]], self._answers])[:, at]
                found = fit(columns, near, answers, n_features)
                row, conditions = self._numbers[i], self._conditions(i)
                for k, (g, group) in enumerate(self.groups):
                    size = found.weight[k]
                    for place in np.argsort(-np.abs(size), kind="stable"):
                        j, w, e = found.chosen[k][place], float(size[place]), wide * float(found.error[k][place])
                        name, value = self._ev.features[j], self._texts[i, j]
                        weights.append((row, name, value, conditions[j], group, w, w - e, w + e))
                    numbers = (found.r2[k], found.intercept[k], found.local[k], self._own[i, g])
                    apart = (
                        np.nan
                        if lime is None
                        else self._apart(i, g, dict(zip(found.chosen[k], size, strict=True)), lime)
                    )
                    fits.append((row, group, *map(float, numbers), apart))
            tell(progress, part.stop / len(self._numbers), f"{len(self._numbers):,} linear models")
        names = ["row", "feature", "value", "condition", "group", "weight", "low", "high"]
        return (
            pd.DataFrame(weights, columns=names),
            pd.DataFrame(fits, columns=["row", "group", "r2", "intercept", "local", "output", "apart"]),
        )

    def _apart(self, i: int, g: int, weights: Mapping[int, float], lime: Mapping[str, Any]) -> float:
        """Give the largest difference of a weight from the lime package's."""
        from modelglass.explainers.lime_itself import weights_of_lime

        def ask(codes: np.ndarray) -> np.ndarray:
            frame = self._coded.decode(codes[1:], np.random.default_rng((lime["seed"], 20_005)), own=False)
            return np.concatenate([self._own[[i], g], _answers(self._ev, frame, None)[:, g]])

        theirs = weights_of_lime(self._coded.reference, self._coded.levels, self._coded.rows[i], ask, **lime)
        return max(abs(weights.get(j, 0.0) - theirs.get(j, 0.0)) for j in {*weights, *theirs})

    def _conditions(self, i: int) -> list[str]:
        """Say for each column what holds for the row and is true of its weight."""
        codes, out = self._coded.rows[i], []
        for j, name in enumerate(self._ev.features):
            if j in self._coded.levels:
                out.append(_level(name, self._coded.levels[j][int(codes[j])], j in self._coded.cut))
            elif j in self._drawn.edges:
                edges = self._drawn.edges[j]
                out.append(_in_bin(name, edges, int(np.searchsorted(edges, codes[j]))))
            else:
                out.append(f"{name} (per {shared.text(self._drawn.spread[j])})")
        return out


def _level(name: str, level: str, cut: bool) -> str:
    """Say a level; of a column that was cut at its quartiles the level is a range of it."""
    if not cut or level == "missing":
        return f"{name} = {level}"
    return level.replace("...", name) if "..." in level else f"{name} {level}"


def _in_bin(name: str, edges: np.ndarray, place: int) -> str:
    """Say the bin: two decimals where no edges are nearer than that tells apart, else four digits that count."""
    far = bool((np.diff(edges) > 0.05).all()) and bool(np.abs(edges).max() > 0.05)
    texts = [f"{e:.2f}".removesuffix(".00") if far else shared.text(e) for e in edges]
    if place == 0:
        return f"{name} <= {texts[0]}"
    return f"{name} > {texts[-1]}" if place == len(edges) else f"{texts[place - 1]} < {name} <= {texts[place]}"
