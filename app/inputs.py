"""What a person gives on the command line (or in a file): checked once, then opened."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelglass.analysis.errors import InputError
from modelglass.analysis.models.address import is_address

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

PICKLES = (".joblib", ".pkl", ".pickle")


class Inputs(BaseModel):
    """One model, one data set, and what is what in it. Field names are the long options of the command line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    data: str
    target: str
    task: str | None = None
    positive: str | None = None
    label: list[str] = Field(default_factory=list)
    features: list[str] | None = None
    output_column: str | None = None
    weight: str | None = None
    time: str | None = None
    id: str | None = None
    cluster: str | None = None
    ignore: list[str] = Field(default_factory=list)
    type: dict[str, str] = Field(default_factory=dict)
    na: list[str] = Field(default_factory=list)
    columns: str | None = None
    where: str | None = None
    threshold: float | None = None
    train: str | None = None
    reference: str | None = None
    baseline: str | None = None
    prediction: str | None = None
    score: list[str] = Field(default_factory=list)
    quantile: list[str] = Field(default_factory=list)
    seed: int = 0
    trust: bool = False
    trust_type: list[str] = Field(default_factory=list)

    def open(self, ask: Callable[[str], bool] | None = None) -> Evaluation:
        """Load, check, predict.

        Parameters
        ----------
        ask : callable, optional
            Asked whether to trust a pickle, where ``trust`` was not given; without it the answer is no.
        """
        from modelglass.analysis.opening import open_evaluation

        given = self.model_dump(exclude={"label", "type", "trust", "trust_type"})
        risky = [m for m in (self.model, self.baseline) if m is not None and is_pickle(m)]
        trust = self.trust or (
            ask is not None
            and bool(risky)
            and all(ask(f"{m} is a pickle: loading it can run any code. Load it") for m in risky)
        )
        return open_evaluation(
            **given, label=self.label or None, types=self.type, trust=trust, trust_types=self.trust_type
        )


def is_pickle(model: str) -> bool:
    """Say whether a model is given as a file that can run any code; a server's address is asked, whatever its name ends with."""
    return model.lower().endswith(PICKLES) and not is_address(model)


def checked(**given: Any) -> Inputs:
    """Build ``Inputs``, with an error for people."""
    try:
        return Inputs(**given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"Expected a usable value for --{first['loc'][0]}.", f"Got {first.get('input')!r}: {first['msg']}."
        ) from None


def pairs(values: tuple[str, ...], option: str, *, first: bool = False) -> dict[str, str]:
    """Read ``A=B`` texts; the last ``=`` parts them (columns may have one in their name), or the first (conditions do)."""
    found = {}
    for text in values:
        left, equals, right = text.partition("=") if first else text.rpartition("=")
        if not equals or not left or not right:
            raise InputError(f"Expected {option} as LEFT=RIGHT.", f"Got {text!r}.")
        found[left] = right
    return found


def names(text: str | list[str] | None) -> list[str]:
    """Read comma-separated names; a list (from a file) is one already."""
    if isinstance(text, list):
        return text
    return [n.strip() for n in text.split(",") if n.strip()] if text else []


def at_terminal() -> bool:
    """Whether a person can answer a question."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
