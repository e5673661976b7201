"""The model's answers on rows that were made noisy several times over: what analyses of single rows under noise read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelglass.analysis.errors import InputError
from modelglass.analysis.groups import Rows, rows_of
from modelglass.analysis.noise_robustness import Noise, noisy
from modelglass.analysis.paired import default_metric, judged_answers
from modelglass.analysis.possible import Space
from modelglass.analysis.probing import Prober, Refused
from modelglass.analysis.progress import Progress, tell

if TYPE_CHECKING:
    from modelglass.analysis.constraints import Constraints
    from modelglass.analysis.evaluation import Evaluation


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Drawn:
    """The rows as they are, and the answers in each draw of noise on all columns at once.

    clean   the rows (``groups.rows_of``);  draws: the same with the answers of each draw
    asked   rows that the model was asked about
    """

    clean: Rows
    draws: tuple[Rows, ...]
    asked: int

    def changed(self) -> np.ndarray:
        """Give by draw and row whether the decision is another one, or in regression how far the prediction moved: float64 (draws, n)."""
        if self.clean.task == "regression":
            return np.array([np.abs(d.predicted - self.clean.predicted) for d in self.draws], dtype=float)
        return np.array([d.predicted != self.clean.predicted for d in self.draws], dtype=float)


def drawn(
    ev: Evaluation, rules: Constraints, *, strength: float, draws: int, seed: int, progress: Progress | None = None
) -> Drawn:
    """Make all rows of ``ev`` noisy ``draws`` times, as ``noise_robustness`` does, and ask the model about them.

    Raises
    ------
    InputError
        The model raises an error on a possible row.
    """
    prober = Prober(ev, default_metric(ev), None, 0.95, seed)
    space, clean, made = Space(rules, prober.inputs), rows_of(ev), []
    for i in range(draws):
        noises: Mapping[str, Noise] = {name: Noise(ev, name, seed + 7_919 * i) for name in ev.features}
        columns, moved = noisy(space, {n: noises[n].on(prober.inputs[n], strength) for n in ev.features})
        what = (i / draws, (i + 1) / draws, f"noise, draw {i + 1} of {draws}")
        found = prober.answers(columns, np.flatnonzero(moved), progress, what)
        if isinstance(found, Refused):
            raise InputError(
                "Expected the model to answer every possible row.",
                f"On row {found.row} with noise it raised {found.error}; the row is {dict(found.input)}.",
                "Ask it about that row alone to see why, or narrow the constraints.",
            )
        made.append(judged_answers(ev, *found, clean))
    tell(progress, 1.0, "noise")
    return Drawn(clean=clean, draws=tuple(made), asked=prober.asked)
