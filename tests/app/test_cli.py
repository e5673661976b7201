"""The command: answers on standard output, complaints in one to five lines on standard error, exit codes as promised."""

from __future__ import annotations

import json

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, recall_score

from modelglass.analysis.budget import left
from modelglass.analysis.registry import Outcome, analyses, get
from modelglass.app import engine


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"age": rng.integers(18, 90, 400), "pay": rng.gamma(2, 20, 400).round(2), "sex": rng.choice(["F", "M"], 400)}
    )
    frame["rich"] = np.where(frame.age + frame.pay + rng.normal(0, 20, 400) > 90, "yes", "no")
    frame["w"] = rng.random(400)
    model = LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame.rich)
    skops.io.dump(model, folder / "model.skops")
    joblib.dump(model, folder / "model.joblib")
    skops.io.dump(
        LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame.rich == "yes"), folder / "bool.skops"
    )
    skops.io.dump(LinearRegression().fit(frame[["age"]], frame.pay), folder / "reg.skops")
    frame.to_csv(folder / "data.csv", index=False)
    frame.assign(score=model.predict_proba(frame[["age", "pay"]])[:, 1]).to_parquet(folder / "scored.parquet")
    (folder / "empty.csv").write_text("")
    (folder / "head.csv").write_text("age,pay,rich\n")
    (folder / "twice.csv").write_text("age,age,rich\n1,2,yes\n")
    (folder / "cut.parquet").write_bytes((folder / "scored.parquet").read_bytes()[:-30])
    (folder / "cut.skops").write_bytes((folder / "model.skops").read_bytes()[:-200])
    frame.assign(rich="yes").to_csv(folder / "constant.csv", index=False)
    frame.assign(rich=np.where(frame.rich == "yes", 1, 0)).to_csv(folder / "numbers.csv", index=False)
    frame.assign(w=-1).to_csv(folder / "negative.csv", index=False)
    frame.drop(columns="age").to_csv(folder / "lacking.csv", index=False)
    return folder


COMMON = ("model.skops", "data.csv", "--target", "rich")


def test_slices_as_json_are_strict_and_right(command, place):
    code, out, err = command("slices", *COMMON, "--by", "sex", "--metrics", "accuracy", "--json")
    assert code == 0
    assert "count as missing" in err
    answer = json.loads(out, parse_constant=lambda c: pytest.fail(f"{c} is not strict JSON"))
    assert set(answer) == {"modelglass", "source", "notes", "results"}
    result = answer["results"][0]
    table = pd.DataFrame(result["frame"]["data"], columns=result["frame"]["columns"])
    assert {"columns", "slice", "where", "metric", "estimate", "low", "high", "n", "support", "note"} <= set(table)
    frame = pd.read_csv(place / "data.csv")
    model = skops.io.load(place / "model.skops")
    for sex, rows in frame.groupby("sex"):
        got = table[table["slice"] == sex].iloc[0]
        assert got.estimate == pytest.approx(accuracy_score(rows.rich, model.predict(rows[["age", "pay"]])), abs=1e-12)
        assert got.low < got.estimate < got.high
        assert got.n == len(rows)


def test_explain_names_the_columns(command):
    code, out, _ = command("explain", *COMMON)
    assert code == 0
    assert "age" in out
    code, out, _ = command("explain", *COMMON, "--row", "3", "--json")
    assert code == 0
    assert {r["analysis"] for r in json.loads(out)["results"]} == {"shapley_row", "lime_weights"}


def test_show_runs_any_analysis(command):
    code, out, _ = command("show", "calibration", *COMMON, "--set", "n_bins=4", "--json")
    assert code == 0
    assert json.loads(out)["results"][0]["settings"]["n_bins"] == 4
    code, out, _ = command("show", "residuals", *COMMON, "--json")
    assert "not_applicable" in json.loads(out)["results"][0]


def test_findings_are_told_in_words_and_as_the_contract_says_in_json(command):
    code, out, _ = command("findings", *COMMON)
    assert code == 0
    assert "Looked at:" in out
    code, out, _ = command("findings", *COMMON, "--json", "--budget", "20", "--most", "3")
    result = json.loads(out, parse_constant=lambda c: pytest.fail(f"{c} is not strict JSON"))["results"][0]
    assert result["settings"] == {"budget": 20.0, "most": 3}
    assert {row["analysis"] for row in result["looked"]} >= {"find_slices"}
    keys = [
        "kind",
        "severity",
        "sentence",
        "where",
        "features",
        "estimate",
        "low",
        "high",
        "n",
        "p_adjusted",
        "evidence",
        "advice",
    ]
    assert result["frame"]["columns"] == keys
    assert all(list(finding) == keys for finding in result["findings"])
    assert len(result["findings"]) == len(result["frame"]["data"])


