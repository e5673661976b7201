"""Every sample trains, is right for its task, is the same every time, and is kept whole."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io

from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.models.loading import load_model
from modelglass.analysis.reading import read_data
from modelglass.sample_models import SAMPLES, make
from modelglass.sample_models.__main__ import main
from modelglass.sample_models.catalogue import _write

NAMES = list(SAMPLES)
TRUSTED = [
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
]


def load(path):
    return skops.io.load(path, trusted=TRUSTED)


def read(path):
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


@pytest.mark.parametrize("name", NAMES)
def test_made_files_are_a_model_and_tables_it_reads(name, root):
    made = make(name, root)
    assert made.model.parent == made.data.parent == made.train.parent == root / name
    assert made.model.suffix == ".skops"
    model, data, train = load(made.model), read(made.data), read(made.train)
    sample = SAMPLES[name]
    assert list(data.columns) == list(train.columns)
    assert set(made.options.values()) - {sample.positive} <= set(data.columns)
    features = list(model.feature_names_in_)
    assert set(features) <= set(data.columns) - {sample.target}
    predicted = model.predict(data[features])
    if sample.task == "regression":
        assert 0.3 < model.score(data[features], data[sample.target]) < 0.7
    else:
        assert set(model.classes_) == set(data[sample.target]) == set(train[sample.target])
        assert sample.positive is None or sample.positive in model.classes_
        assert (len(model.classes_) == 2) == (sample.task == "binary")
        accuracy = np.mean(predicted == data[sample.target].to_numpy())
        majority = data[sample.target].value_counts(normalize=True).max()
        assert accuracy > majority + 0.1


def test_the_kinds_of_model_that_issue_2_names_are_all_there(root):
    steps = set()
    for name in NAMES:
        model = load(make(name, root).model)
        steps.add(type(model).__name__)
        if hasattr(model, "steps"):
            steps.add(type(model.steps[-1][1]).__name__)
    assert {
        "Pipeline",
        "RandomForestClassifier",
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
        "LogisticRegression",
        "MLPClassifier",
    } <= steps
    assert {sample.task for sample in SAMPLES.values()} == {"binary", "multiclass", "regression"}


def test_classes_of_text_have_the_same_type_in_every_pandas(root):
    assert load(make("credit", root).model).classes_.dtype.kind == "U"
    assert load(make("wine", root).model).classes_.dtype.kind == "U"


def test_features_hold_no_column_that_only_groups_or_names_rows(root):
    features = set(load(make("credit", root).model).feature_names_in_)
    assert not features & {"sex", "age_group", "application_id", "application_date", "default"}


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_model_loads_with_no_flag(name, root):
    made = make(name, root)
    model = load_model(made.model)
    data = read(made.data)
    plain = load(made.model)
    features = list(plain.feature_names_in_)
    np.testing.assert_array_equal(model.predict(data[features]), plain.predict(data[features]))


@pytest.mark.parametrize("name", NAMES)
def test_options_are_those_of_an_evaluation(name, root):
    made, sample = make(name, root), SAMPLES[name]
    ev = Evaluation(load_model(made.model), read_data(made.data), train=read_data(made.train), **made.options)
    assert (ev.task, ev.target, ev.positive) == (sample.task, sample.target, sample.positive)
    assert (ev.time is None) == (sample.time is None)
    np.testing.assert_array_equal(ev.ids, ev.frame[sample.id] if sample.id else np.arange(ev.n))
    if made.truth is not None:
        for defect in json.loads(made.truth.read_text("utf-8"))["defects"]:
            if defect["where"] is not None:
                assert ev.where(defect["where"]).n == defect["n"]


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_give_the_same_bytes_and_predictions(name, root, tmp_path):
    first, second = make(name, root), make(name, tmp_path)
    assert first.data != second.data
    for a, b in [(first.data, second.data), (first.train, second.train), (first.truth, second.truth)]:
        assert (a is None and b is None) or a.read_bytes() == b.read_bytes()
    data = read(first.data)
    one, two = load(first.model), load(second.model)
    features = list(one.feature_names_in_)
    np.testing.assert_array_equal(one.predict(data[features]), two.predict(data[features]))
    if SAMPLES[name].task != "regression":
        np.testing.assert_array_equal(one.predict_proba(data[features]), two.predict_proba(data[features]))


def test_the_saved_model_predicts_on_the_saved_table_as_the_one_in_memory(root):
    recipe = SAMPLES["credit"].make()
    made = make("credit", root)
    data, saved = read(made.data), load(made.model)
    features = list(saved.feature_names_in_)
    np.testing.assert_array_equal(
        saved.predict_proba(data[features]), recipe.model.predict_proba(recipe.evaluation[features])
    )
    pd.testing.assert_frame_equal(data, recipe.evaluation.reset_index(drop=True), check_dtype=False)


def test_unknown_name_suggests_the_nearest(tmp_path):
    with pytest.raises(InputError, match="Did you mean 'credit-logistic'") as caught:
        make("credit-logstic", tmp_path)
    assert "digits" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_options_leave_out_what_a_sample_does_not_have():
    assert SAMPLES["diabetes"].options == {"target": "progression"}
    assert SAMPLES["credit"].options == {
        "target": "default",
        "positive": "yes",
        "time": "application_date",
        "id": "application_id",
    }


def test_samples_are_read_only():
    with pytest.raises(TypeError):
        SAMPLES["mine"] = SAMPLES["credit"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        SAMPLES["credit"].target = "other"


def test_truth_is_written_only_where_something_was_planted(tmp_path):
    _write(SAMPLES["wine"], tmp_path)
    assert not (tmp_path / "truth.json").exists()


def run(*arguments, home):
    # threads that wait for one another, where other tests use the cores, cost more than the work
    threads = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "modelglass.sample_models", *arguments],
        capture_output=True,
        text=True,
        env={"MODELGLASS_HOME": str(home), "PATH": "", **threads},
        check=False,
    )


def test_the_command_makes(tmp_path):
    made = run("wine", home=tmp_path)
    assert made.returncode == 0, made.stderr
    paths = dict(line.split(maxsplit=1) for line in made.stdout.splitlines())
    assert read(Path(paths["data"])).shape == (89, 14)
    assert "--target cultivar" in paths["open"]
    assert Path(paths["model"]).is_relative_to(tmp_path)


def test_the_command_lists_and_refuses(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MODELGLASS_HOME", str(tmp_path))
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == NAMES
    assert not list(tmp_path.iterdir())

    assert main(["vine"]) == 2
    said = capsys.readouterr().err
    assert "Did you mean 'wine'?" in said
    assert "Traceback" not in said


def test_listing_the_samples_does_not_import_scikit_learn():
    code = (
        "import sys, modelglass.sample_models.catalogue\n"
        "print(sorted({'sklearn.ensemble', 'sklearn.neural_network', 'skops'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
