"""Content hashes, so that a result is never shown for other data, another model or other settings."""

from __future__ import annotations

import hashlib
import os
import uuid
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pandas as pd

_PROCESS = uuid.uuid4().hex


def of_bytes(data: bytes) -> str:
    """Hash bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def of_text(text: str) -> str:
    """Hash text."""
    return of_bytes(text.encode("utf-8", "surrogatepass"))


def of_array(values: np.ndarray) -> str:
    """Hash an array's bytes, dtype and shape."""
    values = np.ascontiguousarray(values)
    return of_bytes(f"{values.dtype}{values.shape}".encode() + values.tobytes())


def of_frame(frame: pd.DataFrame) -> str:
    """Hash names, types and values of a frame; columns that pandas cannot hash are taken by their text."""
    digest = hashlib.sha256()  # processors have instructions for it
    for name in frame.columns:
        column = frame[name]
        digest.update(f"{name}\0{column.dtype}\0".encode("utf-8", "surrogatepass"))
        digest.update(_hashed(column).tobytes())
    return digest.hexdigest()[:32]


def _hashed(column: pd.Series) -> np.ndarray:
    """Give a column as bytes that are the same for the same values: as it is held, or pandas' hash of each value."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufM":
        return column.to_numpy()
    try:
        return pd.util.hash_pandas_object(column, index=False).to_numpy()
    except TypeError:
        return pd.util.hash_pandas_object(column.map(repr).astype("object"), index=False).to_numpy()


def of_predictions(predicted: np.ndarray, score: np.ndarray | None) -> str:
    """Hash what a model predicted, for a model without bytes; tied to this process, so never reused by another."""
    scored = of_array(score) if score is not None else ""
    return "process-" + of_text(f"{_PROCESS}{os.getpid()}{of_array(predicted)}{scored}")


@cache
def versions(kind: str) -> dict[str, str]:
    """Give the versions of what computes the numbers."""
    names = ["modelglass", "numpy", "pandas", "scikit-learn"] + ([kind] if kind in ("xgboost", "lightgbm") else [])
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
