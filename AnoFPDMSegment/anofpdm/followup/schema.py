"""The JSON Schema of `follow-up.json`, written from its records.

python -m anofpdm.followup.schema Resources/follow-up-schema.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..core.json_schema import DIALECT, json_schema
from .record import VERSION, FollowUpRecord


def follow_up_schema() -> dict[str, Any]:
    """Of the whole document."""
    definitions: dict[str, Any] = {}
    core = json_schema(FollowUpRecord, definitions)
    return {
        "$schema": DIALECT,
        "title": f"Follow-up of AnoFPDM, version {VERSION}",
        "description": "What every field means stands in follow-up-schema.md.",
        **core,
        "$defs": definitions,
    }


def schema_text() -> str:
    """As the file holds it."""
    return json.dumps(follow_up_schema(), indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
