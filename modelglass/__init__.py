"""modelglass: see what a trained tabular model does on your data.

The front door holds the few names that scripts and notebooks start from. It is light: no Streamlit, no plotly and no
explainer library is imported by it.

>>> import modelglass as mg
>>> mg.__version__.count(".")
2
"""

from __future__ import annotations

from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.models.loading import load_model
from modelglass.analysis.reading import read_data

if TYPE_CHECKING:
    from pathlib import Path

__version__ = _version("modelglass")
__all__ = ["Evaluation", "dashboard", "figure", "load_model", "read_data", "report"]


def report(ev: Evaluation, path: str | Path, **settings: Any) -> Path:
    """Write one self-contained HTML file; see ``modelglass.app.report.report``."""
    from modelglass.app.report import report as write

    return write(ev, path, **settings)


def dashboard(ev: Evaluation, **settings: Any) -> Any:
    """Open the dashboard on an Evaluation in memory; see ``modelglass.app.dashboard.launch.dashboard``."""
    from modelglass.app.dashboard.launch import dashboard as open_dashboard

    return open_dashboard(ev, **settings)
