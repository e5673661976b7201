"""Planted defects are found and clean worlds are let be: a few seeds of the table in ``benchmarks/RESULTS.md`` (``benchmarks/defects.py``)."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import modelglass as mg
from modelglass.analysis import findings

sys.path.append(str(Path(__file__).resolve().parents[1] / "defects"))
from planted import KINDS, Claim, make

SEED = {"classification": 0, "regression": 1}
PLANTS = [(kind, tasks[i % len(tasks)]) for i, (kind, (_, tasks)) in enumerate(KINDS.items())]
PLANTS += [("label noise", task) for task in SEED if ("label noise", task) not in PLANTS]


def claims(world):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the worlds' models warn of levels they never met
        ev = mg.Evaluation(
            world.model, world.test, target=world.target, positive=world.positive, train=world.train, **world.options
        )
        found = findings(ev, budget=120.0).found
    out = []
    for f in found:
        rows = None
        if f.where:
            rows = np.zeros(len(world.test), dtype=bool)
            rows[ev.where(f.where).rows] = True
        out.append(Claim(severity=f.severity, text=f.sentence, rows=rows, columns=f.features, kind=f.kind))
    return out


@pytest.mark.parametrize(("kind", "task"), PLANTS)
def test_a_planted_defect_is_found(kind, task):
    world = make(kind, "larger", task, SEED[task])
    said = claims(world)
    assert world.truth.found(said), [(c.severity, c.text) for c in said]


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_clean_world_has_nothing_high(task):
    assert not [c.text for c in claims(make("clean", "", task, SEED[task])) if c.severity == "high"]
