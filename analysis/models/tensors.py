"""Tensors of the Open Inference Protocol (version 2) in JSON: columns of a table into them, and answers out of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError
from modelglass.analysis.models.fed_columns import exact_numbers, refuse_missing

FLOATS = {"FP16": "float16", "FP32": "float32", "FP64": "float64"}
WHOLE = {f"{sign}INT{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
NUMBERS = {**FLOATS, **WHOLE, "BOOL": "bool"}
KNOWN = (*NUMBERS, "BYTES")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensor:
    """One input or output as a server describes it.

    shape       lengths, -1 where any; parameters: what the server adds, "content_type" say
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Columns of it: 1 for one value a row, -1 where any."""
        return self.shape[1] if len(self.shape) == 2 else 1

    def text(self) -> str:
        """Say it for people."""
        return f"{self.name} ({self.datatype} {list(self.shape)})"


def described(found: Any, side: str, server: str) -> list[Tensor]:
    """Read the list of inputs or outputs in what a server says of a model; empty where it says none.

    Raises
    ------
    InputError
        It is no such list.
    """
    tensors = []
    for item in found or [] if isinstance(found, (list, type(None))) else [None]:
        shape = item.get("shape") if isinstance(item, dict) else None
        if (
            not isinstance(item, dict)
            or not isinstance(item.get("name"), str)
            or not isinstance(item.get("datatype"), str)
            or not isinstance(shape, list)
            or not all(type(n) is int for n in shape)
        ):
            raise InputError(
                f"Expected {side} with name, datatype and shape in what {server} says of the model.",
                f"Got {str(item if isinstance(item, dict) else found)[:200]}.",
                "Check that the server speaks the Open Inference Protocol v2.",
            )
        parameters = item.get("parameters")
        tensors.append(
            Tensor(
                name=item["name"],
                datatype=item["datatype"],
                shape=tuple(shape),
                parameters=parameters if isinstance(parameters, dict) else {},
            )
        )
    return tensors


# into tensors --------------------------------------------------------------------------------------------------------


def usual_type(values: pd.Series) -> str:
    """Give the datatype of a column that the server does not name."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return "BYTES" if values.isna().any() else "BOOL"
    if pd.api.types.is_integer_dtype(values.dtype):
        return "FP64" if values.isna().any() else "INT64"
    return "FP64" if pd.api.types.is_numeric_dtype(values.dtype) else "BYTES"


def column(values: pd.Series, datatype: str) -> np.ndarray:
    """Give one column as an array of what JSON will hold: float64 with NaN for missing, whole numbers, booleans or texts.

    Raises
    ------
    InputError
        It cannot be so without changing or inventing values.
    """
    if datatype not in FLOATS:
        refuse_missing(values, f"the server reads it as {datatype}, which has no missing values")
    if datatype == "BYTES":
        return _texts(values)
    try:
        exact = exact_numbers(values)
        if exact.dtype.kind not in "biuf":
            raise _unlike(values, datatype)
        with np.errstate(over="ignore", invalid="ignore"):
            cast = exact.astype(NUMBERS[datatype])
    except (ValueError, TypeError):
        raise _unlike(values, datatype) from None
    if datatype in FLOATS:
        numbers = exact.astype("float64", copy=False)
        if np.isinf(cast).any():
            raise InputError(
                f"Expected finite numbers in the column {values.name!r} that fit into {datatype}.",
                f"Row {values.index[int(np.isinf(cast).argmax())]} holds {numbers[np.isinf(cast)][0]:g}.",
                "Repair these rows: neither JSON nor the server's type holds such a number.",
            )
        return numbers
    if not (cast == exact).all():
        raise _unlike(values, datatype, exact[cast != exact][0])
    return cast


def _texts(values: pd.Series) -> np.ndarray:
    kind = values.cat.categories.dtype if isinstance(values.dtype, pd.CategoricalDtype) else values.dtype
    if pd.api.types.is_float_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind) or kind.kind == "m":
        raise _unlike(values, "BYTES")
    return values.astype("object").map(str).to_numpy(dtype=object)


