"""The walls of the house, held by parsing imports; and what importing costs."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("analysis", "explainers", "app", "sample_models")
FILES = sorted(
    p
    for room in (*ROOMS, "modelglass")
    for p in (ROOT / room).rglob("*.py")
    if not any(part.is_symlink() for part in [p, *p.parents] if part != ROOT and ROOT in part.parents)
)
GUESTS = {
    "streamlit": ("app/dashboard/",),
    "plotly": ("analysis/figures/", "explainers/figures/"),
    "shap": ("explainers/",),
    "lime": ("explainers/lime_itself.py",),
    "alibi": ("explainers/anchor.py",),
    "torch": ("analysis/models/torch.py",),
    "xgboost": ("analysis/models/xgboost.py",),
    "lightgbm": ("analysis/models/lightgbm.py",),
    "catboost": ("analysis/models/catboost.py",),
    "onnxruntime": ("analysis/models/onnx.py",),
    "mlflow": ("analysis/models/mlflow.py",),
    "duckdb": ("analysis/conditions.py",),
    "http": ("analysis/models/remote.py",),
    "ssl": ("analysis/models/remote.py",),
    "skops": ("analysis/models/", "sample_models/"),
    "jinja2": ("app/report/",),
    "dask": ("app/engine_dask.py",),
    "distributed": ("app/engine_dask.py",),
    "cloudpickle": ("app/engine_dask.py",),
}


@cache
def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module or "")
    return names


def test_there_is_something_to_check():
    assert len(FILES) > 30


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_walls(path):
    here = str(path.relative_to(ROOT))
    names = imported(path)
    bare = {n for n in names if n.split(".")[0] in ROOMS}
    assert not bare, f"bare imports {bare}; use modelglass.*"
    if here.startswith("analysis/"):
        assert not {
            n for n in names if n.startswith(("modelglass.explainers", "modelglass.app", "modelglass.sample_models"))
        }
    if here.startswith("explainers/"):
        assert not {n for n in names if n.startswith(("modelglass.app", "modelglass.sample_models"))}
    for guest, doors in GUESTS.items():
        if any(n.split(".")[0] == guest for n in names):
            assert here.startswith(doors), f"{guest} may be imported in {doors} only"


def test_nothing_else_speaks_to_the_network():
    """Only remote.py asks anybody, and only by http.client, which follows no redirect, proxy or other scheme."""
    libraries = {"requests", "httpx", "urllib3", "aiohttp", "ftplib", "smtplib", "telnetlib"}
    users = [
        p for p in FILES if any(n.startswith("urllib.request") or n.split(".")[0] in libraries for n in imported(p))
    ]
    assert not users


def test_shap_is_imported_in_one_file_only():
    users = [p for p in FILES if any(n.split(".")[0] == "shap" for n in imported(p))]
    assert len(users) == 1, users


HEAVY = (
    "streamlit",
    "plotly",
    "shap",
    "lime",
    "alibi",
    "torch",
    "numba",
    "xgboost",
    "lightgbm",
    "catboost",
    "onnxruntime",
    "mlflow",
    "distributed",
    "duckdb",
    "matplotlib",
    "jinja2",
    "pydantic",
    "skops",
)


def test_front_door_is_light():
    code = f"import sys, modelglass; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "[]"


def submodules() -> list[str]:
    import modelglass

    names = [m.name for m in pkgutil.walk_packages(modelglass.__path__, "modelglass.")]
    return [n for n in names if not n.endswith("__main__") and ".dashboard." not in n]


@pytest.mark.parametrize("seed", [0, 1])
def test_functions_are_not_shadowed_by_their_files(seed):
    names = submodules()
    random.Random(seed).shuffle(names)
    for name in names:
        importlib.import_module(name)
    for package in ("modelglass.analysis", "modelglass.explainers"):
        module = importlib.import_module(package)
        for name in module.__all__:
            assert callable(getattr(module, name)), f"{package}.{name} is not callable"


WITHOUT = {"app/dashboard": "modelglass.app.dashboard", "app/report": "modelglass.app.report"}


@pytest.mark.parametrize("face", WITHOUT)
def test_any_face_can_be_deleted(face, tmp_path):
    """With one face gone, a result, its figure and its notebook view still come out."""
    code = f"""
import sys
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name == {WITHOUT[face]!r} or name.startswith({WITHOUT[face]!r} + '.'):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Gone())
import numpy as np, pandas as pd, modelglass as mg
from sklearn.linear_model import LogisticRegression
from modelglass.analysis import performance
rng = np.random.default_rng(0)
frame = pd.DataFrame({{'a': rng.normal(size=200), 'b': rng.normal(size=200)}})
frame['y'] = (frame.a + rng.normal(size=200) > 0).astype(int)
ev = mg.Evaluation(LogisticRegression().fit(frame[['a', 'b']], frame.y), frame, target='y')
result = performance(ev)
assert len(mg.figure(result).data) and '<' in result._repr_html_() and result.sentence()
import modelglass.app.cli
"""
    subprocess.run([sys.executable, "-W", "error::SyntaxWarning", "-c", code], check=True, cwd=tmp_path)
