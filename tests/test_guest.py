"""A package that is not ours adds an analysis through the entry point, and finds it on every face."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

GUEST = Path(__file__).parent / "guest"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the guest's installed metadata, a model and data; and the environment that sees them."""
    folder = tmp_path_factory.mktemp("guest")
    info = folder / "modelglass_guest-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: modelglass-guest\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[modelglass.analyses]\nrow_digits = modelglass_guest.digits:ANALYSIS\n")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300)})
    frame["y"] = (frame.a + rng.normal(size=300) > 0).astype(int)
    skops.io.dump(LogisticRegression().fit(frame[["a", "b"]], frame.y), folder / "model.skops")
    frame.to_csv(folder / "data.csv", index=False)
    return folder, {**os.environ, "PYTHONPATH": os.pathsep.join([str(GUEST), str(folder)])}


def python(place, code):
    folder, env = place
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, check=True, capture_output=True, text=True
    ).stdout


def command(place, *words):
    folder, env = place
    done = subprocess.run(
        [sys.executable, "-m", "modelglass.app.cli", *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


OPEN = """
import modelglass as mg
from modelglass.analysis.opening import open_evaluation
ev = open_evaluation("model.skops", "data.csv", target="y")
"""
APART = "\n=== the next face ===\n"


@pytest.fixture(scope="module")
def faces(place):
    """What the list, a notebook, the report and the dashboard show of it; one process, as most of the time goes into starting one."""
    code = f"""
from modelglass.app import cli
try:
    cli.main(["analyses"])
except SystemExit as stop:
    assert not stop.code
print({APART!r})
{OPEN}
from modelglass_guest.digits import row_digits
print(row_digits(ev)._repr_html_())
print({APART!r})
print(open(mg.report(ev, 'out.html', analyses=['row_digits']), encoding='utf-8').read())
print({APART!r})
from pathlib import Path
import modelglass.app.dashboard
from modelglass.app.dashboard import opened, pages
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash
opened.hand_over(ev, first=True)
at = AppTest.from_file(str(Path(modelglass.app.dashboard.__file__).with_name("main.py")), default_timeout=60)
at._page_hash = calc_hash(pages.path("Row numbers"))
at.run()
assert not at.exception and not at.error
print(at.title[0].value, [m.value for m in at.markdown], [s.label for s in at.slider])
"""
    listed, notebook, report, page = python(place, code).split(APART)
    return {"list": listed, "notebook": notebook, "report": report, "page": page.strip()}


def test_it_is_on_the_command_line(place, faces):
    assert "row_digits" in faces["list"]
    answer = json.loads(
        command(place, "show", "row_digits", "model.skops", "data.csv", "--target", "y", "--set", "base=5", "--json")
    )
    result = answer["results"][0]
    assert result["settings"] == {"base": 5}
    assert len(result["frame"]["data"]) == 5


def test_it_shows_itself_in_a_notebook(faces):
    assert "wrong most often" in faces["notebook"]
    assert "last digit" in faces["notebook"]


def test_it_is_in_the_report(faces):
    assert "Wrong by last digit" in faces["report"]
    assert "wrong most often" in faces["report"]


def test_it_gets_a_page_of_its_own(faces):
    assert faces["page"].startswith("Row numbers")
    assert "wrong most often" in faces["page"]
    assert "Base" in faces["page"]
