"""From a model file or an object in memory to a Model."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import sys
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

from modelglass.analysis.complaints import words_of
from modelglass.analysis.errors import AnalysisError, InputError, MissingPackage, nearest
from modelglass.analysis.models.address import is_address
from modelglass.analysis.models.base import Model
from modelglass.analysis.models.named import imported, names_object
from modelglass.analysis.models.own_code import code_hash
from modelglass.analysis.patience import limit, within
from modelglass.analysis.reading_checks import check_path

PICKLES = (".joblib", ".pkl", ".pickle")
KNOWN = (".skops", *PICKLES, ".json", ".ubj", ".txt", ".cbm", ".onnx")
MLMODEL = "MLmodel"
FUNCTION = "Python function"
ZIP_MAGIC = b"PK\x03\x04"


def load_model(path: str | Path, *, trust: bool = False, trust_types: Sequence[str] = ()) -> Model:
    """Load a model from a file, an MLflow folder, Python code by name, or the address of a server.

    Parameters
    ----------
    path : str or Path
        ``.skops``; ``.joblib``, ``.pkl``, ``.pickle`` (with ``trust``); XGBoost ``.json``, ``.ubj``; LightGBM ``.txt``; CatBoost ``.cbm``;
        ``.onnx``; an MLflow model folder (with ``trust`` where it holds a pickle or is a pyfunc). A text ``package.module:object`` is
        imported, which runs that module's code as ``python -m`` would; no ``trust`` is asked for, since the code is named on purpose.
        ``http://`` or ``https://host/v2/models/NAME[/versions/V]`` is asked by the Open Inference Protocol; the rows are sent there.
    trust : bool
        Load a pickle although it can run any code.
    trust_types : sequence of str
        Qualified names of types allowed in a skops file beyond the reviewed list (see trust.py).

    Returns
    -------
    Model
        ``fingerprint`` is the BLAKE2b hash of the file's bytes; None for a server, whose predictions stand for it.

    Raises
    ------
    InputError
        Missing, empty, damaged, tampered with, of an unknown kind, or not trusted; a server that does not speak the protocol.
    MissingPackage
        A library that the file needs is not installed.
    MachineError
        A server that is not ready or does not answer.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(
            "Expected the path of a model file, or package.module:object.",
            f"Got an object of type {type(path).__name__}.",
            "A model in memory needs no loading: give it to Evaluation.",
        )
    if isinstance(path, str) and names_object(path):
        return _from_code(path)
    if isinstance(path, str) and is_address(path):
        from modelglass.analysis.models.remote import load_remote

        return load_remote(path)
    check_path(path)
    path = Path(path)
    _check_there(path)
    if path.is_dir():
        from modelglass.analysis.models.mlflow import load_mlflow

        return load_mlflow(path, trust=trust, trust_types=trust_types)
    return load_file(path, trust=trust, trust_types=trust_types)


def load_file(path: Path, *, trust: bool, trust_types: Sequence[str], suffix: str | None = None) -> Model:
    """Load one model file that is there; ``suffix`` where its ending is not the usual one."""
    suffix = suffix or path.suffix.lower()
    if suffix in PICKLES and not trust:
        raise InputError(
            "Expected a model that is safe to load, such as a .skops file.",
            f"{path.name} is a pickle, and loading a pickle can run any code on this machine.",
            "If you trust whoever made it, pass --trust (in Python: trust=True); else save the model with skops.io.dump.",
        )
    data = path.read_bytes()
    if not data:
        raise InputError("Expected a model file.", f"{path.name} is empty.", "Save the model again.")
    if suffix == ".skops":
        model = _from_skops(data, path.name, trust_types)
    elif suffix in PICKLES:
        model = _from_pickle(data, path.name)
    else:
        model = _from_library(suffix, data, path.name)
    model.fingerprint = hashlib.blake2b(data).hexdigest()
    return model


