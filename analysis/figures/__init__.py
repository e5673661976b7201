"""``figure(result)``: one drawing per kind of result. Importing this package does not import plotly."""

from __future__ import annotations

import importlib
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.result import Result

if TYPE_CHECKING:
    import plotly.graph_objects as go


@singledispatch
def figure(result: Any) -> go.Figure:
    """Draw a result of any package.

    The drawing function is found by name: for a result defined in ``package.module`` the module ``package.figures.module`` is
    imported, which registers it with ``@figure.register``.

    Parameters
    ----------
    result : Result

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    NotApplicable
        Where this kind of result has no picture.
    """
    _import_twin(type(result))
    draw = figure.dispatch(type(result))
    if draw is figure.dispatch(object):
        raise NotApplicable(f"there is no picture for a result of type {type(result).__name__}")
    return draw(result)


def _import_twin(kind: type) -> None:
    for cls in kind.__mro__:
        package, _, module = cls.__module__.rpartition(".")
        if not package or cls in (object, Result):
            continue
        twin = f"{package}.figures.{module}"
        try:
            importlib.import_module(twin)
        except ModuleNotFoundError as error:
            if error.name is None or not twin.startswith(error.name):
                raise
        if figure.dispatch(kind) is not figure.dispatch(object):
            return
