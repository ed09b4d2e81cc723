"""CITATION.cff is of the Citation File Format 1.2.0, and CHANGELOG.md knows the version that it names."""

from __future__ import annotations

import re
from typing import Any

import yaml
from module_files import REPOSITORY

from anofpdm import __version__

REQUIRED = {"authors", "cff-version", "message", "title"}
ALLOWED = REQUIRED | {
    *("abstract", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license", "license-url"),
    *("preferred-citation", "references", "repository", "repository-artifact", "repository-code", "type", "url"),
    "version",
}
PERSON = {
    *("address", "affiliation", "alias", "city", "country", "email", "family-names", "fax", "given-names"),
    *("name-particle", "name-suffix", "orcid", "post-code", "region", "tel", "website"),
}
ENTITY = {
    *("address", "alias", "city", "country", "date-end", "date-start", "email", "fax", "location", "name", "orcid"),
    *("post-code", "region", "tel", "website"),
}
OF_REFERENCES = {"authors", "title", "type"}
SOME_OF_REFERENCES = {*("collection-title", "year", "month", "start", "end", "identifiers", "url", "doi", "journal")}
"""The fields of schema.json of the format's version 1.2.0; of a reference those that may be of use here."""


def check_authors(authors: list[dict[str, Any]]) -> None:
    assert authors
    for each in authors:
        assert set(each) <= (ENTITY if "name" in each else PERSON)
        assert all(isinstance(value, str) and value for value in each.values())


def test_citation() -> None:
    found = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text("utf-8"))
    assert set(found) >= REQUIRED and set(found) <= ALLOWED
    assert found["cff-version"] == "1.2.0" and found["type"] == "software"
    assert found["version"] == __version__ and found["license"] == "Apache-2.0"
    assert found["keywords"] and len(set(found["keywords"])) == len(found["keywords"])
    check_authors(found["authors"])
    for each in found["references"]:
        assert set(each) >= OF_REFERENCES and set(each) <= OF_REFERENCES | SOME_OF_REFERENCES
        assert isinstance(each["year"], int) and each["month"] in range(1, 13)
        check_authors(each["authors"])
        for identifier in each["identifiers"]:
            assert set(identifier) <= {"type", "value", "description"} and identifier["type"] in ("doi", "url", "other")


def test_the_changes_name_the_version() -> None:
    changes = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## (\S+?)(?:,.*)?$", changes, re.MULTILINE)
    assert versions[0] == __version__ and len(set(versions)) == len(versions)
