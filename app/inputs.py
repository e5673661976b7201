"""What a person gives on the command line (or in a file): checked once, then opened."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelglass.analysis.errors import InputError, quoted
from modelglass.analysis.models.address import is_address

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

PICKLES = (".joblib", ".pkl", ".pickle")
IN_QUOTES = 'A name with a comma or outer blanks goes in double quotes, "" for a quote within.'
_QUOTED = r'\s*"((?:[^"]|"")*)"(?!")\s*'
_PART = re.compile(_QUOTED + r'|((?!\s*")[^,]*)')
_CROSSED_PART = re.compile(_QUOTED + r'|((?!\s*")(?:(?!\*\s*")[^,])*)')
"""A name in quotes, or what stands up to the next comma (or the * before a quote); nothing where a quote is not closed."""


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


def names(text: str | list[str] | None, option: str) -> list[str]:
    """Read names separated by commas; a list (from a file) is one already.

    A name in double quotes is taken as it stands, commas and outer blanks included; a double quote within is written twice (as in SQL
    and CSV, RFC 4180). Without text there are none.

    Raises
    ------
    InputError
        A text without any name; a quote that is not closed, or followed by something else than a comma.

    >>> names('age, "a,b", "say ""x"" "', "--by")
    ['age', 'a,b', 'say "x" ']
    """
    return [part for item in _items(text, option, crossed=False) for part, _ in item]


def crossed_names(text: str | list[str] | None, option: str) -> list[str | tuple[str, ...]]:
    """Read names as ``names`` does, some of them crossed (``a*b``); those of which a part stands in quotes as tuples.

    >>> crossed_names('sex,sex*race,"a,b"*sex,"x*y"', "--by")
    ['sex', 'sex*race', ('a,b', 'sex'), ('x*y',)]
    """
    found: list[str | tuple[str, ...]] = []
    for item in _items(text, option, crossed=True):
        if any(as_is for _, as_is in item):
            parts = [[name] if as_is else name.split("*") for name, as_is in item]
            found.append(tuple(part if len(p) == 1 else part.strip() for p in parts for part in p))
        else:
            found.append(item[0][0])
    return found


def _items(text: str | list[str] | None, option: str, *, crossed: bool) -> list[list[tuple[str, bool]]]:
    """Give the parts of each item, (name, whether it stood in quotes); one part where nothing can be crossed."""
    if text is None or isinstance(text, list):
        return [[(name, False)] for name in text or ()]
    items: list[list[tuple[str, bool]]] = [[]]
    at, sign = 0, ","
    while sign:
        found = (_CROSSED_PART if crossed else _PART).match(text, at)
        if found is None:
            raise _unclosed(text, option, crossed)
        if found[1] is not None:
            items[-1].append((found[1].replace('""', '"'), True))
        elif found[2].strip():
            items[-1].append((found[2].strip(), False))
        elif sign == "*":
            raise _unclosed(text, option, crossed)
        at, sign = found.end() + 1, text[found.end() : found.end() + 1]
        if sign == ",":
            items.append([])
        elif sign and not (crossed and sign == "*"):
            raise _unclosed(text, option, crossed)
    kept = [item for item in items if item]
    if not kept:
        raise InputError(
            f"Expected at least one name for {option}.", f"Got {text!r}.", f"Name one, or leave {option} out."
        )
    return kept


def written(name: str) -> str:
    """Write one name so that ``names`` reads exactly that one.

    >>> written("age"), written("a,b")
    ('age', '"a,b"')
    """
    plain = name == name.strip() and name and "," not in name and not name.startswith('"')
    return name if plain else '"' + name.replace('"', '""') + '"'


def _unclosed(text: str, option: str, crossed: bool) -> InputError:
    return InputError(
        f"Expected a closing double quote, and then a comma{', a *' if crossed else ''} or the end, after each name in double quotes for {option}.",
        f"Got {quoted(text)}.",
        'Write a double quote within such a name twice: "5"" nails".',
    )


def at_terminal() -> bool:
    """Whether a person can answer a question."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
