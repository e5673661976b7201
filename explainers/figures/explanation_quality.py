"""Draw the tests of an explanation: each a share with its interval, beside what chance alone would give."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.explanation_quality import (
    AGREES,
    CARRIED,
    COMPACT,
    ERROR,
    KNOWN,
    STABLE,
    TAKEN,
    ExplanationQuality,
)


@figure.register
def _(result: ExplanationQuality) -> go.Figure:
    which = _which(result.largest)
    words = {
        TAKEN: f"rows where taking the<br>{which} away moves more",
        KNOWN: f"rows where knowing the<br>{which} brings nearer",
        **common_words(which),
    }
    return tests_figure(result.tests, words, "Shares; dots: what random columns would give")


def _which(largest: int) -> str:
    return f"largest {largest}" if largest > 1 else "largest column"


def common_words(which: str) -> dict[str, str]:
    """Say what the tests that need no other row are shares of."""
    return {
        STABLE: f"of the {which} that stay<br>when numbers change a little",
        AGREES: f"of the {which} found by<br>replacing one at a time",
        COMPACT: f"of the columns carry<br>{CARRIED:.0%} of the explanation",
        ERROR: "sampling error<br>over size",
    }


def tests_figure(table: pd.DataFrame, words: Mapping[str, str], title: str) -> go.Figure:
    """Draw tests as ``ExplanationQuality.tests`` holds them."""
    names = [words[a] for a in table.aspect]
    made = style.new_figure(title, height=130 + 46 * len(table))
    colours = [style.faint(style.GREY if a in (COMPACT, ERROR) else style.BLUE, 0.55) for a in table.aspect]
    made.add_bar(
        x=table.estimate,
        y=names,
        orientation="h",
        marker={"color": colours, "line": {"width": 0}},
        error_x=style.intervals(table.low, table.estimate, table.high),
        hoverinfo="text",
        hovertext=style.hover_texts(
            test=table.aspect, share=table.estimate, low=table.low, high=table.high, chance=table.chance, rows=table.n
        ),
    )
    known = np.isfinite(table.chance)
    made.add_scatter(
        x=table.chance[known],
        y=[n for n, k in zip(names, known, strict=True) if k],
        mode="markers",
        marker={"color": style.ORANGE, "size": 9},
        hoverinfo="skip",
    )
    made.update_xaxes(tickformat=".0%", range=[0, max(1.02, float(np.nanmax(table.estimate)) * 1.05)])
    return made.update_yaxes(autorange="reversed", showgrid=False, type="category")