def test_findings_without_time_say_that_nothing_was_looked_at(command):
    code, out, _ = command("findings", *COMMON, "--budget", "0.000001")
    assert code == 0
    assert "not run, the budget had run out" in out


@pytest.mark.parametrize("budget", ["nan", "inf", "-1", "0"])
def test_a_budget_must_be_a_number_of_seconds(command, budget):
    code, _, err = command("explain", *COMMON, "--budget", budget)
    assert code == 2
    assert "Expected a --budget above 0 seconds" in err
    assert len(err.strip().splitlines()) <= 5


def test_classes_without_scores_are_named_plainly(command, tmp_path):
    (tmp_path / "d.csv").write_text("y,p,q\n0,0.1,0.3\n1,0.4,0.2\n2,0.5,0.1\n")
    code, _, err = command("slices", "-", str(tmp_path / "d.csv"), "--target", "y", "--score", "0=p", "--score", "1=q")
    assert code == 2
    assert "There are scores for 0, 1." in err


def test_slices_can_be_searched_for(command):
    code, out, _ = command(
        "slices", *COMMON, "--find", "--metrics", "accuracy,roc_auc", "--by", "sex,age", "--json", "--where", "age > 18"
    )
    assert code == 0
    results = json.loads(out)["results"]
    assert [r["settings"]["metric"] for r in results] == ["accuracy", "roc_auc"]
    assert all(r["analysis"] == "find_slices" and r["settings"]["columns"] == ["age", "sex"] for r in results)
    code, out, err = command("slices", *COMMON, "--find", "--metrics", "acuracy")
    assert code == 2
    assert "accuracy" in err


def test_one_class_is_measured_against_the_rest(command, place):
    frame = pd.read_parquet(place / "scored.parquet")
    said = np.where(frame["score"] >= 0.5, "yes", "no")
    asked = ["model.skops", "data.csv", "--target", "rich", "--quiet", "--json"]
    code, out, _ = command("slices", *asked, "--by", "sex", "--metrics", "recall", "--class", "no")
    assert code == 0
    found = json.loads(out)["results"][0]
    got = {row[1]: row[found["frame"]["columns"].index("estimate")] for row in found["frame"]["data"]}
    for sex in "FM":
        at = (frame["sex"] == sex).to_numpy()
        assert got[sex] == pytest.approx(recall_score(frame["rich"][at], said[at], pos_label="no"))
    assert found["settings"]["class_"] == "no"
    searched = command("slices", *asked, "--find", "--metrics", "recall", "--class", "no")
    assert json.loads(searched[1])["results"][0]["settings"]["class_"] == "no"
    for name in ("class", "class_"):
        code, out, _ = command("show", "predictions", *asked, "--set", f"{name}=no")
        assert {row[0] for row in json.loads(out)["results"][0]["frame"]["data"]} == {"no"}
    code, _, err = command("slices", *asked, "--class", "nope")
    assert (code, len(err.splitlines())) == (2, 3)
    assert "Did you mean 'no'?" in err


def test_report_is_written(command, place):
    code, out, _ = command("report", *COMMON, "-o", "out.html", "--where", "sex = 'F'")
    assert code == 0
    assert out.strip() == "out.html"
    assert "sex = " in (place / "out.html").read_text(encoding="utf-8")


def test_a_report_takes_more_analyses_and_their_settings(command, place):
    asked = ("--add", "shapley_row", "--set", "shapley_row.row=3", "--set", "calibration.n_bins=4", "-o", "more.html")
    code, out, err = command("report", *COMMON, *asked)
    assert (code, out.strip()) == (0, "more.html"), err
    text = (place / "more.html").read_text(encoding="utf-8")
    assert 'id="a-shapley_row"' in text
    assert "Left out: it lists rows of the data as they are" in text.split('id="a-shapley_row"')[1][:3000]
    assert 'id="a-calibration"' in text
    assert code == command("report", *COMMON, *asked, "--rows")[0]
    shown = (place / "more.html").read_text(encoding="utf-8").split('id="a-shapley_row"')[1][:6000]
    assert "row 3" in shown.lower()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--add", "shapley_rows"), "Did you mean 'shapley_row'?"),
        (("--set", "n_bins=4"), "Expected --set ANALYSIS.NAME=VALUE"),
        (("--set", "calibrations.n_bins=4"), "Did you mean 'calibration'?"),
        (("--set", "calibration.bins=4"), "Did you mean 'n_bins'?"),
        (("--set", "calibration.n_bins=many"), "Expected a whole number for n_bins."),
        (("--set", "shapley_row.row=3"), "shapley_row"),  # not in this report
    ],
)
def test_what_a_report_cannot_add_is_said_in_words(command, given, said):
    code, _, err = command("report", *COMMON, "-o", "no.html", *given)
    assert code == 2
    assert len(err.splitlines()) <= 3, err
    assert said in err


