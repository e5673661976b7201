"""--config: the options of a command from a file, with file, line, key and nearest name where it is wrong; and shell completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import click
import numpy as np
import pandas as pd
import pytest
import skops.io
from click.shell_completion import ShellComplete
from sklearn.linear_model import LogisticRegression

from modelglass.app import cli
from modelglass.app.completion import header
from modelglass.app.config import key_of


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("config")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"age": rng.integers(18, 90, 300), "pay": rng.gamma(2, 20, 300), "sex": rng.choice(["F", "M"], 300)}
    )
    frame["rich"] = np.where(frame.age + frame.pay + rng.normal(0, 20, 300) > 90, "yes", "no")
    frame["w"], frame["one"] = rng.random(300), 1
    skops.io.dump(LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame.rich), folder / "model.skops")
    skops.io.dump(LogisticRegression(max_iter=1000).fit(frame[["pay"]], frame.rich), folder / "other.skops")
    (folder / "sub").mkdir()
    frame.iloc[:200].to_csv(folder / "data.csv", index=False)
    frame.iloc[200:].to_parquet(folder / "train.parquet")
    frame.assign(w=0).to_csv(folder / "zero.csv", index=False)
    frame.drop(columns="age").to_csv(folder / "lacking.csv", index=False)
    frame.assign(rich="maybe").to_csv(folder / "maybe.csv", index=False)
    frame.assign(own=range(300)).to_csv(folder / "own.csv", index=False)
    frame.iloc[:50].to_feather(folder / "data.feather")
    (folder / "columns.yaml").write_text("age: {unit: years}\n")
    (folder / "badcolumns.yaml").write_text("age: {unit: years}\nheight: {unit: cm}\n")
    return folder


@pytest.fixture
def written(place):
    def write(text, name="sub/run.yaml"):
        (place / name).write_text(text, encoding="utf-8")
        return name

    return write


FILE = """\
model: ../model.skops
data: ../data.csv
target: rich
positive: yes
ignore: [one]
type:
  age: numeric
