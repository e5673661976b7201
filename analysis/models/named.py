"""A model by the name of Python code: ``package.module:object``."""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from modelglass.analysis.complaints import words_of
from modelglass.analysis.errors import AnalysisError, InputError, nearest
from modelglass.analysis.patience import limit, within

OBJECT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def names_object(text: str) -> bool:
    """Say whether a text is ``package.module:object`` rather than a path.

    >>> names_object("shop.models:churn"), names_object("churn.skops")
    (True, False)
    """
    return OBJECT.fullmatch(text) is not None and not Path(text).exists()


def imported(text: str) -> Any:
    """Import ``package.module:object``: this runs the module's code, as ``python -m`` would. Folders are those of Python, and the current one.

    Raises
    ------
    InputError
        There is no such module or object, or importing it fails.
    MachineError
        Importing took longer than a batch of rows may (patience.py).
    """
    module_name, _, path = text.partition(":")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = _import(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise _broken(module_name, error) from error
        raise InputError(
            f"Expected {text} to name a Python module that can be imported.",
            f"There is no module {error.name} in {here} or where Python looks.",
            "Start modelglass in the folder that holds it, or install it; a model file is given by its path.",
        ) from None
    except (AnalysisError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # a module that exits must not end the program in silence
        raise _broken(module_name, error) from error
    for part in path.split("."):
        if not hasattr(found, part):
            close = nearest(part, [n for n in dir(found) if not n.startswith("_")])
            raise InputError(
                f"Expected {module_name} to hold {path}.",
                f"It has no {part!r}.",
                f"Did you mean {close[0]!r}?" if close else "Check the name after the colon.",
            )
        found = getattr(found, part)
    return found


def _import(name: str) -> ModuleType:
    """Import within the limit, in a thread of its own; settings of scikit-learn that the module makes, which are by thread, are kept."""
    from sklearn import get_config, set_config

    def work() -> tuple[ModuleType, dict[str, Any]]:
        return importlib.import_module(name), get_config()

    module, settings = within(work, limit(), f"importing {name}")
    set_config(**settings)
    return module


def _broken(module: str, error: BaseException) -> InputError:
    return InputError(
        f"Expected to import {module}.",
        f"It raised {words_of(error, 200)}",
        f"Try python -c 'import {module}'.",
    )