def test_a_report_is_finished_where_the_model_stops_answering(command, place, monkeypatch):
    code = "import time\n\ndef model(rows):\n    time.sleep(5 if len(rows) > 450 else 0)\n    return (rows.age > 50) * 0.5 + 0.2\n"
    (place / "tires.py").write_text(code)
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("MODELGLASS_PREDICT_SECONDS", "1")
    given = ["--target", "rich", "--positive", "yes", "--features", "age", "-o", "tired.html"]
    code, out, err = command("report", "tires:model", "data.csv", *given)
    assert (code, out.strip()) == (3, "tired.html"), err
    assert "The machine could not: the report is written, without " in err
    assert 1 <= len(err.split("The machine could not:")[1].strip().splitlines()) <= 5
    text = (place / "tired.html").read_text(encoding="utf-8")
    assert "the model did not answer for" in text
    assert "ROC AUC" in text


def test_predictions_only(command):
    code, out, _ = command(
        "slices", "-", "scored.parquet", "--target", "rich", "--score", "score", "--by", "sex", "--json"
    )
    assert code == 0
    assert json.loads(out)["source"]["model_kind"] == "predictions only"


def test_labels_are_mapped(command):
    code, out, _ = command(
        "slices",
        "bool.skops",
        "data.csv",
        "--target",
        "rich",
        "--label",
        "no=False",
        "--label",
        "yes=True",
        "--by",
        "sex",
        "--json",
    )
    assert code == 0
    assert json.loads(out)["source"]["positive"] == "yes"


def test_labels_may_hold_the_sign_that_parts_them(command, place):
    frame = pd.read_csv(place / "data.csv")
    income = np.where(frame.rich == "yes", ">50K", "<=50K")
    skops.io.dump(LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], income), place / "income.skops")
    words = ("slices", "income.skops", "numbers.csv", "--target", "rich", "--by", "sex", "--json")
    code, _, err = command(*words)
    assert code == 2
    assert "--label '0=<=50K'" in err
    assert "--positive" not in err
    code, out, _ = command(*words, "--label", "0=<=50K", "--label", "1=>50K")
    assert code == 0
    assert json.loads(out)["source"]["positive"] == "1"


def test_a_pickle_is_loaded_when_trusted(command):
    assert command("slices", "model.joblib", *COMMON[1:], "--by", "sex", "--trust", "--json")[0] == 0


