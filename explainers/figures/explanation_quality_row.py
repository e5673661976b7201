"""Draw the tests of the explanation of one row."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure
from modelglass.explainers.explanation_quality import KNOWN, TAKEN
from modelglass.explainers.explanation_quality_row import ExplanationQualityRow
from modelglass.explainers.figures.explanation_quality import common_words, tests_figure


@figure.register
def _(result: ExplanationQualityRow) -> go.Figure:
    which = f"largest {result.largest}" if result.largest > 1 else "largest column"
    words = {
        TAKEN: f"other sets that move less<br>than taking the {which} away",
        KNOWN: f"other sets that leave it further<br>than knowing the {which}",
        **common_words(which),
    }
    return tests_figure(result.tests, words, f"Row {result.row}: shares; dots: what random columns would give")
