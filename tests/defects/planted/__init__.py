"""Worlds with planted defects, clean worlds beside them, and what counts as found: the examiner of ``findings`` and of other tools.

Stands on numpy, pandas, scipy and scikit-learn only, so that every tool can sit the examination in its own environment.
"""

from __future__ import annotations

from .held_out import HELD_OUT
from .kinds import KINDS
from .oracle import evidence, true_gap
from .truth import COUNTED, Claim, Truth
from .worlds import STRENGTHS, TASKS, World, clean, planted

__all__ = [
    "COUNTED",
    "HELD_OUT",
    "KINDS",
    "STRENGTHS",
    "TASKS",
    "Claim",
    "Truth",
    "World",
    "clean",
    "evidence",
    "make",
    "planted",
    "true_gap",
]


def make(kind: str, strength: str, task: str, seed: int) -> World:
    """Give the world of a kind of defect by name, or the clean one."""
    if kind == "clean":
        return clean(task, seed)
    plant, tasks = (KINDS | HELD_OUT)[kind]
    if task not in tasks:
        raise ValueError(f"{kind} makes no sense in {task}.")
    return planted(plant, kind, task, strength, seed)