WRONG = {
    "no model": (("modell.skops", *COMMON[1:]), ["modell.skops", "model.skops"]),
    "long name": (("m" * 5000, *COMMON[1:]), ["5,000 letters"]),
    "long data": (("model.skops", "d" * 300 + ".csv", "--target", "rich"), ["letters"]),
    "no data": (("model.skops", "dta.csv", "--target", "rich"), ["dta.csv", "data.csv"]),
    "empty": (("model.skops", "empty.csv", "--target", "rich"), ["empty"]),
    "no rows": (("model.skops", "head.csv", "--target", "rich"), ["row"]),
    "names twice": (("model.skops", "twice.csv", "--target", "rich"), ["age"]),
    "cut data": (("model.skops", "cut.parquet", "--target", "rich"), ["cut.parquet"]),
    "cut model": (("cut.skops", *COMMON[1:]), ["cut.skops"]),
    "pickle": (("model.joblib", *COMMON[1:]), ["--trust", "code"]),
    "target": (("model.skops", "data.csv", "--target", "rch"), ["'rich'"]),
    "constant": (("model.skops", "constant.csv", "--target", "rich"), ["'yes'"]),
    "labels": (("model.skops", "numbers.csv", "--target", "rich"), ["'no'", "1", "--label"]),
    "labels of bools": (("bool.skops", "data.csv", "--target", "rich"), ["False", "'yes'", "--positive"]),
    "weights": (("model.skops", "negative.csv", "--target", "rich", "--weight", "w"), ["weight"]),
    "feature": (("model.skops", "lacking.csv", "--target", "rich"), ["'age'"]),
    "broken SQL": ((*COMMON, "--where", "age <"), ["age <"]),
    "forbidden SQL": ((*COMMON, "--where", "age IN (SELECT 1)"), ["SELECT"]),
    "file SQL": ((*COMMON, "--where", "read_csv('data.csv') = 1"), ["read_csv"]),
    "no rows left": ((*COMMON, "--where", "age > 1000"), ["No row"]),
    "metric": ((*COMMON, "--metrics", "acuracy"), ["'accuracy'"]),
    "column": ((*COMMON, "--by", "sexx"), ["'sex'"]),
    "positive": ((*COMMON, "--positive", "maybe"), ["'maybe'"]),
    "threshold": (("reg.skops", "data.csv", "--target", "pay", "--threshold", "0.5"), ["threshold"]),
    "ignore": ((*COMMON, "--ignore", "agee"), ["'age'"]),
    "type": ((*COMMON, "--type", "age=nmeric"), ["numeric"]),
    "label form": ((*COMMON, "--label", "yes"), ["--label"]),
    "no condition": ((*COMMON, "--where", ""), ["condition"]),
    "seed": ((*COMMON, "--seed", "-3"), ["seed"]),
    "empty model": (("", *COMMON[1:]), ["Got nothing"]),
    "empty data": (("model.skops", "", "--target", "rich"), ["Got nothing"]),
    "empty train": ((*COMMON, "--train", ""), ["Got nothing"]),
    "home of nobody": (("model.skops", "~no-such-user/d.csv", "--target", "rich"), ["no folder ~no-such-user"]),
    "one class left": ((*COMMON, "--label", "yes=no"), ["two classes", "'yes'"]),
    "outcomes as predictions": (
        ("-", "scored.parquet", "--target", "rich", "--prediction", "rich"),
        ["another column than the target 'rich'"],
    ),
    "text as score": (("-", "scored.parquet", "--target", "rich", "--score", "sex"), ["numbers"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_refused_in_a_few_lines(command, case):
    words, parts = WRONG[case]
    code, out, err = command("slices", *words)
    assert code == 2
    assert out == ""
    assert 1 <= len(err.strip().splitlines()) <= 5, err
    assert "Traceback" not in err
    for part in parts:
        assert part in err


RULES = {
    "contradiction": (
        "columns:\n  age:\n    low: 50\n    high: 40\n",
        ["low 50 of 'age'", "rules.yaml, line 3", "high 40 of 'age'", "rules.yaml, line 4"],
    ),
    "every row left out": (
        "columns:\n  age: {low: 500, high: 600}\n",
        ["constraints that hold for some rows", "age: below 500", "Widen"],
    ),
    "no such column": ("columns:\n  agee: {low: 5}\n", ["line 2", "Did you mean 'age'"]),
    "no such level": ("columns:\n  age: {levels: [old]}\n", ["no levels for 'age'"]),
}


@pytest.mark.parametrize(
    "name", ["adversarial", "noise_robustness", "fragile_rows", "robust_threshold", "input_faults"]
)
@pytest.mark.parametrize("case", RULES)
def test_constraints_that_cannot_hold_are_refused_in_a_few_lines(command, place, case, name):
    text, parts = RULES[case]
    (place / "rules.yaml").write_text(text)
    code, out, err = command("show", name, *COMMON, "--quiet", "--set", "constraints=rules.yaml", "--set", "rows=50")
    assert (code, out) == (2, "")
    assert 1 <= len(err.strip().splitlines()) <= 5, err
    for part in parts:
        assert part in err


def test_constraints_that_let_nothing_change_and_a_budget_of_nothing_are_told(command, place):
    (place / "rules.yaml").write_text("columns: {age: {immutable: true}, pay: {immutable: true}}\n")
    given = ("--quiet", "--set", "constraints=rules.yaml")
    for name in ("adversarial", "fragile_rows", "robust_threshold"):
        code, out, _ = command("show", name, *COMMON, *given)
        assert code == 0
        assert "Cannot say, because" in out
        assert "let no column change" in out
    code, out, _ = command("show", "noise_robustness", *COMMON, *given)
    assert "Noise changes none of 400 rows: the constraints let no column change" in out
    (place / "rules.yaml").write_text("columns: {age: {immutable: true}, pay: {direction: down}}\n")
    code, out, _ = command("show", "adversarial", *COMMON, *given, "--where", "pay < 5 and _prediction = 'no'")
    assert code == 0
    assert "robust within the constraints" in out
    code, out, err = command("show", "adversarial", *COMMON, "--quiet", "--set", "budget=0")
    assert (code, out) == (2, "")
    assert "budget" in err


def test_what_could_be_done_is_told_with_its_lines(command):
    code, out, _ = command("show", "noise_robustness", *COMMON, "--quiet")
    assert code == 0
    told = out[out.index("What could be done") :].splitlines()
    assert told[1].startswith("Training rows once more, with noise of 0.1 spreads")
    assert any(line.startswith("more = augmented(ev, features=[") for line in told)
    code, out, _ = command("show", "noise_robustness", *COMMON, "--quiet", "--json")
    assert "augmented(ev" in json.loads(out)["results"][0]["recipe"]["code"]


def test_a_place_for_results_and_a_folder_of_nobody_are_refused(command):
    for words in (("report", *COMMON, "-o", "~no-such-user/r.html"), ("--folder", "~no-such-user")):
        code, out, err = command(*words)
        assert (code, out) == (2, "")
        assert "~no-such-user" in err
        assert 1 <= len(err.strip().splitlines()) <= 5


def test_an_address_that_is_not_here_is_told_before_anything_else(command):
    code, out, err = command("run", *COMMON, "--headless", "--host", "192.0.2.1", "--ignore", "w")
    assert (code, out) == (2, "")
    assert err.startswith("Expected an address")
    assert len(err.strip().splitlines()) == 3


def test_unknown_analysis_and_settings(command):
    code, _, err = command("show", "calibraton", *COMMON)
    assert code == 2
    assert "'calibration'" in err
    code, _, err = command("show", "calibration", *COMMON, "--set", "n_bins=many")
    assert code == 2
    assert "n_bins" in err


@pytest.mark.parametrize(
    "name", [a.name for a in analyses().values() if "binary" in a.tasks and any(s.kind == "row" for s in a.settings)]
)
def test_an_analysis_of_one_row_without_the_row_is_refused(command, name):
    code, out, err = command("show", name, *COMMON, "--quiet")
    if code != 0:  # a few take the first row, or tell of themselves that they cannot say
        assert (code, out) == (2, "")
        assert "--set " in err
        assert 1 <= len(err.strip().splitlines()) <= 5


def test_remarks_go_to_standard_error(command, place):
    frame = pd.read_csv(place / "data.csv")
    skops.io.dump(
        LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]].to_numpy(), frame.rich), place / "nameless.skops"
    )
    words = ("slices", "nameless.skops", "data.csv", "--target", "rich", "--ignore", "sex,w", "--by", "age", "--json")
    code, out, err = command(*words)
    assert code == 0
    assert "as read" in err
    json.loads(out)
    assert command(*words, "--quiet")[2] == ""


