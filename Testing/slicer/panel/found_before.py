"""Workers whose results there are already, in place of `anofpdm detect`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import quick_worker
import SimpleITK as sitk
from worker_here import Carry

import anofpdm
from anofpdm.cli.main import main
from anofpdm.results.case_storage import EVIDENCE_FILE


def found_before(results: Mapping[Path, Path]) -> Carry:
    """`anofpdm detect` with the results that there are already, by the image's file; other images are examined."""
    known = {_voxels(image): result for image, result in results.items()}

    def carry(arguments: list[str]) -> int:
        given = {name: value for name, _, value in (each.partition("=") for each in arguments)}
        result = known.get(_voxels(Path(given["--input"].partition("=")[2])))
        if result is None:
            return main(arguments)
        quick_worker.main(
            str(result / EVIDENCE_FILE), anofpdm.__version__, str(Path(anofpdm.__file__).parent), *arguments
        )
        return 0

    return carry


def _voxels(path: Path) -> str:
    return str(sitk.Hash(sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkFloat32)))
