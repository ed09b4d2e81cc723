"""The report opens in a browser without an error and without a request; the model's card is rendered."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report_samples import page_of

from anofpdm import Detector
from anofpdm.app.model_card import card_as_html
from anofpdm.store.model_search import BUNDLED_FOLDER

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CARD = """# Model

For *research*; [the paper](https://arxiv.org/abs/2404.15683), [another card](../other/CARD.md), ![a plot](plot.png).

| set | Dice |
|---|---|
| glioma | 0.8 |

<script>alert(1)</script> <img src="http://192.0.2.1/a.png">
"""


@pytest.fixture(scope="module")
def page(tiny_model: Path, head_image: Any) -> str:
    """Of a detection with a predicted healthy head."""
    return page_of(Detector.from_model(tiny_model).detect(head_image), CARD)


def test_it_shows_each_slice_in_three_ways(page: str) -> None:
    figures = re.findall(r"<figure>(.*?)</figure>", page)
    assert 1 < len(figures) <= 12
    for figure in figures:
        assert re.findall(r'alt="Slice \d+, S .*?: (.*?)"', figure) == [
            *("image", "score and outlines", "healthy prediction")
        ]


def test_the_card_is_rendered_and_loads_nothing() -> None:
    card = card_as_html(CARD)
    assert "<h3>Model</h3>" in card and "<em>research</em>" in card and "<td>glioma</td>" in card
    assert card.count("<a ") == 1 and 'href="https://arxiv.org/abs/2404.15683"' in card and "another card" in card
    assert "<img" not in card and "<script" not in card


def test_every_bundled_card_is_rendered() -> None:
    for path in sorted(BUNDLED_FOLDER.glob("*/MODEL_CARD.md")):
        text = path.read_text("utf-8")
        card = card_as_html(text)
        assert card.count("<h3>") == len(re.findall(r"^# ", text, re.MULTILINE))
        assert card.count("<table>") == len(re.findall(r"^\|[-|: ]+\|$", text, re.MULTILINE)), path
        assert "../" not in re.sub(r"<code>.*?</code>", "", card), path


def test_without_the_library_the_card_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    card = card_as_html(CARD)
    assert card.startswith("<pre># Model") and "<script" not in card and "<img" not in card


def opened(page: str, folder: Path) -> tuple[list[str], list[str]]:
    """What a browser says on its console, and what it asks the network for."""
    assert CHROMIUM is not None
    folder.mkdir()
    (folder / "report.html").write_text(page, encoding="utf-8")
    options = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
        *("--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage"),
        *("--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'user'}"),
        *(f"--log-net-log={folder / 'net.json'}", f"--screenshot={folder / 'page.png'}", "--window-size=1200,4000"),
    ]
    done = subprocess.run(
        [CHROMIUM, *options, (folder / "report.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0 and (folder / "page.png").stat().st_size > 1000, done.stderr
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    text = (folder / "net.json").read_text("utf-8", errors="replace").rstrip().rstrip(",")
    log = json.loads(text if text.endswith("}") else text + "]}")
    started = [event["params"]["url"] for event in log["events"] if "url" in event.get("params", {})]
    return console, [url for url in started if url.startswith("http") and "192.0.2." in url]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here, so no page can be opened")
def test_a_browser_opens_it_without_an_error_or_a_request(page: str, tmp_path: Path) -> None:
    assert opened(page, tmp_path / "report") == ([], [])
    # What the page would do with a request in it, and without its own rule.
    asking = page.replace("</body>", '<img src="http://192.0.2.1/b.png"></body>')
    console, requests = opened(asking, tmp_path / "asking")
    assert console and not requests, "refused by the page's own rule, with a word on the console"
    free = re.sub(r"<meta http-equiv=.*?>", "", asking)
    assert opened(free, tmp_path / "free")[1]
