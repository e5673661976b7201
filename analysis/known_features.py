"""Which features are meant: those named, checked; all where none are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelglass.analysis.errors import unknown_name

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation


def known_features(ev: Evaluation, names: Any) -> list[str]:
    """Check names of features; a single name counts as a list of one, none as all."""
    if names is None or not len(names):
        return list(ev.features)
    chosen = [names] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in ev.features:
            raise unknown_name("feature that the model reads", str(name), ev.features)
    return chosen
