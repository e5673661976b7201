"""The way of one row through a model that is one tree: what was asked at each step, and how the answer moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import say
from modelglass.explainers import rows as shared
from modelglass.explainers.own_tree import ALL, OwnTree


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class DecisionPath(Result):
    """The nodes that a row passes, the root first.

    steps   step, feature ('' of the root), value (of the row, as text), rule (that it fulfils, in words), estimate (mean answer of the
            model over the evaluated rows that get there, in ``scale``), n (of them), where (all rules so far, in SQL)
    answer  the model's own for the row
    """

    steps: pd.DataFrame
    row: int
    answer: float
    group: str
    scale: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give step, feature, value, rule, estimate, n, where."""
        return self.steps

    def sentence(self) -> str:
        """Say the rules and the answer."""
        of = f" of {self.group}" if self.scale in ("probability", "decision") else ""
        last = self.steps.iloc[-1]
        rules = "; ".join(self.steps.rule[1:])
        way = f"the tree asks {len(self.steps) - 1} times: {rules}" if rules else "the tree asks nothing"
        return (
            f"Row {self.row}: {way}. So its {self.scale}{of} is {say(self.answer)}, as that of {rows_text(int(last.n))} that get there; "
            f"the mean of all is {say(self.steps.estimate.iloc[0])}."
        )


def decision_path(ev: Evaluation, *, row: Any, class_: Any = None, progress: Progress | None = None) -> DecisionPath:
    """Follow one row through a model that is a single decision tree, in raw columns.

    Parameters
    ----------
    row : row number in the data (the frame's index)
    class_ : label of a class, optional
        Of several classes; without it the one predicted.

    Raises
    ------
    NotApplicable
        The model is no single tree, or the pipeline before it mixes raw columns.
    """
    shared.need_model(ev)
    place, only = shared.row_place(ev, row), shared.group_of(ev, class_)
    own = OwnTree(ev)
    tell(progress, 0.3, "following the rows")
    answers, reached = shared.output(ev, ev.inputs()), own.reached(ev.inputs())
    g = only if only is not None else (int(ev.predicted[place]) if ev.task == "multiclass" else 0)
    weight = np.ones(ev.n) if ev.weight is None else ev.weight
    texts = shared.texts(ev.inputs().iloc[[place]])[0]
    names = list(ev.features)
    steps = []
    for step, node in enumerate(np.flatnonzero(reached[place]).tolist()):
        inside, parent = reached[:, node], int(own.tree.parent[node])
        j = int(own.raw_index[own.tree.feature[parent]]) if parent >= 0 else -1
        feature = own.values[j].name if j >= 0 else ""
        mass = weight[inside].sum()
        steps.append(
            {
                "step": step,
                "feature": feature,
                "value": texts[names.index(feature)] if feature else "",
                "rule": own.rule(node)[0] if parent >= 0 else ALL,
                "estimate": float(weight[inside] @ answers[inside, g] / mass) if mass > 0 else np.nan,
                "n": int(inside.sum()),
                "where": own.region(node)[1],
            }
        )
    return DecisionPath(
        steps=pd.DataFrame(steps),
        row=int(row),
        answer=float(answers[place, g]),
        group=shared.groups(ev)[g],
        scale=shared.scale(ev),
        source=ev.source,
        settings={"row": int(row), "class_": chosen_class(class_)},
    )
