"""Which columns of a LightGBM model the recorded levels belong to: its files hold the levels in the order of the columns, without names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from modelglass.analysis.errors import InputError, listed

_DECLARED = re.compile(r"^\[categorical_feature: ([\d,]*)\]$", re.MULTILINE)
_RANGE = re.compile(r"\[(-?\d+):(-?\d+)\]")
NONE = "none"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Levels:
    """The levels that a model recorded, and what it says of its columns.

    lists     levels of each pandas-categorical column, in the order of the columns
    infos     for each column: "[lowest:highest]" of a number, "2:0:1" (codes) of a category, "none" of a column that no tree may ask
    declared  places of the columns that the model takes as categories, where it says so
    """

    lists: tuple[tuple[Any, ...], ...]
    infos: tuple[str, ...]
    declared: frozenset[int]

    def alone(self, names: Sequence[str]) -> dict[str, list[Any]]:
        """Give the levels by the model's own names where its file alone decides; else {}."""
        found = self._fitting(None)
        return self._by_name(found[0], names) if len(found) == 1 else {}

    def _by_name(self, places: tuple[int, ...], names: Sequence[str]) -> dict[str, list[Any]]:
        return {str(names[place]): list(one) for place, one in zip(places, self.lists, strict=True)}

    def of(self, X: pd.DataFrame, train: pd.DataFrame | None) -> dict[str, list[Any]]:
        """Give the levels by name for a frame of the model's columns in its order.

        What the file says decides; where it leaves a choice, which columns are categories here or in the training data; else which
        columns hold texts, and which of the levels.

        Raises
        ------
        InputError
            More than one choice of columns fits, or none.
        """
        if not self.lists:
            return {}
        found = self._fitting(None)
        if len(found) != 1:
            named = [c for c in X if any(_is_category(f, str(c)) for f in (X, train))]
            if len(named) == len(self.lists):
                return {str(c): list(one) for c, one in zip(named, self.lists, strict=True)}
            found = self._fitting(X) or self._fitting(X, texts=True)  # a stray text is refused by name later
        if len(found) == 1:
            return self._by_name(found[0], list(X.columns))
        count = "column" if len(self.lists) == 1 else f"{len(self.lists)} columns"
        choices = " or ".join(listed(repr(str(X.columns[place])) for place in one) for one in found)
        raise InputError(
            f"Expected to find the {count} whose levels the LightGBM model recorded without names.",
            f"More than one choice fits: {choices}." if found else "No choice of columns fits what these hold.",
            "Give these columns as categories: data, or --train, as a Parquet file with columns of the type category.",
        )

    def _fitting(self, X: pd.DataFrame | None, texts: bool = False) -> list[tuple[int, ...]]:
        """Find choices of places, one for each list in order: at most two that differ in a column that trees ask.

        A column of ``X`` that holds no numbers must have one of the lists, unless ``texts``.
        """
        states: list[dict[tuple[int, ...], tuple[int, ...]]] = [{(): ()}, *({} for _ in self.lists)]
        for place, info in enumerate(self.infos):
            values = None if X is None else X.iloc[:, place]
            for i in range(len(self.lists), -1, -1):
                stay = states[i] if values is None or texts or _is_number(values) else {}
                joined = dict(stay)
                if i and states[i - 1] and self._fits(place, self.lists[i - 1], values):
                    for asked, places in states[i - 1].items():
                        key = asked if info == NONE else (*asked, place)
                        joined.setdefault(key, (*places, place))
                states[i] = dict(list(joined.items())[:2])
        return list(states[-1].values())

    def _fits(self, place: int, levels: Sequence[Any], values: pd.Series | None) -> bool:
        info = self.infos[place]
        if info.startswith("["):  # an ordered category, which LightGBM takes as a number
            bounds = _RANGE.fullmatch(info)
            if bounds is None or place in self.declared or not 0 <= int(bounds[1]) <= int(bounds[2]) < len(levels):
                return False
        elif info != NONE and max(map(int, info.split(":"))) >= len(levels):
            return False
        if values is None:
            return True
        here = pd.unique(values.dropna().astype("object"))
        return not len(here) or not set(levels).isdisjoint(here.tolist())


def read_levels(text: str, lists: Sequence[Sequence[Any]] | None) -> Levels:
    """Read what a model's text says of its columns; ``lists`` are the levels as LightGBM gives them."""
    infos = next(line for line in text.split("\n") if line.startswith("feature_infos="))
    declared = _DECLARED.search(text)
    return Levels(
        lists=tuple(tuple(one) for one in lists or ()),
        infos=tuple(infos[len("feature_infos=") :].split(" ")),
        declared=frozenset(int(n) for n in declared[1].split(",") if n) if declared else frozenset(),
    )


def _is_category(frame: pd.DataFrame | None, name: str) -> bool:
    return frame is not None and name in frame and isinstance(frame[name].dtype, pd.CategoricalDtype)


def _is_number(values: pd.Series) -> bool:
    """Say whether LightGBM takes the column as it is."""
    return pd.api.types.is_numeric_dtype(values.dtype) and not isinstance(values.dtype, pd.CategoricalDtype)