def _from_library(suffix: str, data: bytes, name: str) -> Model:
    """Read a library's own format."""
    if suffix == ".txt":
        from modelglass.analysis.models.lightgbm import load_lightgbm

        return load_lightgbm(data, name)
    if suffix == ".cbm":
        from modelglass.analysis.models.catboost import load_catboost

        return load_catboost(data, name)
    if suffix == ".onnx":
        from modelglass.analysis.models.onnx import load_onnx

        return load_onnx(data, name)
    from modelglass.analysis.models.xgboost import load_xgboost

    return load_xgboost(data, name)


def _from_code(text: str) -> Model:
    """Import ``package.module:object``."""
    module = text.partition(":")[0]
    model = wrap_model(imported(text))
    if model.name == "in memory":
        model.name = text
    model.notes.insert(0, f"The model was imported from the Python module {module}, which ran its code.")
    return model


def wrap_model(obj: Any) -> Model:
    """Give a Model around what predicts in memory: an estimator of scikit-learn, XGBoost, LightGBM or CatBoost, any object with ``predict``,
    ``predict_proba`` or ``decision_function``, or a function of a data frame.

    Returns
    -------
    Model
        ``fingerprint`` is the BLAKE2b hash of the pickle and of the person's own code that it names (``own_code``), None where the
        object cannot be pickled, for functions, and where it holds what was defined in a notebook or script (a pickle only names classes and functions).

    Raises
    ------
    InputError
        The object does not predict or is not fitted.
    """
    if isinstance(obj, Model):
        return obj
    try:
        model = _wrapped(obj, "in memory")
    except AnalysisError:
        raise
    except Exception as error:
        raise InputError(
            "Expected a fitted model whose attributes can be read.",
            f"An object of type {type(obj).__name__} raised {words_of(error, 200)}.",
            "Let its attributes raise AttributeError where they are not there, or pass its predict method.",
        ) from error
    model.fingerprint = None if model.kind == FUNCTION else _pickle_hash(obj)
    return model


def _check_there(path: Path) -> None:
    if path.is_dir():
        if (path / MLMODEL).is_file():
            return
        raise InputError(
            "Expected a model file, or an MLflow model folder.",
            f"{path} is a folder without a file {MLMODEL}.",
            f"Give a file that ends with {', '.join(KNOWN)}.",
        )
    if not path.exists():
        folder = path.parent
        names = [p.name for p in folder.iterdir() if p.suffix.lower() in KNOWN] if folder.is_dir() else []
        close = nearest(path.name, names)
        hint = (
            f"Did you mean {folder / close[0]}?"
            if close
            else "Check the path."
            if folder.is_dir()
            else f"There is no folder {folder}."
        )
        raise InputError("Expected a model file.", f"{path} does not exist.", hint)
    if path.suffix.lower() not in KNOWN:
        raise InputError(
            f"Expected a model file that ends with {', '.join(KNOWN)}.",
            f"{path.name} ends with {path.suffix!r}." if path.suffix else f"{path.name} has no ending.",
            "Save a scikit-learn model with skops.io.dump(model, 'model.skops').",
        )


def _wrapped(obj: Any, name: str) -> Model:
    """Choose the kind by the module of the object's class, so that no library is imported in vain."""
    module = "" if isinstance(obj, type) else type(obj).__module__.partition(".")[0]
    if module == "xgboost":
        from modelglass.analysis.models.xgboost import wrap_xgboost

        return wrap_xgboost(obj, name)
    if module == "lightgbm":
        from modelglass.analysis.models.lightgbm import wrap_lightgbm

        return wrap_lightgbm(obj, name)
    if module == "catboost":
        from modelglass.analysis.models.catboost import wrap_catboost

        return wrap_catboost(obj, name)
    from sklearn.base import BaseEstimator

    from modelglass.analysis.models.object import wrap_object
    from modelglass.analysis.models.quantile_loss import answering, quantile_of
    from modelglass.analysis.models.sklearn import SklearnModel

    if isinstance(obj, BaseEstimator) and callable(getattr(obj, "predict", None)):
        model = SklearnModel(obj, name=name)
        if model.task == "regression":
            last, model.target_steps = answering(obj)
            library = type(last).__module__.partition(".")[0] in ("xgboost", "catboost", "lightgbm")
            model.output_quantiles = _wrapped(last, name).output_quantiles if library else quantile_of(last)
        return model
    return wrap_object(obj, name)


