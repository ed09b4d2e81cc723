"""Names of the files of a follow-up."""

from __future__ import annotations

from ..core.checksums import CHECKSUMS_FILE

FOLLOW_UP_FILE = "follow-up.json"
TABLE_FILE = "changes.csv"
SEGMENTATION_FILE = "changes.seg.nrrd"
REGISTERED_FILE = "later-registered.nrrd"
TRANSFORM_FILE = "baseline-to-later.tfm"
PICTURE_FILE = "follow-up.png"
FILES = (
    FOLLOW_UP_FILE, TABLE_FILE, SEGMENTATION_FILE, REGISTERED_FILE, TRANSFORM_FILE, PICTURE_FILE, CHECKSUMS_FILE,
)  # fmt: skip
