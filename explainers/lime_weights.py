"""LIME: a small linear model fitted around one row (Ribeiro, Singh and Guestrin 2016), on raw columns. The one door to lime."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError, MissingPackage
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.performance import shown
from modelglass.analysis.progress import Progress, blocks, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import signed
from modelglass.explainers import rows as shared
from modelglass.explainers.coded import Coded

REFERENCE = 5_000


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class LimeWeights(Result):
    """Weights of a linear model of the answers around one row.

    weights     feature, value (of the row, as text), condition (as lime words it), group, weight (in ``scale``: how much the condition
                being true adds), largest first within a group
    fit         group, r2 (how well the linear model follows the model around the row, weighted by nearness), intercept, local (what
                the linear model says of the row), output (what the model says)
    samples     rows drawn around it; notes: how columns were coded
    """

    weights: pd.DataFrame
    fit: pd.DataFrame
    row: int
    scale: str
    groups: tuple[str, ...]
    samples: int
    notes: tuple[str, ...]
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, value, condition, group, weight."""
        return self.weights

    def sentence(self) -> str:
        """Say the largest weights and how far to trust them."""
        best = self.fit.loc[self.fit.output.idxmax()]
        part = self.weights[self.weights.group == best.group][:3]
        names = ", ".join(f"{r.condition} ({signed(r.weight)})" for r in part.itertuples())
        trust = (
            "" if best.r2 >= 0.5 else " The linear model follows the model badly here, so read the weights with care."
        )
        of = f" of {best.group}" if self.scale in ("probability", "decision") else ""
        return (
            f"Row {self.row}: around it {names} move the {self.scale}{of} most, by LIME. Its linear model explains {best.r2:.0%} of the "
            f"answers near the row (local R²) and says {shown(best.local)} where the model says {shown(best.output)}; "
            f"{self.samples:,} samples, seed {self.settings['seed']}.{trust}"
        )


def lime_weights(
    ev: Evaluation,
    *,
    row: Any,
    n_samples: int = 5_000,
    n_features: int = 10,
    class_: Any = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> LimeWeights:
    """Fit a linear model to the answers around one row, with lime, on raw columns.

    Numbers are perturbed within quartile bins, levels drawn by frequency, as lime does; whole numbers stay whole. Missing is a level;
    numbers with missing values are cut at their quartiles first (``notes``).

    Parameters
    ----------
    row : row number in the data (the frame's index)
    n_samples : int
        Rows drawn around it.
    n_features : int
        Features in the linear model, at most.
    class_ : label of a class, optional
        Of several classes only this one.

    Raises
    ------
    NotApplicable
        Without a model.
    MissingPackage
        Without lime.
    """
    shared.need_model(ev)
    if n_samples < 100:
        raise InputError("Expected at least 100 samples.", f"Got {n_samples}.", "Take the default of 5,000.")
    seed = ev.seed if seed is None else seed
    place, only = shared.row_place(ev, row), shared.group_of(ev, class_)
    one = ev.inputs().iloc[[place]]
    coded = Coded(ev, shared.sampled(ev.whole, REFERENCE).inputs(), one)
    ask = _asked_once(ev, coded, seed, progress)
    names = [(g, name) for g, name in enumerate(shared.groups(ev)) if only in (None, g)]
    values = dict(zip(ev.features, shared.texts(one)[0], strict=True))
    output = shared.output(ev, one)[0]
    weights, fit = [], []
    for g, group in names:
        explanation = _explained(coded, ev.features, _column(ask, g), n_samples, n_features, seed)
        worded = explanation.domain_mapper.discretized_feature_names
        for j, weight in sorted(explanation.local_exp[1], key=lambda pair: -abs(pair[1])):
            name = ev.features[j]
            condition = (
                f"{name} = {coded.levels[j][int(coded.row[j])]}"
                if j in coded.levels
                else re.sub(r"\.00(?=\D|$)", "", str(worded[j]))
            )
            weights.append((name, values[name], condition, group, float(weight)))
        fit.append(
            (
                group,
                float(explanation.score),
                float(explanation.intercept[1]),
                float(explanation.local_pred[0]),
                output[g],
            )
        )
    return LimeWeights(
        weights=pd.DataFrame(weights, columns=["feature", "value", "condition", "group", "weight"]),
        fit=pd.DataFrame(fit, columns=["group", "r2", "intercept", "local", "output"]),
        row=int(row),
        scale=shared.scale(ev),
        groups=tuple(group for _, group in names),
        samples=n_samples,
        notes=tuple(coded.notes),
        source=replace(ev.source, seed=seed),
        settings={
            "row": int(row),
            "n_samples": n_samples,
            "n_features": n_features,
            "class_": chosen_class(class_),
            "seed": seed,
        },
    )


def _explained(
    coded: Coded,
    features: tuple[str, ...],
    ask: Callable[[np.ndarray], np.ndarray],
    n_samples: int,
    n_features: int,
    seed: int,
) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from lime.lime_tabular import LimeTabularExplainer
    except ImportError as error:
        raise MissingPackage("lime", "LIME", "pip install lime") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = LimeTabularExplainer(
            coded.reference,
            mode="regression",
            feature_names=list(features),
            categorical_features=sorted(coded.levels),
            categorical_names={j: dict(enumerate(t)) for j, t in coded.levels.items()},
            random_state=seed,
        )
        return explainer.explain_instance(
            coded.row, ask, num_features=min(n_features, len(features)), num_samples=n_samples
        )


def _column(ask: Callable[[np.ndarray], np.ndarray], g: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda codes: ask(codes)[:, g]


def _asked_once(
    ev: Evaluation, coded: Coded, seed: int, progress: Progress | None
) -> Callable[[np.ndarray], np.ndarray]:
    """Ask the model in blocks; the same codes (another class, same seed) get the same answers without asking again."""
    kept: dict[str, np.ndarray] = {}

    def ask(codes: np.ndarray) -> np.ndarray:
        if "codes" not in kept or not np.array_equal(kept["codes"], codes):
            frame = coded.decode(codes, np.random.default_rng((seed, 20_005)))
            parts = []
            for rows in blocks(len(frame), start=256, seconds=0.2):
                parts.append(shared.output(ev, frame.iloc[rows]))
                tell(progress, rows.stop / len(frame), f"{len(frame):,} rows around it")
            kept["codes"], kept["answers"] = codes.copy(), np.concatenate(parts)
        return kept["answers"]

    return ask
