"""A real browser and the real command: upload, recent, a refused pickle, and from the list of predictions to one of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SETTLED = """() => document.querySelector('h1') && !document.querySelector('[data-stale=true], [data-testid=stProgress], [data-testid=stSkeleton]')
    && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 80, 400), "pay": rng.normal(size=400).round(3)})
    frame["city"] = rng.choice(["Rome", "Oslo"], 400)
    frame["rich"] = np.where(frame.age + rng.normal(0, 15, 400) > 50, "yes", "no")
    model = LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame.rich)
    skops.io.dump(model, folder / "m.skops")
    joblib.dump(model, folder / "m.pkl")
    frame.to_csv(folder / "d.csv", index=False)
    several = frame.assign(
        rich=np.array(["low", "mid", "high"])[np.digitize(frame.age + rng.normal(0, 9, 400), [40, 60])]
    )
    skops.io.dump(LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], several.rich), folder / "three.skops")
    several.to_csv(folder / "three.csv", index=False)
    frame["found"], frame["score"] = (
        model.predict(frame[["age", "pay"]]),
        model.predict_proba(frame[["age", "pay"]])[:, 1],
    )
    return folder, frame


@pytest.fixture(scope="module")
def server(place):
    """The command itself, with a home and a temporary folder of its own."""
    folder, _ = place
    (folder / "tmp").mkdir()
    environment = {**os.environ, "MODELGLASS_HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    words = ["--headless", "--port", str(8900 + os.getpid() % 500), "--folder", str(folder)]
    command = [sys.executable, "-m", "modelglass.app.cli", *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        yield running.stdout.readline().strip()
        running.terminate()


@pytest.fixture
def visit(chromium, server):
    """A function: a fresh browser at the address, and its faults."""
    contexts, faults = [], []

    def start(path=""):
        contexts.append(chromium.new_context(viewport={"width": 1440, "height": 1000}))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on(
            "request",
            lambda r: None if re.match(r"(http|ws)://127\.0\.0\.1|data:|blob:", r.url) else faults.append(r.url),
        )
        page.goto(server + path)
        return settle(page)

    yield start
    for context in contexts:
        context.close()
    assert faults == []


def settle(page):
    page.wait_for_timeout(400)
    page.wait_for_function(SETTLED, polling=100)  # not at every frame: that alone keeps a core busy
    assert page.locator("[data-testid=stException]").count() == 0
    return page


def give(page, model, data):
    for place, path in enumerate((model, data)):
        page.locator("input[type=file]").nth(place).set_input_files(path)
        page.get_by_text(path.name).first.wait_for()
        settle(page)
    return settle(page)


def test_upload_to_one_prediction_and_a_second_browser_sees_none_of_it(place, visit, click_in):
    folder, frame = place
    page = give(visit(), folder / "m.skops", folder / "d.csv")
    page.get_by_text("Guessed: it holds the labels that the model predicts").wait_for()
    page.locator("[class*=open_own] button").click()
    page.get_by_text("Accuracy").first.wait_for()
    settle(page)
    assert "model=own-" in page.url
    assert [p for p in (folder / "tmp").iterdir() if "upload" in p.name] == []
    other = visit()
    assert other.get_by_text("Go on with").count() == 0
    page.reload()  # the address alone brings it back
    settle(page)
    page.get_by_role("link", name="Predictions", exact=True).click()
    page.wait_for_function("() => document.querySelector('h1')?.textContent === 'Predictions'")
    settle(page)
    page.get_by_label("Outcome").click()
    page.get_by_role("option", name="false positives").click()
    settle(page)
    wrong = frame[(frame.found == "yes") & (frame.rich == "no")]
    page.get_by_text(f"{len(wrong)} of 400 rows are false positives").wait_for()
    page.get_by_label("Sorted by").click()
    page.get_by_role("option", name="loss (how wrong)").click()
    settle(page)
    worst = wrong.score.idxmax()
    click_in(page.locator("[data-testid=stDataFrame]").first, 15, 35 + 17)  # the tick of the first row
    page.get_by_role("button", name=f"Explain row {worst}").click()
    page.wait_for_function("() => document.querySelector('h1')?.textContent === 'One prediction'")
    settle(page)
    assert f"row.row={worst}" in page.url
    assert page.get_by_label("Row of the data, counted from 0").input_value() == str(worst)


def test_a_heading_sorts_all_rows_on_the_server(place, visit, click_in):
    folder, frame = place
    page = give(visit(), folder / "m.skops", folder / "d.csv")
    page.locator("[class*=open_own] button").click()
    page.get_by_text("Accuracy").first.wait_for()
    settle(page).goto(page.url.replace("/?", "/predictions?"))
    settle(page)
    # the heading "row": the column sorted by already, so the other way round
    click_in(page.locator("[data-testid=stDataFrame]").first, 60, 17)
    page.wait_for_function("() => location.search.includes('listing.descending=yes')")
    page.get_by_text("by row, largest first").wait_for()
    settle(page)  # the pages to turn to are drawn after the sentence: a click between the two goes to those of before
    page.get_by_role("button", name="Page 2", exact=True).click()
    page.get_by_text("shown 51 to 100").wait_for()
    with page.expect_download() as got:
        page.get_by_role("button", name="CSV of 400 rows").click()
    rows = pd.read_csv(got.value.path())
    assert rows["row"].tolist() == list(range(399, -1, -1))
    assert rows["city"].tolist() == frame["city"][::-1].tolist()


def test_a_pickle_is_refused_with_the_command_to_use(place, visit):
    folder, _ = place
    page = give(visit(), folder / "m.pkl", folder / "d.csv")
    page.get_by_text("is never taken through the browser").wait_for()
    assert "modelglass run m.pkl d.csv --target COLUMN --trust" in page.locator("[data-testid=stMain]").inner_text()
    assert page.locator("[class*=open_own]").count() == 0


def test_from_a_folder_then_reopened_as_recent(place, visit):
    folder, _ = place
    page = visit()
    page.get_by_role("tab", name="From a folder").click()
    page.get_by_label("Model in the folder").click()
    page.get_by_role("option", name="m.skops").click()
    settle(page).get_by_label("Data in the folder").click()
    page.get_by_role("option", name="d.csv").click()
    settle(page).locator("[class*=open_own] button").locator("visible=true").click()
    page.get_by_text("Accuracy").first.wait_for()
    again = visit()
    again.get_by_text("Opened here before").wait_for()
    again.locator("[class*=st-key-recent] button").first.click()
    again.get_by_text("Accuracy").first.wait_for()
    settle(again)
    assert "model=" in again.url
    assert "own-" not in again.url
    assert (folder / "home" / "workspace.json").exists()


def card(page, label):
    """The number on a card of the Overview."""
    found = page.locator("[data-testid=stMetric]").filter(has=page.get_by_text(label, exact=True)).first
    return float(found.locator("[data-testid=stMetricValue]").inner_text())


def test_a_class_is_chosen_and_the_numbers_are_its_own(place, visit):
    """Upload of a model of three classes; the class on the Overview, on the curves, and by the address alone."""
    folder, _ = place
    page = give(visit(), folder / "three.skops", folder / "three.csv")
    page.locator("[class*=open_own] button").click()
    page.get_by_text("Accuracy").first.wait_for()
    settle(page)
    data = pd.read_csv(folder / "three.csv")
    model = skops.io.load(folder / "three.skops", trusted=[])
    X, mid = data[["age", "pay"]], data.rich == "mid"
    said = model.predict(X)
    assert card(page, "Accuracy") == pytest.approx((said == data.rich).mean(), abs=6e-4)
    page.get_by_label("Class", exact=True).first.click()
    page.get_by_role("option", name="mid").click()
    settle(page)
    assert "performance.class_=mid" in page.url
    own = model.predict_proba(X)[:, list(model.classes_).index("mid")]
    assert card(page, "ROC AUC of mid") == pytest.approx(roc_auc_score(mid, own), abs=6e-4)
    assert card(page, "Accuracy of mid") == pytest.approx(((said == "mid") == mid).mean(), abs=6e-4)
    page.reload()
    settle(page)
    assert card(page, "ROC AUC of mid") == pytest.approx(roc_auc_score(mid, own), abs=6e-4)
    settle(page.goto(page.url.replace("/?", "/curves?").replace("performance.class_", "thresholds.class_")) and page)
    page.get_by_text("As used now (the model decides of mid)").wait_for()
