"""The report: one self-contained HTML file from the same results and figures as every other face."""

from __future__ import annotations

from modelglass.app.report.build import report, written
from modelglass.app.report.sections import standing

__all__ = ["report", "standing", "written"]
