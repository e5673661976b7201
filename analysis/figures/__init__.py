"""``figure(result)``: one drawing per kind of result. Importing this package does not import plotly."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import singledispatch
from typing import TYPE_CHECKING, Any, TypeVar

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.result import Result

if TYPE_CHECKING:
    import plotly.graph_objects as go

Drawing = TypeVar("Drawing", bound=Callable[[Any], Any])


@singledispatch
def _draw(result: Any) -> go.Figure:
    _import_twin(type(result))
    draw = _draw.dispatch(type(result))
    if draw is _draw.dispatch(object):
        raise NotApplicable(f"there is no picture for a result of type {type(result).__name__}")
    return draw(result)


class _Figure:
    """Draws a result of any package; drawings register themselves with ``@figure.register``."""

    def register(self, draw: Drawing) -> Drawing:
        """Make this function draw the results of the type that its first parameter names."""
        return _draw.register(draw)  # type: ignore[arg-type, return-value]

    def __call__(self, result: Any) -> go.Figure:
        """Draw a result of any package.

        The drawing function is found by name: for a result defined in ``package.module`` the module ``package.figures.module`` is
        imported, which registers it with ``@figure.register``. Units and descriptions of columns (``--columns``) are put on
        axes and hovers.

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
        made, source = _draw(result), getattr(result, "source", None)
        if source is not None and source.columns:
            from modelglass.analysis.figures.described import describe_figure

            describe_figure(made, source.columns, source.target)
        return made


figure = _Figure()


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
        if _draw.dispatch(kind) is not _draw.dispatch(object):
            return