by: sex
metrics: [accuracy, f1]
seed: 3
quiet: true
"""


def test_a_file_says_everything(command, written):
    code, out, err = command("slices", "--config", written(FILE), "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["source"]["seed"] == 3
    assert answer["source"]["positive"] == "yes"
    assert answer["results"][0]["settings"]["metrics"] == ["accuracy", "f1"]


def test_the_command_line_wins(command, written):
    name = written(FILE)
    code, out, _ = command(
        "slices", "--config", name, "--json", "--seed", "0", "--metrics", "recall", "--positive", "no"
    )
    assert code == 0
    answer = json.loads(out)
    assert (answer["source"]["seed"], answer["source"]["positive"]) == (0, "no")
    assert answer["results"][0]["settings"]["metrics"] == ["recall"]
    code, out, _ = command("slices", "model.skops", "own.csv", "--config", name, "--json")
    assert json.loads(out)["source"]["data"] == "own.csv"


def test_it_equals_the_same_words_typed(command, written):
    text = FILE + "where: age > 30\nthreshold: 0.4\nweight: w\ntrain: ../train.parquet\ntrust-type: []\nna: ['?', x]\n"
    one = json.loads(command("slices", "--config", written(text), "--json")[1])
    words = [
        "model.skops",
        "data.csv",
        "--target",
        "rich",
        "--positive",
        "yes",
        "--ignore",
        "one",
        "--type",
        "age=numeric",
    ]
    words += [
        "--by",
        "sex",
        "--metrics",
        "accuracy,f1",
        "--seed",
        "3",
        "--quiet",
        "--where",
        "age > 30",
        "--threshold",
        "0.4",
    ]
    words += ["--weight", "w", "--train", "train.parquet", "--na", "?", "--na", "x", "--json"]
    assert one == json.loads(command("slices", *words)[1])
    assert one["source"]["train"] == "train.parquet"


def test_keys_of_other_commands_are_said_and_not_used(command, written):
    text = FILE.replace("quiet: true", "output: out.html")
    code, _, err = command("slices", "--config", written(text), "--json")
    assert code == 0
    assert "line 11: output is not an option of this command" in err


def test_the_file_may_name_the_output(command, written, place):
    text = FILE.replace("by: sex\nmetrics: [accuracy, f1]\n", "output: out.html\nbudget: 0.001\n")
    assert command("report", "--config", written(text))[0] == 0
    page = (place / "sub" / "out.html").read_text(encoding="utf-8")
    assert "budget of 0.001 s was spent" in page


def test_missing_words_are_named(command, written):
    for text, part in [
        ("data: ../data.csv\ntarget: rich\n", "MODEL"),
        ("model: ../model.skops\ntarget: rich\n", "DATA"),
    ]:
        code, _, err = command("slices", "--config", written(text))
        assert code == 2
        assert part in err
    code, _, err = command("slices", "model.skops", "data.csv")
    assert code == 2
    assert "--target" in err
    code, _, err = command("report", "model.skops", "data.csv", "--target", "rich")
    assert code == 2
    assert "--output" in err


WRONG = {
    "unknown key": ("targt: rich\n", ["line 12", "'targt'", "'target'"]),
    "wrong number": ("threshold: high\n", ["line 12", "'threshold'", "'high'"]),
    "wrong whole number": ("jobs: 1.5\n", ["line 12", "'jobs'", "'1.5'"]),
    "wrong flag": ("trust: perhaps\n", ["line 12", "'trust'"]),
    "wrong choice": ("task: regresion\n", ["line 12", "'task'", "regression"]),
    "list for one value": ("weight: [a, b]\n", ["line 12", "'weight'", "a list"]),
    "mapping for one value": ("weight:\n  a: b\n", ["line 12", "'weight'", "keys and values"]),
    "mapping in a list": ("na: [a, {b: c}]\n", ["line 12", "'na'"]),
    "nothing in a list": ("features:\n - age\n -\n", ["line 14", "'features'", "nothing"]),
    "list in a mapping": ("label:\n  a: [b]\n", ["line 13", "'label'"]),
    "key twice": ("seed: 4\n", ["line 12", "'seed'", "line 10"]),
    "key twice in two writings": ("trust-type: a\ntrust_type: b\n", ["line 13", "trust"]),
    "alias": ("weight: &a w\n", ["line 12"]),
    "broken": ("weight: [a\n", ["line 1"]),
    "config in config": ("config: other.yaml\n", ["line 12", "'config'"]),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_a_wrong_file_is_refused_by_file_line_and_key(command, written, case):
    more, parts = WRONG[case]
    code, out, err = command("slices", "--config", written(FILE + more))
    assert (code, out) == (2, "")
    assert 1 <= len(err.strip().splitlines()) <= 5, err
    for part in ["run.yaml", *parts]:
        assert part in err


BASE = "model: ../model.skops\ndata: ../data.csv\ntarget: rich\n"
REFUSED_LATER = {  # by the data, the model or the analysis: text, key and line that are told
    "absent column": ("weight: wt\n", "weight", 4, "'wt'"),
    "column of text as weight": ("weight: sex\n", "weight", 4, "'sex'"),
    "column in a list": ("ignore:\n - sex\n - pya\n", "ignore", 6, "'pay'"),
    "column to slice by": ("by: [sx]\n", "by", 4, "'sex'"),
    "metric": ("metrics: [accuracy, acuracy]\n", "metrics", 4, "'accuracy'"),
    "type": ("type:\n  sex: categoricl\n", "type", 5, "'categorical'"),
    "column of a type": ("type:\n  sexx: text\n", "type", 5, "'sex'"),
    "label": ("label: {no: nope}\n", "label", 4, "'no=nope'"),
    "condition": ("where: agee > 30\n", "where", 4, "'age'"),
    "threshold": ("threshold: 2\n", "threshold", 4, "Got 2"),
    "budget": ("budget: -3\n", "budget", 4, "Got -3"),
    "file": ("train: ../trian.parquet\n", "train", 4, "train.parquet"),
    "target": (None, "target", 3, "'rich'"),
}


@pytest.mark.parametrize("case", sorted(REFUSED_LATER))
def test_what_is_refused_later_is_told_by_file_line_and_key_too(command, written, case):
    more, key, line, part = REFUSED_LATER[case]
    text = BASE + more if more else BASE.replace("target: rich", "target: rch")
    code, out, err = command("slices", "--config", written(text))
    assert (code, out) == (2, "")
    assert f"See sub/run.yaml, line {line}, key {key!r}." in err
    assert part in err
    assert len(err.strip().splitlines()) <= 3, err


def test_what_is_not_of_the_file_is_not_said_to_be(command, written):
    """Typed words win, so an error about them is not about the file; nor is one that the file only happens to spell."""
    code, _, err = command("slices", "--config", written(BASE + "weight: w\npositive: yes\n"), "--weight", "wt")
    assert code == 2
    assert "run.yaml" not in err
    code, _, err = command("slices", "--config", written(BASE), "--where", "sex = 'F' AND agee > 3")
    assert code == 2
    assert "run.yaml" not in err


@pytest.mark.parametrize(
    ("data", "part"), [('"a\\0b"', "'data' in "), ('"~no-such-user/d.csv"', "no folder"), ('""', "Got nothing")]
)
def test_a_path_in_the_file_that_cannot_be_one(command, written, data, part):
    code, out, err = command("slices", "--config", written(f"model: ../model.skops\ndata: {data}\ntarget: rich\n"))
    assert (code, out) == (2, "")
    assert part in err
    assert 1 <= len(err.strip().splitlines()) <= 5, err


def test_a_file_that_is_no_mapping_or_not_there(command, written):
    assert "lines of key: value" in command("slices", "--config", written("- a\n- b\n"))[2]
    code, _, err = command("slices", "--config", "sub/rum.yaml")
    assert code == 2
    assert "run.yaml" in err


COMMON = ("model.skops", "data.csv", "--target", "rich")
BESIDE = {
    "train lacks a column": (("--train", "lacking.csv"), ["--train", "'age'"]),
    "reference has other labels": (("--reference", "maybe.csv"), ["--reference", "'maybe'"]),
    "no train": (("--train", "trian.parquet"), ["train.parquet"]),
    "no baseline": (("--baseline", "othr.skops"), ["other.skops"]),
    "columns": (("--columns", "badcolumns.yaml"), ["'height'"]),
    "no columns file": (("--columns", "column.yaml"), ["columns.yaml"]),
    "one cluster": (("--cluster", "one"), ["two clusters"]),
    "jobs": (("--jobs", "0"), ["--jobs"]),
    "budget": (("--budget", "-1"), ["--budget"]),
}


@pytest.mark.parametrize("case", sorted(BESIDE))
def test_what_stands_beside_is_refused_in_a_few_lines(command, case):
    words, parts = BESIDE[case]
    code, out, err = command("slices", *COMMON, *words)
    assert (code, out) == (2, "")
    assert 1 <= len(err.strip().splitlines()) <= 5, err
    for part in parts:
        assert part in err


def test_weights_of_zero_and_clusters_of_one_row(command):
    code, _, err = command("slices", "model.skops", "zero.csv", "--target", "rich", "--weight", "w")
    assert code == 2
    assert "All are zero" in err
    code, _, err = command("slices", "model.skops", "own.csv", "--target", "rich", "--cluster", "own", "--by", "sex")
    assert code == 0
    assert "cluster by itself" in err


def test_everything_beside_stands_in_the_source(command):
    words = (
        "--train",
        "train.parquet",
        "--reference",
        "train.parquet",
        "--baseline",
        "other.skops",
        "--columns",
        "columns.yaml",
    )
    code, out, _ = command("slices", *COMMON, *words, "--by", "sex", "--json")
    assert code == 0
    source = json.loads(out)["source"]
    assert (source["train"], source["reference"], source["baseline"]) == (
        "train.parquet",
        "train.parquet",
        "other.skops",
    )
    assert source["train_fingerprint"] == source["reference_fingerprint"] != ""
    assert source["columns"]["age"]["unit"] == "years"


def test_without_a_model_nothing_stands_beside(command):
    words = ("-", "data.csv", "--target", "rich", "--prediction", "rich", "--train", "train.parquet")
    code, _, err = command("slices", *words)
    assert code == 2
    assert "--train" in err


def test_a_spent_budget_is_an_answer(command):
    code, out, _ = command("explain", *COMMON, "--budget", "0.000001", "--json")
    assert code == 0
    assert all("budget" in r["not_applicable"] for r in json.loads(out)["results"])


def test_what_is_finished_is_printed_when_the_machine_gives_out(command, monkeypatch):
    from modelglass.analysis import registry

    whole = registry.run

    def run(ev, name, **settings):
        if name == "shapley_values":
            raise MemoryError
        return whole(ev, name, **settings)

    monkeypatch.setattr(registry, "run", run)
    code, out, err = command("explain", *COMMON, "--json")
    assert code == 3
    assert [r["analysis"] for r in json.loads(out)["results"]] == ["permutation_importance"]
    assert "shapley_values is not" in err


def test_jobs_bounds_the_threads():
    code = (
        "from modelglass.app.working import limit_threads; limit_threads(1)\n"
        "import numpy, pyarrow, sklearn.ensemble, threadpoolctl, joblib\n"
        "print(max(p['num_threads'] for p in threadpoolctl.threadpool_info()), pyarrow.cpu_count(), joblib.cpu_count())"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert made.stdout.split() == ["1", "1", "1"]


# completion --------------------------------------------------------------------------------------------------------


def _completed(words, incomplete):
    shell = ShellComplete(cli.cli, {}, "modelglass", "_MODELGLASS_COMPLETE")
    return [item.value for item in shell.get_completions(list(words), incomplete)]


def test_names_are_completed(command):
    assert "slices" in _completed([], "sl")
    assert _completed(["slices", *COMMON, "--task"], "mul") == ["multiclass"]
    assert "credit" in _completed(["demo"], "cre")
    assert "calibration" in _completed(["show"], "calib")
    assert _completed(["slices", "model.skops", "data.csv", "--target"], "ri") == ["rich"]
    assert _completed(["slices", "model.skops", "train.parquet", "--weight"], "") == [
        "age",
        "pay",
        "sex",
        "rich",
        "w",
        "one",
    ]
    assert _completed(["slices", *COMMON, "--metrics"], "accuracy,recal")[0] == "accuracy,recall"
    assert _completed(["slices", "model.skops", "nowhere.csv", "--target"], "") == []


def test_headers_are_read_without_the_data(place):
    assert header(place / "data.csv")[:2] == ["age", "pay"]
    assert header(place / "data.feather")[:2] == ["age", "pay"]
    assert header(place / "model.skops") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_script_is_printed(command, shell):
    code, out, _ = command("completion", shell)
    assert code == 0
    assert "_MODELGLASS_COMPLETE" in out
    assert command("completion", "powershell")[0] == 2


def test_completion_through_a_process():
    words = {"COMP_WORDS": "modelglass show calib", "COMP_CWORD": "2", "_MODELGLASS_COMPLETE": "bash_complete"}
    code = "from modelglass.app.cli import main; main()"
    made = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **words},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert made.stdout.strip() == "plain,calibration"


def test_every_option_has_a_key_of_its_own():
    for command in cli.cli.commands.values():
        keys = [key_of(p) for p in command.params]
        assert len(keys) == len(set(keys))
        assert all(k == k.lower() and "_" not in k for k in keys), keys
    assert isinstance(cli.cli, click.Group)
