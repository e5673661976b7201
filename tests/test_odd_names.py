"""Every analysis on data whose names and levels hold control characters and marks that turn text round."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import modelglass as mg
from modelglass.analysis.errors import MissingPackage, NotApplicable
from modelglass.analysis.figures import figure
from modelglass.analysis.registry import fitting, run

ODD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
NOT_SHOWN = {"customdata", "meta", "ids", "legendgroup", "offsetgroup", "alignmentgroup"}
ASKED = {"concept_activation": {"concepts": '"\u202eevil" > 0'}, "fairness": {"groups": ["s\x1bex"]}}
NAMES = [a.name for a in fitting("binary") if a.cost != "minutes"]


@pytest.fixture(scope="module")
def evaluation():
    rng = np.random.default_rng(0)
    number, text = "\u202eevil", "s\x1bex"
    frame = pd.DataFrame({number: rng.normal(size=300), text: rng.choice(["\u2066x\x9b", "y\x07"], 300)})
    y = np.where(frame[number] + rng.normal(size=300) > 0, "\u202eyes", "no\x1b]0;x\x07")
    coded = make_column_transformer((OneHotEncoder(), [text]), remainder="passthrough")
    model = make_pipeline(coded, LogisticRegression()).fit(frame, y)
    return mg.Evaluation(model, frame.assign(t=y), target="t")


def shown(part: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key not in NOT_SHOWN:
                yield from shown(value, f"{name}.{key}")
    elif isinstance(part, (list, tuple, np.ndarray)):
        for value in part:
            yield from shown(value, name)
    elif isinstance(part, str):
        yield name, part


@pytest.mark.parametrize("name", NAMES)
def test_neither_figure_nor_printed_table_holds_them(name, evaluation):
    record = next(a for a in fitting("binary") if a.name == name)
    settings = {**{s.name: 3 for s in record.settings if s.kind == "row"}, **ASKED.get(name, {})}
    try:
        result = run(evaluation, record, **settings).result
    except MissingPackage as lacking:
        pytest.skip(str(lacking))
    if result is None:
        pytest.skip("cannot say")
    assert not ODD.search(result.text())
    try:
        made = figure(result).to_plotly_json()
    except NotApplicable:
        return
    assert not [(where, text) for where, text in shown(made) if ODD.search(text)]
    assert not [(where, text) for where, text in shown(made) if "&lt;br" in text], (
        "escaped twice, a line break is read as text"
    )
