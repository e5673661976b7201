"""Shared by all tests: real data where it is, no silent skips in CI, and only `modelglass.` names imported."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

# Workers share the cores: two threads each would wait for one another (before anything that reads it is imported)
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("MODELGLASS_WARM", "0")  # dashboards of tests start no compiling beside them
# What modelglass remembers and keeps for its user goes to a folder of this test run, never to the real home
os.environ["MODELGLASS_HOME"] = tempfile.mkdtemp(prefix="modelglass-tests-")
atexit.register(shutil.rmtree, os.environ["MODELGLASS_HOME"], ignore_errors=True)

import pytest  # noqa: E402

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    # Playwright's own list (a later one replaces it), and the address bar's suggestions: two pages of the browser's own in every window,
    # which took 1.5 s of processor for each fresh browser of a test (measured with Chromium 156)
    "--disable-features=AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,LensOverlay,"
    "MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,OptimizationHints,NetworkTimeServiceQuerying,"
    "AimEnabled,PreconnectToSearch,WebUIOmniboxPopup,WebUIOmniboxAimPopup",
]
MUST_NOT_SKIP = {
    "browser": "MODELGLASS_REQUIRE_BROWSER",
    "alibi": "MODELGLASS_REQUIRE_ALIBI",
    "torch": "MODELGLASS_REQUIRE_TORCH",
    "dask": "MODELGLASS_REQUIRE_DASK",
}


def shared_data(name: str) -> Path:
    """Give the path of a real data set, or skip with a reason where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"../shared/data/{name} is not here")
    return path


@pytest.fixture(scope="session")
def data_file():
    """A function: name of a real data set -> its path (skips where absent)."""
    return shared_data


@pytest.fixture(scope="session")
def inference_server():
    """The module ``tests/tools/inference_server.py``: serves models over HTTP by the Open Inference Protocol."""
    spec = importlib.util.spec_from_file_location(
        "inference_server", Path(__file__).with_name("tools") / "inference_server.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def chromium():
    """A real Chromium; skips with the reason where there is none.

    Of a module, never longer: while Playwright is open its loop runs in this thread, so no second one can start and no asyncio.run works.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    """Say which tests were skipped though CI asked for them."""
    for marker, variable in MUST_NOT_SKIP.items():
        if os.environ.get(variable):
            skipped = [r.nodeid for r in terminalreporter.stats.get("skipped", []) if marker in r.keywords]
            for name in skipped:
                terminalreporter.write_line(f"{variable} is set, but this was skipped: {name}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """Fail when a required test was skipped, or when a room was imported under its bare name."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        for marker, variable in MUST_NOT_SKIP.items():
            if os.environ.get(variable) and any(marker in r.keywords for r in reporter.stats.get("skipped", [])):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
    bare = sorted({"analysis", "explainers", "app", "sample_models"} & set(sys.modules))
    if bare:
        print(f"imported as bare modules, use modelglass.* names: {bare}", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
