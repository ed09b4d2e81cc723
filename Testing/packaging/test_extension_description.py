"""The extension's three descriptions agree, and the icon is what Slicer's catalogue asks for."""

from __future__ import annotations

import json
import re

import pytest
from module_files import MODULE, REPOSITORY

CATALOGUE_KEYS = {
    "$schema",
    "build_dependencies",
    "build_subdirectory",
    "category",
    "enabled",
    "scm_revision",
    "scm_type",
    "scm_url",
    "tier",
}
"""All that Slicer's catalogue schema 1.0.1 allows."""


def cmake_settings() -> dict[str, str]:
    text = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    return dict(re.findall(r'^set\(EXTENSION_(\w+) "([^"\n]*)"\)$', text, re.MULTILINE))


def s4ext_settings() -> dict[str, str]:
    lines = (REPOSITORY / "extension.s4ext").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return {key: value for key, _, value in pairs}


def catalogue() -> dict[str, object]:
    entry: dict[str, object] = json.loads((REPOSITORY / "AnoFPDMSegment.json").read_text(encoding="utf-8"))
    return entry


@pytest.mark.parametrize(
    "key", ["HOMEPAGE", "CATEGORY", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"]
)
def test_cmake_and_s4ext_agree(key: str) -> None:
    assert cmake_settings()[key] == s4ext_settings()[key.lower()]


def test_the_catalogue_entry_fits_the_schema_and_the_others() -> None:
    entry, s4ext = catalogue(), s4ext_settings()
    assert set(entry) <= CATALOGUE_KEYS
    assert {"$schema", "category", "scm_url"} <= set(entry)
    assert entry["build_dependencies"] == cmake_settings()["DEPENDS"].split()
    assert entry["category"] == s4ext["category"]
    assert entry["scm_url"] == s4ext["scmurl"]
    assert entry["scm_revision"] == s4ext["scmrevision"]
    assert entry["scm_type"] == s4ext["scm"]
    assert entry["tier"] == int(s4ext["tier"])
    assert entry["tier"] in (1, 3, 5)


def test_the_icon() -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    icons = [folder / "Resources" / "Icons" / "AnoFPDMSegment.png" for folder in (REPOSITORY, MODULE)]
    with image.open(icons[0]) as icon:
        assert icon.size == (128, 128)
        assert icon.mode == "RGBA"
    assert icons[0].read_bytes() == icons[1].read_bytes()
    assert cmake_settings()["ICONURL"].endswith("/" + icons[0].relative_to(REPOSITORY).as_posix())
