"""The object that the contract names for ``--json``: the command line prints it, the dashboard offers it as a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation
    from modelglass.analysis.registry import Outcome


def as_object(ev: Evaluation, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Give version, source, notes and what came of some analyses, ready for strict JSON."""
    from modelglass import __version__
    from modelglass.analysis.result import as_json, result_json

    return {
        "modelglass": __version__,
        "source": as_json(ev.source.as_dict()),
        "notes": [{"level": n.level, "text": n.text} for n in ev.notes],
        "results": [
            {"analysis": o.analysis.name, "not_applicable": o.reason}
            if o.result is None
            else result_json(o.analysis.name, o.result)
            for o in outcomes
        ],
    }