def test_a_setting_may_hold_the_sign_and_so_may_a_column():
    from modelglass.app.inputs import pairs

    assert pairs(("changes=hours += 5", "other=age >= 60"), "--set", first=True) == {
        "changes": "hours += 5",
        "other": "age >= 60",
    }
    assert pairs(("a=b=numeric",), "--type") == {"a=b": "numeric"}


def test_a_model_of_a_quantile_is_held_to_it(command, tmp_path):
    import skops.io
    from sklearn.linear_model import QuantileRegressor

    x = np.arange(60.0)
    frame = pd.DataFrame({"x": x, "y": x + (x * 7) % 11, "kind": np.where(x % 3 == 0, "p", "q")})
    model = QuantileRegressor(quantile=0.9, alpha=0.0).fit(frame[["x"]], frame.y)
    skops.io.dump(model, tmp_path / "m.skops")
    frame.to_parquet(tmp_path / "d.parquet")
    words = [str(tmp_path / "m.skops"), str(tmp_path / "d.parquet"), "--target", "y"]
    code, out, err = command("show", "interval_coverage", *words, "--set", "by=kind")
    assert code == 0
    under = frame.y <= model.predict(frame[["x"]])
    assert f"The model predicts the 0.9 quantile: {under.mean():.1%} (" in out
    assert "By kind it is farthest off for " in out
    assert "Note: The model was trained for the 0.9 quantile of y: 90.0% of all outcomes are to lie at or below" in err
    assert "The model predicts the 0.9 quantile, not the mean: " in command("show", "residuals", *words)[1]


def test_a_budget_is_shared_by_the_analyses_of_a_command(command, monkeypatch):
    """What the first leaves, the last has."""
    seen = []

    def run(ev, name, **settings):
        seen.append(left())
        return Outcome(analysis=get(name), reason="nobody knows.")

    monkeypatch.setattr(engine, "run", run)
    code, out, _ = command("explain", *COMMON, "--budget", "100")
    assert code == 0
    assert [(round(rest), whole) for rest, whole in seen] == [(50, 100), (100, 100)]
    assert out.count("Cannot say, because nobody knows.\n") == 2
