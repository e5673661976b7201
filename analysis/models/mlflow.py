"""MLflow model folders. The only file that imports mlflow, and only for pyfunc models: known flavours are read by their own readers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from modelglass.analysis.complaints import words_of
from modelglass.analysis.errors import AnalysisError, InputError, MissingPackage, listed
from modelglass.analysis.models.answers import AnsweringModel
from modelglass.analysis.models.base import Model
from modelglass.analysis.models.loading import MLMODEL, load_file
from modelglass.analysis.patience import limit, within
from modelglass.analysis.yaml_file import read_yaml

INSTALL = "pip install 'modelglass[mlflow]'"
FLAVOURS = {
    "sklearn": "pickled_model",
    "xgboost": "data",
    "lightgbm": "data",
    "catboost": "data",
    "onnx": "data",
}
"""Flavours that are read without mlflow, and the key that names the file; the first that a folder has is used."""

ENDINGS = {".lgb": ".txt", ".xgb": ".json", ".cb": ".cbm"}
TYPES = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "boolean": "bool"}
MOST_SIGNATURE = 10**6


def load_mlflow(folder: Path, *, trust: bool = False, trust_types: Sequence[str] = ()) -> Model:
    """Load an MLflow model folder.

    scikit-learn, XGBoost, LightGBM, CatBoost and ONNX flavours are read from their file (a pickle among them needs ``trust``); any other
    folder through ``mlflow.pyfunc``, which runs code from the folder and so needs ``trust``.

    Raises
    ------
    InputError
        The folder is not whole, names a file outside itself, or is not trusted.
    MissingPackage
        A library that it needs is not installed.
    """
    described, _ = read_yaml(folder / MLMODEL)
    flavours = described.get("flavors") if isinstance(described, dict) else None
    if not isinstance(flavours, dict) or not all(isinstance(f, dict) for f in flavours.values()):
        raise InputError(
            f"Expected flavors in {folder / MLMODEL}.", "There are none.", "Save the model again with MLflow."
        )
    flavour = next((f for f in FLAVOURS if f in flavours), "python_function")
    if flavour not in flavours:
        raise InputError(
            f"Expected an MLflow model of the flavour {', '.join(FLAVOURS)} or python_function.",
            f"{folder.name} has {listed(flavours) or 'none'}.",
            "Save the model in one of these flavours.",
        )
    inputs, outputs = _signature(described.get("signature"), folder)
    if flavour == "python_function":
        model = _pyfunc(folder, inputs, trust)
        model.fingerprint = _hash(p for p in sorted(folder.rglob("*")) if p.is_file())
    else:
        path = _inside(folder, flavours[flavour].get(FLAVOURS[flavour]))
        vouched = flavours[flavour].get("skops_trusted_types") if trust else None
        model = load_file(
            path,
            trust=trust,
            trust_types=[*trust_types, *(str(t) for t in vouched or ())],
            suffix=ENDINGS.get(path.suffix.lower()),
        )
        model.fingerprint = _hash([folder / MLMODEL, path])
    model.name = folder.name
    model.notes.insert(0, f"Read from an MLflow folder, flavour {flavour}.")
    _take_signature(model, inputs, outputs)
    return model


def _take_signature(model: Model, inputs: Sequence[tuple[str, str]], outputs: Sequence[str]) -> None:
    """Let the signature name the columns of a model that recorded none."""
    names = tuple(name for name, _ in inputs)
    if names and model.feature_names is None and model.n_features in (None, len(names)):
        model.feature_names, model.n_features = names, len(names)
    if len(outputs) > 1:
        model.output_names = tuple(outputs)


def _signature(given: Any, folder: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Give name and type of each input column, and the names of the outputs; empty where they are not named."""
    if not isinstance(given, dict):
        return [], []
    sides = []
    for side in ("inputs", "outputs"):
        text = given.get(side)
        try:
            columns = json.loads(text[:MOST_SIGNATURE]) if isinstance(text, str) else []
        except (ValueError, RecursionError):
            raise InputError(
                f"Expected {side} in JSON in the signature of {folder / MLMODEL}.",
                "They cannot be read.",
                "Save the model again with MLflow.",
            ) from None
        columns = columns if isinstance(columns, list) and all(isinstance(c, dict) for c in columns) else []
        named = [(str(c["name"]), str(c.get("type", ""))) for c in columns if c.get("name") is not None]
        sides.append(named if len(named) == len(columns) else [])
    return sides[0], [name for name, _ in sides[1]]


