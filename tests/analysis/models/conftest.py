"""Small data and helpers for the tests of model files."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.datasets import load_diabetes, load_iris


@pytest.fixture
def small() -> SimpleNamespace:
    """Iris (X, y), a part of diabetes (Xr, yr) and a frame of mixed columns with the outcome of iris."""
    X, y = load_iris(return_X_y=True)
    Xr, yr = load_diabetes(return_X_y=True)
    frame = pd.DataFrame({
        "a": np.r_[X[:-1, 0], np.nan],
        "b": pd.Categorical(np.where(X[:, 1] > 3, "u", "v")),
        "c": np.where(X[:, 2] > 3, "p", "q"),
        "d": X[:, 2] > 2,
    })  # fmt: skip
    return SimpleNamespace(X=X, y=y, Xr=Xr[:150], yr=yr[:150], frame=frame)


@pytest.fixture
def quiet_fit():
    """Fit without the warnings that tiny data brings."""

    def fit(estimator: Any, X: Any, y: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return estimator.fit(X, y)

    return fit


class Archive:
    """A skops file taken apart, to be changed and put together again."""

    def __init__(self, model: Any):
        with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as z:
            self.parts = {name: z.read(name) for name in z.namelist()}
        self.schema = json.loads(self.parts.pop("schema.json"))

    def nodes(self, name: str | None = None, loader: str | None = None) -> list[dict[str, Any]]:
        """Give the nodes of a class or loader."""
        found, stack = [], [self.schema]
        while stack:
            item = stack.pop()
            if isinstance(item, dict):
                if "__loader__" in item and name in (None, item["__class__"]) and loader in (None, item["__loader__"]):
                    found.append(item)
                stack.extend(reversed(list(item.values())))
            elif isinstance(item, list):
                stack.extend(reversed(item))
        return found

    def edit_array(self, file: str, change: Callable[[np.ndarray], Any]) -> None:
        """Change one stored array; ``change`` works in place or gives a new one."""
        array = np.load(io.BytesIO(self.parts[file]))
        changed = change(array)
        buffer = io.BytesIO()
        np.save(buffer, array if changed is None else changed)
        self.parts[file] = buffer.getvalue()

    def write(self, path: Path, compression: int = zipfile.ZIP_STORED) -> Path:
        with zipfile.ZipFile(path, "w", compression) as z:
            for name, part in {**self.parts, "schema.json": json.dumps(self.schema)}.items():
                z.writestr(name, part)
        return path


@pytest.fixture
def archive() -> type[Archive]:
    """The class that takes a skops file apart."""
    return Archive
