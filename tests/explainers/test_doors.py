"""The public names of the package: functions, not modules; light to import; declared with what they really take."""

import importlib
import inspect
import pkgutil
import random
import subprocess
import sys

import pytest

import modelglass.analysis.declared
import modelglass.explainers
from modelglass.explainers import declared

FUNCTIONS = [
    "anchor",
    "counterfactuals",
    "individual_conditional_expectation",
    "accumulated_local_effects",
    "interaction_strength",
    "joint_effect",
    "lime_weights",
    "partial_dependence",
    "permutation_importance",
    "shapley_row",
    "shapley_values",
    "what_if",
    "what_if_row",
]


def test_a_function_is_not_shadowed_by_its_file():
    names = [m.name for m in pkgutil.walk_packages(modelglass.explainers.__path__, "modelglass.explainers.")]
    random.Random(3).shuffle(names)
    for name in names:
        importlib.import_module(name)
    for name in FUNCTIONS:
        assert inspect.isfunction(getattr(modelglass.explainers, name)), name
    assert set(FUNCTIONS) <= set(modelglass.explainers.__all__)


def test_importing_is_light():
    code = (
        "import sys, modelglass.explainers; "
        "print([m for m in ('shap', 'lime', 'alibi', 'numba', 'plotly', 'streamlit', 'xgboost', 'lightgbm') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


OURS = [
    *declared.ANALYSES,
    *(a for a in modelglass.analysis.declared.ANALYSES if a.page == "sensitivity"),
]


@pytest.mark.parametrize("record", OURS, ids=lambda r: r.name)
def test_declared_settings_are_what_the_function_takes(record):
    parameters = inspect.signature(record.function()).parameters
    assert record.function().__name__ == record.name
    for setting in record.settings:
        assert setting.name in parameters, setting.name
        default = parameters[setting.name].default
        assert setting.default == (None if default is inspect.Parameter.empty else default), setting.name
        if setting.default is not None and setting.low is not None:
            assert setting.low <= setting.default <= setting.high
    assert (record.cost != "instant") == ("progress" in parameters)