def _unlike(values: pd.Series, datatype: str, odd: Any = None) -> InputError:
    if odd is None:
        known = values.dropna()
        odd = next((v for v in known if not isinstance(v, (int, float, np.number))), known.iloc[0])
    odd = odd.item() if isinstance(odd, np.generic) else odd
    what = "text" if datatype == "BYTES" else datatype
    return InputError(
        f"Expected the column {values.name!r} as the server reads it: {what}.",
        f"It holds {values.dtype}, such as {odd!r}.",
        "Give the column the type it had in training, or describe it otherwise on the server.",
    )


def tensor(
    name: str, datatype: str, values: np.ndarray, shape: Sequence[int], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Give an input for a request; NaN becomes null, as JSON has no other word for it."""
    flat = values.reshape(-1)
    data = flat.tolist()
    if datatype in FLOATS and np.isnan(flat).any():
        data = [None if math.isnan(v) else v for v in data]
    made = {"name": name, "shape": list(shape), "datatype": datatype, "data": data}
    return {**made, "parameters": dict(parameters)} if parameters else made


# out of tensors ------------------------------------------------------------------------------------------------------


def read_outputs(found: Any, rows: int, server: str) -> dict[str, tuple[str, np.ndarray]]:
    """Read the outputs of an answer: name -> (datatype, array of shape (rows,) or (rows, k)).

    Raises
    ------
    InputError
        An output is not as the protocol has it, or is not for these rows.
    """
    described(found, "outputs", server)
    if not found:
        raise InputError(
            f"Expected outputs in the answer of {server}.", "There are none.", "Check the model on the server."
        )
    return {item["name"]: (item["datatype"], _array(item, rows, server)) for item in found}


def _array(item: Mapping[str, Any], rows: int, server: str) -> np.ndarray:
    name, datatype, shape = str(item["name"]), str(item["datatype"]), tuple(item["shape"])
    expected = f"Expected the output {name!r} of {server} to give one row of values for each of {rows:,} rows."
    check = "Check what the model on the server returns."
    if datatype not in KNOWN:
        raise InputError(
            f"Expected the output {name!r} of {server} as {', '.join(KNOWN)}.", f"It is {datatype}.", check
        )
    data = item.get("data")
    if not isinstance(data, list):
        raise InputError(
            f"Expected the values of the output {name!r} of {server} in JSON (data).",
            "There are none.",
            "Let the server answer in JSON, not in binary.",
        )
    flat = _flat(data)
    if len(shape) not in (1, 2) or shape[0] != rows or math.prod(shape) != len(flat):
        raise InputError(expected, f"It has the shape {list(shape)} and {len(flat):,} values.", check)
    return _values(flat, datatype, f"the output {name!r} of {server}").reshape(shape)


def _flat(data: list[Any]) -> list[Any]:
    """Flatten lists in lists, as far as a table goes: the protocol allows both writings."""
    return [v for item in data for v in (item if isinstance(item, list) else [item])]


def _values(flat: list[Any], datatype: str, what: str) -> np.ndarray:
    if datatype == "BYTES":
        fits: Any = str
    elif datatype == "BOOL":
        fits = bool
    else:
        fits = (int, float, type(None)) if datatype in FLOATS else int
    odd = next((v for v in flat if not isinstance(v, fits) or (fits is not bool and isinstance(v, bool))), ...)
    if odd is not ...:
        raise InputError(
            f"Expected {datatype} in {what}.",
            f"It holds {str(odd)[:80]!r}.",
            "Check what the model on the server returns.",
        )
    if datatype == "BYTES":
        return np.array(flat, dtype=object)
    try:
        return np.array(flat, dtype="float64" if datatype in FLOATS else "int64" if datatype in WHOLE else "bool")
    except OverflowError:
        raise InputError(
            f"Expected whole numbers that fit into 64 bits in {what}.",
            f"It holds {max(flat, key=abs)}.",
            "Check what the model on the server returns.",
        ) from None
