"""Samples in Slicer's module Sample Data: synthetic heads from inside this extension, and public MR images."""

from __future__ import annotations

from pathlib import Path

CATEGORY = "AnoFPDM"

BUNDLED = {
    "AnoFPDM synthetic FLAIR with lesion": (
        "synthetic_flair_lesion.nii.gz",
        "7bfd5353b3e2e886f3c291396816de1305ab83415bba16ac74b0cdd2a8e9bb8f",
    ),
    "AnoFPDM synthetic FLAIR without lesion": (
        "synthetic_flair_no_lesion.nii.gz",
        "287866861b2c8bace14ad1484b4182a11e72684b2e0bc9bd75f97f7b6787271e",
    ),
    "AnoFPDM synthetic FLAIR, baseline": (
        "synthetic_flair_baseline.nii.gz",
        "a94f29de0c2dd752998edae181ea9672f35c2ff822555ea1770cf539d53a1264",
    ),
    "AnoFPDM synthetic FLAIR, later": (
        "synthetic_flair_later.nii.gz",
        "15c96f9bf79e38ffb0025f72b6a7f79b83b93bc69fe135c44d841bb9fea1d49a",
    ),
}
"""Name: file in Resources/SampleData, SHA-256."""

PUBLIC = {
    "AnoFPDM MRHead (T1)": (
        "MR-head.nrrd",
        "cc211f0dfd9a05ca3841ce1141b292898b2dd2d3f08286affadf823a7e58df93",
    ),
    "AnoFPDM MRBrainTumor1 (T1 with contrast)": (
        "RegLib_C01_1.nrrd",
        "998cb522173839c78657f4bc0ea907cea09fd04e44601f17c82ea27927937b95",
    ),
    "AnoFPDM MRBrainTumor2 (T1 with contrast)": (
        "RegLib_C01_2.nrrd",
        "1a64f3f422eb3d1c9b093d1a18da354b13bcf307907c66317e2463ee530b7a97",
    ),
}
"""Name: file in Slicer's cache, SHA-256 under which Slicer's own samples are kept; shared with those."""


def registerSampleData(resources: Path) -> None:
    """Register the samples; `resources` is the module's folder of that name. Call it when Slicer has started."""
    import SampleData
    from slicer.util import TESTING_DATA_URL

    register = SampleData.SampleDataLogic.registerCustomSampleDataSource
    icon = str(resources / "Icons" / "AnoFPDMSegment.png")
    for name, (file, digest) in BUNDLED.items():
        path = resources / "SampleData" / file
        register(
            category=CATEGORY,
            sampleName=name,
            uris=path.resolve().as_uri(),
            fileNames=f"AnoFPDM_{file}",
            nodeNames=file.removesuffix(".nii.gz"),
            checksums=f"SHA256:{digest}",
            thumbnailFileName=icon,
        )
    for name, (file, digest) in PUBLIC.items():
        register(
            category=CATEGORY,
            sampleName=name,
            uris=f"{TESTING_DATA_URL}SHA256/{digest}",
            fileNames=file,
            nodeNames=name.removeprefix("AnoFPDM ").partition(" ")[0],
            checksums=f"SHA256:{digest}",
            thumbnailFileName=icon,
        )
