"""From file names to an Evaluation: what the command line and the dashboard open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from modelglass.analysis.errors import InputError, listed, unknown_name
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.models.address import masked
from modelglass.analysis.models.loading import load_model
from modelglass.analysis.reading import ReadFile, read_file
from modelglass.analysis.selfcheck import Note

NO_MODEL = "-"


def open_evaluation(
    model: str,
    data: str,
    *,
    target: str,
    prediction: str | None = None,
    score: Sequence[str] = (),
    quantile: Sequence[str] = (),
    na: Sequence[str] = (),
    where: str | None = None,
    trust: bool = False,
    trust_types: Sequence[str] = (),
    train: str | None = None,
    reference: str | None = None,
    baseline: str | None = None,
    label: Mapping[Any, Any] | Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    columns: str | None = None,
    output_column: int | str | None = None,
    **roles: Any,
) -> Evaluation:
    """Load a model file and a data file and evaluate the one on the other.

    Parameters
    ----------
    model : str
        Path of a model; ``"-"`` for predictions made elsewhere (then ``prediction`` and ``score`` name columns; a score may
        be ``"CLASS=COL"``).
    quantile : sequence of str
        Promised quantiles of a number, ``"SHARE=COL"`` such as ``"0.05=low"``.
    data : str
        Path of a data file with the target.
    na : sequence of str
        More texts that mean missing in a CSV.
    columns : str, optional
        Path of a YAML file with description, unit, level order and expected direction of columns; see ``describing.read_columns``.
    trust, trust_types
        See ``load_model``.
    train, reference, baseline : str, optional
        Paths of other data and of another model; see ``Evaluation``. Refused without a model, as are ``label``, ``features``
        and ``output_column``.
    where : str, optional
        A condition: only these rows.
    roles
        As of ``Evaluation``.
    """
    read = read_file(data, na=na)
    notes = _reading_notes(read)
    if target not in read.frame.columns:
        raise unknown_name("column for --target", target, read.frame.columns)
    common = {
        "target": target,
        "name": read.name,
        "data_fingerprint": _fingerprint(read, na),
        "columns": columns,
        "quantiles": _quantiles(read.frame, quantile),
        **roles,
    }
    if model == NO_MODEL:
        asked = {"label": label, "features": features, "output-column": output_column}
        _refuse_without_model({"train": train, "reference": reference, "baseline": baseline, **asked})
        ev = _from_columns(read.frame, prediction, score, common)
    else:
        if prediction or score:
            raise InputError(
                "Expected --prediction and --score only without a model (MODEL given as -).",
                f"The model is {masked(model)}.",
                "Leave them out, or give - for the model.",
            )
        loaded = load_model(model, trust=trust, trust_types=trust_types)
        others: dict[str, Any] = {
            "train": _beside(train, na),
            "reference": _beside(reference, na),
            "baseline": None if baseline is None else load_model(baseline, trust=trust, trust_types=trust_types),
        }
        ev = Evaluation(
            loaded, read.frame, label=label, features=features, output_column=output_column, **others, **common
        )
    ev = ev.noted(notes)
    return ev.where(where) if where is not None else ev


def _quantiles(frame: pd.DataFrame, given: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        share, equals, column = text.partition("=")
        if not equals or share in found:
            raise InputError("Expected --quantile SHARE=COL, each share once, such as 0.05=low.", f"Got {list(given)}.")
        if column not in frame.columns:
            raise unknown_name("column of quantiles", column, frame.columns)
        found[share] = column
    return found


def _beside(path: str | None, na: Sequence[str]) -> ReadFile | None:
    if path is None:
        return None
    read = read_file(path, na=na)
    return replace(read, fingerprint=_fingerprint(read, na))


def _fingerprint(read: ReadFile, na: Sequence[str]) -> str:
    return read.fingerprint + "|".join(sorted(na))


def _refuse_without_model(given: Mapping[str, Any]) -> None:
    """Refuse what only a model can use, instead of leaving it out in silence."""
    useless = [name for name, value in given.items() if value]
    if useless:
        raise InputError(
            f"Expected {listed(f'--{n}' for n in useless)} only with a model.",
            "There is none (MODEL given as -).",
            "Leave them out, or give the model.",
        )


def _reading_notes(read: ReadFile) -> list[Note]:
    notes = [Note(level="info", text=text) for text in read.notes]
    if not read.missing_values:
        return notes
    texts = ", ".join(repr(v) for v in sorted(read.missing_values))
    return [*notes, Note(level="info", text=f"These texts count as missing in {read.name}: {texts}.")]


def _from_columns(
    frame: pd.DataFrame, prediction: str | None, score: Sequence[str], common: Mapping[str, Any]
) -> Evaluation:
    pairs = [s.rpartition("=") for s in score]
    named = {name: column for name, equals, column in pairs if equals}
    for column in [c for c in (prediction, *(p[2] for p in pairs)) if c]:
        if column not in frame.columns:
            raise unknown_name("column of predictions or scores", column, frame.columns)
        if column == common["target"]:
            raise InputError(
                f"Expected predictions or scores in another column than the target {column!r}.",
                "It was named as both: every outcome would be predicted rightly.",
                "Name the column that holds the predictions.",
            )
    if (named and len(named) != len(pairs)) or (len(pairs) > 1 and not named):
        raise InputError("Expected either one --score COL, or --score CLASS=COL for each class.", f"Got {list(score)}.")
    scores = {n: frame[c] for n, c in named.items()} if named else frame[pairs[0][2]] if pairs else None
    used = [c for c in (prediction, *(p[2] for p in pairs)) if c]
    common = {**common, "ignore": [*common.get("ignore", ()), *used]}
    target = common["target"]
    return Evaluation.from_predictions(
        frame[target], frame[prediction] if prediction else None, scores, frame, **common
    )
