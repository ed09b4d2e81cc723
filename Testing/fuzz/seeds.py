"""Small sound files of every format, made from the project's own sample; nothing else is needed to make them."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import SimpleITK as sitk
from mutations import Files

ENGINE = Path(__file__).resolve().parents[2] / "AnoFPDMSegment"
SAMPLE = ENGINE / "Resources" / "SampleData" / "synthetic_flair_lesion.nii.gz"
FIRST = Path(__file__).resolve().parents[1] / "golden" / "version1"
"""A result that version 0.1 wrote."""
PATHS = (ENGINE, Path(__file__).parent, Path(__file__).resolve().parents[1] / "engine")
SHRINKING = (4, 4, 2)


def small_volume() -> sitk.Image:
    """The sample at a quarter of its resolution: 40 x 40 x 14 voxels, int16."""
    shrunk = sitk.BinShrink(sitk.Cast(sitk.ReadImage(str(SAMPLE)), sitk.sitkFloat32), SHRINKING)
    image: sitk.Image = sitk.Cast(shrunk, sitk.sitkInt16)
    return image


def make_seeds() -> dict[str, Files]:
    """The files of every format by its name, made in a process of their own: torch is not loaded in this one."""
    with tempfile.TemporaryDirectory() as folder:
        # A fork would have the threads of this process, or rather not have them.
        settings = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PATHS)), "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, __file__, folder], check=True, env=settings)
        return {entry.name: _files(entry) for entry in sorted(Path(folder).iterdir())}


def _files(folder: Path) -> Files:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _write_all(place: Path) -> None:
    image = small_volume()
    _write_images(place, image)
    _write_dicom(place, image)
    _write_results(place, image)
    _write_tables(place)


def _write_images(place: Path, image: sitk.Image) -> None:
    for kind, name, packed in (
        ("NIfTI .nii", "a.nii", False),
        ("NIfTI .nii.gz", "a.nii.gz", True),
        ("NRRD raw", "a.nrrd", False),
        ("NRRD gzip", "a.nrrd", True),
        (".nhdr and data", "a.nhdr", False),
        ("MetaImage .mha", "a.mha", True),
        ("MetaImage .mhd", "a.mhd", False),
    ):
        (place / kind).mkdir()
        sitk.WriteImage(image, str(place / kind / name), packed)


def _write_dicom(place: Path, image: sitk.Image) -> None:
    from dicom_makers import compress, planes, write_classic, write_enhanced

    slices = planes(image)
    write_classic(place / "DICOM folder" / "series", slices)
    write_enhanced(place / "DICOM multi-frame" / "frames.dcm", slices)
    for number, compressor in enumerate(("JPEG2000", "JPEG", "RLE")):
        folder = place / "DICOM compressed" / str(number)
        path = write_enhanced(folder / "frames.dcm", slices)
        compress(path, compressor)


def _write_results(place: Path, image: sitk.Image) -> None:
    import torch
    from tiny_model import write_tiny_model

    from anofpdm import Detector
    from anofpdm.store.model_search import model_of_method, model_path

    torch.set_num_threads(1)
    write_tiny_model(place / "model folder" / "tiny")
    student = model_path(model_of_method("student"))
    assert student is not None
    shutil.copytree(student, place / "student" / "student")
    result = place / "all of a result"
    Detector.from_model(place / "model folder" / "tiny", device="cpu").detect(image).write(result, overlay=False)
    for kind, name in (("evidence", "evidence.npz"), ("findings", "findings.json")):
        (place / kind / "result").mkdir(parents=True)
        shutil.copy(result / name, place / kind / "result" / name)
    (place / "findings, version 1" / "result").mkdir(parents=True)
    shutil.copy(FIRST / "findings.json", place / "findings, version 1" / "result" / "findings.json")
    shutil.rmtree(result)
    (place / "calibration").mkdir()
    shutil.copy(place / "model folder" / "tiny" / "calibration.json", place / "calibration" / "calibration.json")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files(place / "model folder").items():
            archive.writestr(name, content)
    (place / "model zip").mkdir()
    (place / "model zip" / "model.zip").write_bytes(stream.getvalue())


def _write_tables(place: Path) -> None:
    from anofpdm.methods.anofpdm.training import DiffusionTraining
    from anofpdm.training.config import load_training_config, training_config_to_dict

    tables = {
        "table of cases": ("cases.csv", "case,flair\nA,a.nii.gz\nB,b.nii.gz\n"),
        "manifest": (
            "manifest.csv",
            "subject,split,flair,slice,slices,label,mask,source\np1,train,image,3,14,0,,x\np1,train,image,4,14,1,m.nii,x\n"
            "p2,val,other,,,1,,\np3,train,third,0,2,healthy,,\n",
        ),
        "list of slices": (
            "slices.csv",
            "patient,split,slice,unhealthy\np1,train,0,0\np1,train,1,1\np2,test,5,1\np3,val,2,0\n",
        ),
        "table of labels": (
            "labels.csv",
            "label,structure\n0,background\n1,left cerebral white matter\n2,left cerebral cortex\n3,lateral ventricle\n"
            "4,skull\n5,scalp\n",
        ),
    }
    for kind, (name, text) in tables.items():
        (place / kind).mkdir()
        (place / kind / name).write_text(text)
    for name in ("image", "other", "third"):
        (place / "manifest" / name).write_text("")
    for patient in ("p1", "p2", "p3"):
        (place / "list of slices" / patient).mkdir()
        (place / "list of slices" / patient / "flair.nii.gz").write_text("")
    (place / "configuration").mkdir()
    config = training_config_to_dict(load_training_config("compact", DiffusionTraining))
    (place / "configuration" / "config.json").write_text(json.dumps(config))
    (place / "worker's line").mkdir()
    events = (
        {"event": "start", "version": "0.1.0", "package": "/x"},
        {"event": "stage", "stage": "reading"},
        {"event": "progress", "slices_done": 1.5, "slices_total": 14, "elapsed_s": 2.0, "remaining_s": 3.0, "what": ""},
        {"event": "notice", "message": "Memory ran out."},
        {"event": "result", "output": "/out", "text": "Done.", "warnings": ["a"], "summary": "x"},
        {"event": "error", "message": "No.", "exit_code": 2},
    )
    (place / "worker's line" / "lines.json").write_text("\n".join(map(json.dumps, events)))


if __name__ == "__main__":
    _write_all(Path(sys.argv[1]))