def _inside(folder: Path, named: Any) -> Path:
    """Give a file of the folder that MLmodel names; nothing outside."""
    if not isinstance(named, str) or not named:
        raise InputError(
            f"Expected {folder / MLMODEL} to name the model's file.",
            "It does not.",
            "Save the model again with MLflow.",
        )
    path = (folder / named).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InputError(
            "Expected an MLflow folder that names files in itself.",
            f"{folder / MLMODEL} names {named!r}.",
            "Do not use this folder.",
        )
    inner = [p for p in path.iterdir() if p.suffix.lower() in (".ubj", ".json", ".txt", ".cbm", ".onnx", ".skops", ".pkl")] if path.is_dir() else []  # fmt: skip
    if len(inner) == 1:
        path = inner[0].resolve()
    if not path.is_file() or not path.is_relative_to(folder.resolve()):
        raise InputError(
            f"Expected the file {named} in {folder}.", "It is not there.", "Copy the whole folder, or save the model again."
        )  # fmt: skip
    return path


def _hash(paths: Any) -> str:
    digest = hashlib.blake2b()
    for path in paths:
        digest.update(path.name.encode() + b"\x00")
        with path.open("rb") as file:
            while part := file.read(2**20):
                digest.update(part)
    return digest.hexdigest()


class PyfuncModel(AnsweringModel):
    """Any MLflow model through its pyfunc face: a frame in, an answer out; the signature names and types the columns."""

    kind: ClassVar[str] = "mlflow"
    foreign = True

    def __init__(self, estimator: Any, *, types: Mapping[str, str], name: str = "in memory"):
        super().__init__(estimator, name=name)
        self.types = types

    def prepare(self, frame: pd.DataFrame) -> Any:
        """Cast columns to the signature's types where no value changes; MLflow refuses the others in its own words."""
        cast = {c: _cast(frame[c], TYPES[t]) for c, t in self.types.items() if c in frame.columns and t in TYPES}
        return frame.assign(**cast)

    def ask(self, X: Any) -> Any:
        """Ask MLflow."""
        return self.estimator.predict(X)


def _cast(values: pd.Series, kind: str) -> pd.Series:
    if values.dtype == kind or (values.isna().any() and not kind.startswith("float")):
        return values
    try:
        numbers = values.to_numpy(dtype="float64", na_value=np.nan)
        cast = numbers.astype(kind)
    except (ValueError, TypeError):
        return values
    same = np.array_equal(cast, numbers, equal_nan=True) if kind != "float32" else True
    return pd.Series(cast, index=values.index, name=values.name) if same else values


def _library(reason: str) -> ModuleType:
    try:
        import mlflow.pyfunc
    except ImportError:
        raise MissingPackage("mlflow", reason, INSTALL) from None
    return mlflow.pyfunc


def _pyfunc(folder: Path, inputs: Sequence[tuple[str, str]], trust: bool) -> Model:
    if not trust:
        raise InputError(
            "Expected a model that is safe to load.",
            f"{folder.name} is an MLflow pyfunc model: loading it runs code from the folder.",
            "If you trust whoever made it, pass --trust (in Python: trust=True).",
        )
    pyfunc = _library(f"The model in {folder.name}")
    try:
        loaded = within(lambda: pyfunc.load_model(str(folder)), limit(), f"reading {folder.name}")
    except (AnalysisError, MemoryError):
        raise
    except ModuleNotFoundError as error:
        package = (error.name or "?").partition(".")[0]
        raise MissingPackage(package, f"The model in {folder.name}", f"pip install {package}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  the folder's code may raise anything, and ask Python to exit
        raise InputError(
            "Expected a whole MLflow model.",
            f"{folder.name} cannot be loaded: {words_of(error, 200)}",
            "Save it again, with the versions of the libraries that are installed here.",
        ) from None
    return PyfuncModel(loaded, types=dict(inputs), name=folder.name)