def _from_skops(data: bytes, name: str, trust_types: Sequence[str]) -> Model:
    from modelglass.analysis.models.safety import check_model
    from modelglass.analysis.models.skops_file import DAMAGED, load_skops

    if data[:4] != ZIP_MAGIC:
        raise InputError(
            "Expected a skops file (a zip archive).",
            f"{name} is {_guess(data)}.",
            "Save the model with skops.io.dump.",
        )
    loaded, notes = load_skops(data, name, trust_types)
    check_model(loaded, name)
    try:
        model = _wrapped(loaded, name)
    except AnalysisError:
        raise
    except Exception as error:  # noqa: BLE001  properties of a damaged estimator may raise anything
        raise InputError(
            "Expected a model whose parts agree with each other.",
            f"{name} cannot be read: {words_of(error, 200)}.",
            DAMAGED,
        ) from None
    model.notes.extend(notes)
    return model


def _guess(data: bytes) -> str:
    """Say what a file looks like, from its first bytes."""
    if data[:1] == b"\x80" or data[:2] in (b"\x1f\x8b", b"x\x9c"):
        return "not a zip archive; it looks like a pickle"
    if data[:4] == b"PAR1":
        return "a Parquet file: perhaps data and model are swapped"
    if data[:1] in (b"{", b"["):
        return "not a zip archive; it looks like JSON"
    if b"\x00" not in data[:1000] and b"\n" in data[:10000]:
        return "a text file"
    return "not a zip archive"


def _from_pickle(data: bytes, name: str) -> Model:
    """Load a pickle the person vouches for: joblib reads plain pickles too."""
    import joblib
    from sklearn.exceptions import InconsistentVersionWarning

    from modelglass.analysis.models.skops_file import version_note

    if zipfile.is_zipfile(io.BytesIO(data)):
        raise InputError("Expected a pickle.", f"{name} is a zip archive.", "If it is a skops file, name it .skops.")
    notes: dict[str, None] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loaded = within(lambda: joblib.load(io.BytesIO(data)), limit(), f"reading {name}")
        except ModuleNotFoundError as error:
            package = (error.name or "?").partition(".")[0]
            raise MissingPackage(package, f"The model in {name}", f"pip install {package}") from None
        except (MemoryError, AnalysisError):
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001  a pickle may raise anything, and ask Python to exit
            raise InputError(
                "Expected a whole pickle of a model.",
                f"{name} cannot be read: {words_of(error, 200)}.",
                "Save it again, with the versions of the libraries that are installed here.",
            ) from None
    for warning in caught:
        if isinstance(warning.message, InconsistentVersionWarning):
            notes[version_note(warning.message)] = None
    model = _wrapped(loaded, name)
    model.notes.extend(notes)
    return model


def _pickle_hash(obj: Any) -> str | None:
    into = io.BytesIO()
    pickler = _Pickler(into, protocol=5)
    try:
        pickler.dump(obj)
        code = code_hash(pickler.modules)
    except Exception:  # noqa: BLE001  whatever an object raises, it cannot be pickled; or its code cannot be read
        return None
    return None if pickler.passing else hashlib.blake2b(into.getvalue() + code).hexdigest()


class _Pickler(pickle.Pickler):
    """Find out which modules a pickle names, and whether it names what stands in no file that is imported.

    A pickle only names them, and in a notebook the same name soon stands for other code.
    """

    passing = False

    def __init__(self, *args: Any, **settings: Any):
        super().__init__(*args, **settings)
        self.modules: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, (type, FunctionType)):
            module = sys.modules.get(obj.__module__)
            self.modules.add(str(obj.__module__))
            self.passing |= obj.__module__ == "__main__" or getattr(module, "__spec__", None) is None
        return NotImplemented
