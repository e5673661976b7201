"""Predictions only: the columns of the data are all there is, and no model can be asked."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.models.base import Model

REASON = "there is no model, only predictions"


class PredictionsOnly(Model):
    """Stands where a model would stand when predictions were made elsewhere; asking it raises NotApplicable."""

    kind: ClassVar[str] = "predictions only"

    def __init__(self, *, name: str = ""):
        super().__init__(None, name=name)

    def predict(self, X: Any) -> NoReturn:
        """Raise NotApplicable: there is nothing to ask."""
        raise NotApplicable(REASON)

    def scores(self, X: Any) -> NoReturn:
        """Raise NotApplicable: there is nothing to ask."""
        raise NotApplicable(REASON)
