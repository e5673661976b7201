"""Take a screenshot of every page of a running dashboard: ``python tests/tools/screenshots.py ADDRESS FOLDER [--prefix adult] [--query "where=age<30"]``.

Each page is taken at 1440 and 420 px, light and dark, whole (as tall as its content), as ``PREFIX-PAGE-WIDTHl.png`` or ``...d.png``; ``contact_sheet.py`` then puts
them on one sheet. What the browser's console complains of, requests that leave the machine, and boxes of Streamlit's own errors are printed.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

SETTLED = """() => document.querySelector('h1') && !document.querySelector('[data-stale=true], [data-testid=stProgress], [data-testid=stSkeleton], [data-testid=stSpinner]')
    && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"""
TALL = "() => { const m = document.querySelector('[data-testid=stMain]'); return m ? m.scrollHeight : document.body.scrollHeight }"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
TALLEST = 12_000


def settled(page: Page, patience: int) -> None:
    """Wait until the page shows all it will show."""
    page.wait_for_timeout(800)
    page.wait_for_function(SETTLED, timeout=patience, polling=200)
    page.wait_for_timeout(700)


def pages_of(page: Page, address: str) -> list[tuple[str, str]]:
    """Give (name, path) of the pages in the navigation."""
    links = page.locator("[data-testid=stSidebarNavLink]")
    found = []
    for place in range(links.count()):
        link = links.nth(place)
        name = (link.inner_text() or "page").strip().splitlines()[-1]
        found.append((re.sub(r"\W+", "-", name).lower(), link.get_attribute("href") or "/"))
    return found or [("start", "/")]


def shoot(browser: Browser, address: str, folder: Path, prefix: str, query: str, patience: int, only: str) -> None:
    """Walk all pages in each width and theme."""
    for width in (1440, 420):
        for theme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=theme)  # type: ignore[arg-type]
            page = context.new_page()
            page.on("console", lambda m: print("console:", m.text) if m.type == "error" else None)
            page.on(
                "request",
                lambda r: None if "127.0.0.1" in r.url or r.url[:5] in ("data:", "blob:") else print("request:", r.url),
            )
            page.goto(f"{address}?{query}")
            settled(page, patience)
            for name, href in pages_of(page, address):
                if only and name not in only.split(","):
                    continue
                page.set_viewport_size({"width": width, "height": 1000})
                page.goto(f"{address.rstrip('/')}/{urlsplit(href).path.strip('/')}?{query}")
                settled(page, patience)
                page.set_viewport_size({"width": width, "height": min(TALLEST, max(1000, _tall(page)))})
                settled(page, patience)
                if page.locator("[data-testid=stException]").count():
                    print("error box on", name)
                page.screenshot(path=folder / f"{prefix}{name}-{width}{theme[0]}.png")
                print(f"{prefix}{name} {width} {theme}", flush=True)
            context.close()


def _tall(page: Page) -> int:
    tall: Any = page.evaluate(TALL)
    return int(tall) + 20


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--query", default="", help="as in the address; a condition: where=SQL (quoted here)")
    parser.add_argument("--patience", type=int, default=240_000, help="milliseconds a page may take")
    parser.add_argument("--only", default="", help="names of pages, separated by commas")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        shoot(
            chromium,
            given.address,
            given.folder,
            given.prefix and given.prefix + "-",
            quote(given.query, safe="=&+%.,"),
            given.patience,
            given.only,
        )
