"""The model's answers on rows that were made noisy several times over: what analyses of single rows under noise read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.changed_answers import every_possible_row, inside
from modelglass.analysis.constraints import constraints as found_constraints
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.groups import Rows, rows_of
from modelglass.analysis.noise_robustness import UNMOVED, Noise, noisy
from modelglass.analysis.paired import default_metric, judged_answers
from modelglass.analysis.possible import Space
from modelglass.analysis.probing import Prober
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.refusals import Refused

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ROWS, DRAWS, STRENGTH = 2_000, 8, 0.1


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Drawn:
    """The rows as they are, and the answers in each draw of noise on all columns at once.

    ev      the rows used, a sample of those asked for
    clean   the same (``groups.rows_of``);  draws: the same with the answers of each draw
    asked   rows that the model was asked about
    settings    strength, constraints and rows, as results tell them
    """

    ev: Evaluation
    clean: Rows
    draws: tuple[Rows, ...]
    asked: int
    settings: Mapping[str, Any]

    def changed(self) -> np.ndarray:
        """Give by draw and row whether the decision is another one, or in regression how far the prediction moved: float64 (draws, n)."""
        if self.clean.task == "regression":
            return np.array([np.abs(d.predicted - self.clean.predicted) for d in self.draws], dtype=float)
        return np.array([d.predicted != self.clean.predicted for d in self.draws], dtype=float)


def check(ev: Evaluation, strength: float, draws: int) -> None:
    """Refuse predictions without a model, a strength that is none, and fewer than 2 draws."""
    if ev.model is None:
        raise NotApplicable("there is no model here, only predictions, and noise asks the model about changed rows")
    if isinstance(strength, str) or not (np.isfinite(strength) and strength > 0):
        raise InputError("Expected a strength of noise above 0, such as 0.1.", f"Got {strength!r}.")
    if isinstance(draws, bool) or not isinstance(draws, (int, np.integer)) or draws < 2:
        raise InputError("Expected a whole number of draws of noise, at least 2.", f"Got {draws!r}.")


def drawn(
    ev: Evaluation,
    *,
    strength: float,
    draws: int,
    constraints: Any,
    rows: int | None,
    seed: int,
    progress: Progress | None = None,
) -> Drawn:
    """Make rows noisy ``draws`` times, as ``noise_robustness`` does, and ask the model about them; all was checked (``check``).

    Raises
    ------
    NotApplicable
        Noise changes no row.
    InputError
        Contradictory constraints, or a model that raises an error on a possible row.
    """
    rules = found_constraints(ev, given=constraints)
    chosen, called = inside(ev.sample(rows), rules)
    prober = Prober(chosen, default_metric(chosen), None, 0.95, seed)
    space, clean, made = Space(rules, prober.inputs), rows_of(chosen), []
    noises = {name: Noise(chosen, name, seed) for name in chosen.features}
    for i in range(draws):
        for noise in noises.values():
            noise.draw(seed + 7_919 * i)
        columns, moved = noisy(space, {n: noise.on(prober.inputs[n], strength) for n, noise in noises.items()})
        what = (i / draws, (i + 1) / draws, f"noise, draw {i + 1} of {draws}")
        found = prober.answers(columns, np.flatnonzero(moved), progress, what)
        if isinstance(found, Refused):
            raise every_possible_row(found, f"row {found.row} with noise")
        made.append(judged_answers(chosen, *found, clean))
    if not prober.asked:
        raise NotApplicable(f"noise changes no row: {UNMOVED}")
    tell(progress, 1.0, "noise")
    settings = {"strength": strength, "constraints": called, "rows": chosen.n}
    return Drawn(ev=chosen, clean=clean, draws=tuple(made), asked=prober.asked, settings=settings)
