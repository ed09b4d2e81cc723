"""A result in a notebook: short as text, whole as HTML."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from anofpdm import Detector
from anofpdm.core.errors import OutputError
from anofpdm.results import detection as detection_module
from anofpdm.results.notebook import html_of


@pytest.fixture(scope="module")
def found(tiny_model: Path, head_image: Any) -> Any:
    return Detector.from_model(tiny_model).detect(head_image)


def test_the_text_is_one_sentence(found: Any) -> None:
    assert repr(found) == f"<Detection by tiny: {found.findings['summary']}>" and len(repr(found)) < 300


def test_the_page_holds_findings_and_picture(found: Any) -> None:
    page = found._repr_html_()
    assert found.findings["summary"] in page and "<script" not in page
    (encoded,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        assert picture.format == "PNG" and picture.width > 300
    assert "http" not in page


def test_without_pillow_the_findings_alone(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(**drawn: Any) -> bytes:
        raise OutputError("The overlay picture needs Pillow.")

    monkeypatch.setattr(detection_module, "overlay_png", missing)
    assert found._repr_html_().startswith("<pre>") and "<img" not in found._repr_html_()


def test_what_a_file_says_is_text(found: Any) -> None:
    findings = {**found.findings, "warnings": ["<script>alert(1)</script>"]}
    assert "<script" not in html_of(findings, None) and "&lt;script" in html_of(findings, None)
