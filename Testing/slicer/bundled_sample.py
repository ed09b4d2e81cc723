"""The sample that ships with the extension: what the README's pictures show."""

from __future__ import annotations

from pathlib import Path

BUNDLED_SAMPLE = (
    Path(__file__).resolve().parents[2]
    / "AnoFPDMSegment"
    / "Resources"
    / "SampleData"
    / "synthetic_flair_lesion.nii.gz"
)
