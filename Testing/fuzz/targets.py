"""What is tried with each format: how its files are damaged, and what the project does with them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mutations import Files, changed_json, damaged, in_one_file, inside_gzip, one_of, rewritten
from packed_mutations import (
    changed_archive_of_model,
    changed_array,
    changed_dicom,
    changed_model,
    changed_series,
    changed_zip,
)

Mutate = Callable[[Files, Random], Files]
Act = Callable[[Path, Path], None]
"""Given the folder of the case and an empty one for what is written; raises what the project raises."""
GUIDANCE = (0.0, 1.0, 8.0)


@dataclass(frozen=True)
class Target:
    """One format."""

    name: str
    mutate: Mutate
    act: Act
    """Without the network."""
    with_network: Act | None = None


def _volume(name: str) -> Act:
    def act(folder: Path, output: Path) -> None:
        from anofpdm.store.model_config import load_model_config
        from anofpdm.store.model_search import BUNDLED_FOLDER
        from anofpdm.volumes.data_files import data_files
        from anofpdm.volumes.preparation import prepare_case
        from anofpdm.volumes.reading import read_noted_volume

        path = _of_many(folder, name)
        data_files(path)
        volume = read_noted_volume(path, "flair")
        prepare_case({"flair": volume.image}, load_model_config(BUNDLED_FOLDER / "brain-flair"))

    return act


def _detected(name: str) -> Act:
    def act(folder: Path, output: Path) -> None:
        from anofpdm import Detector
        from anofpdm.methods.anofpdm.operating_point import OperatingPoint

        detector = Detector.from_model("brain-flair", device="cpu", run=OperatingPoint(steps=2, first=1, last=300))
        _write(detector.detect(_of_many(folder, name), _settings()), output)

    return act


def _settings() -> object:
    from anofpdm import SelectionSettings, Threshold

    # The few steps are not calibrated.
    return SelectionSettings(guidance=1.0, threshold=Threshold("quantile", 0.99), ungated=True)


def _write(detection: object, output: Path) -> None:
    detection.write(output / "result", overlay=False)  # type: ignore[attr-defined]
    shutil.rmtree(output / "result")


def _of_many(folder: Path, name: str) -> Path:
    """The file; of the folders with several variants the one that was changed."""
    return folder / name if (folder / name).exists() else next(iter(sorted(folder.glob(f"*/{name}"))), folder / name)


def _evidence(folder: Path, output: Path) -> None:
    from anofpdm.results.case_storage import load_evidence
    from anofpdm.results.detection import build_detection

    _write(build_detection(load_evidence(folder / "result" / "evidence.npz")), output)


def _findings(folder: Path, output: Path) -> None:
    from anofpdm.results.findings import read_findings

    read_findings(folder / "result" / "findings.json")


def _calibration(folder: Path, output: Path) -> None:
    from anofpdm.methods.anofpdm.calibration import calibrations_to_json, describe_point, load_calibrations

    calibrations = load_calibrations(folder / "calibration.json")
    for calibration in calibrations:
        describe_point(calibration.operating_point)
        for w in GUIDANCE:
            calibration.at(w)
    calibrations_to_json(calibrations)


def _model(folder: Path, output: Path) -> None:
    from anofpdm.methods.anofpdm.calibration import load_calibrations
    from anofpdm.store.model_folder import open_model_folder
    from anofpdm.store.model_install import install_model
    from anofpdm.store.weights_file import check_weights_file

    opened = open_model_folder(folder / "tiny")
    check_weights_file(opened)
    if opened.calibration is not None:
        load_calibrations(opened.calibration)
    _installed(install_model(folder / "tiny", output / "models", check=check_weights_file).path)


def _model_zip(folder: Path, output: Path) -> None:
    from anofpdm.store.model_install import install_model
    from anofpdm.store.weights_file import check_weights_file

    _installed(install_model(folder / "model.zip", output / "models", check=check_weights_file).path)


def _installed(path: Path) -> None:
    """It is there, with nothing beside it, and goes again."""
    assert path.is_dir() and list(path.parent.iterdir()) == [path]
    shutil.rmtree(path)


def _loaded(folder: Path, output: Path) -> None:
    from anofpdm.store.model_folder import open_model_folder
    from anofpdm.store.network_weights import load_network

    load_network(open_model_folder(folder / "tiny"))


def _student(folder: Path, output: Path) -> None:
    from anofpdm.methods.student.student_folder import open_student

    open_student(folder / "student")


def _student_loaded(folder: Path, output: Path) -> None:
    from anofpdm.methods.student.student_folder import open_student

    open_student(folder / "student").network()


def _cases(folder: Path, output: Path) -> None:
    from anofpdm.detect.cases import read_cases

    read_cases(folder / "cases.csv")


def _manifest(folder: Path, output: Path) -> None:
    from anofpdm.datasets.manifest import read_manifest, write_manifest

    write_manifest(output / "again.csv", read_manifest(folder / "manifest.csv", ["flair"]))
    (output / "again.csv").unlink()


def _slices(folder: Path, output: Path) -> None:
    from anofpdm.datasets.folder_layouts import lgg_folder

    lgg_folder(folder)


def _labels(folder: Path, output: Path) -> None:
    from anofpdm.synthetic.structures import read_structures

    read_structures(folder / "labels.csv")


def _configuration(folder: Path, output: Path) -> None:
    from anofpdm.methods.anofpdm.training import DiffusionTraining
    from anofpdm.training.config import load_training_config

    json.dumps(str(load_training_config(folder / "config.json", DiffusionTraining)))


def _worker(folder: Path, output: Path) -> None:
    from anofpdm.app.worker.events import parse_line

    for line in (folder / "lines.json").read_bytes().decode("utf-8", "replace").splitlines():
        parse_line(line)


def _changed_line(data: bytes, random: Random) -> bytes:
    lines = data.split(b"\n")
    place = random.randrange(len(lines))
    lines[place] = one_of(changed_json, rewritten)(lines[place], random)
    return b"\n".join(lines)


def _compressed(files: Files, random: Random) -> Files:
    name = random.choice(sorted(files))
    return {name: changed_dicom(files[name], random)}


def _image(kind: str, name: str, mutate: Mutate) -> Target:
    return Target(kind, mutate, _volume(name), _detected(name))


TARGETS = (
    _image("NIfTI .nii", "a.nii", in_one_file(damaged)),
    _image("NIfTI .nii.gz", "a.nii.gz", in_one_file(inside_gzip(damaged))),
    _image("NRRD raw", "a.nrrd", in_one_file(rewritten)),
    _image("NRRD gzip", "a.nrrd", in_one_file(rewritten)),
    _image(".nhdr and data", "a.nhdr", in_one_file(rewritten)),
    _image("MetaImage .mha", "a.mha", in_one_file(rewritten)),
    _image("MetaImage .mhd", "a.mhd", in_one_file(rewritten)),
    _image("DICOM folder", "series", changed_series),
    _image("DICOM multi-frame", "frames.dcm", in_one_file(changed_dicom)),
    _image("DICOM compressed", "frames.dcm", _compressed),
    Target("evidence", in_one_file(changed_zip(changed_array)), _evidence),
    Target("findings", in_one_file(changed_json), _findings),
    Target("findings, version 1", in_one_file(changed_json), _findings),
    Target("calibration", in_one_file(changed_json), _calibration),
    Target("model folder", changed_model, _model, _loaded),
    Target("model zip", in_one_file(changed_archive_of_model), _model_zip),
    Target("student", changed_model, _student, _student_loaded),
    Target("table of cases", in_one_file(rewritten, ".csv"), _cases),
    Target("manifest", in_one_file(rewritten, ".csv"), _manifest),
    Target("list of slices", in_one_file(rewritten, ".csv"), _slices),
    Target("table of labels", in_one_file(rewritten, ".csv"), _labels),
    Target("configuration", in_one_file(changed_json), _configuration),
    Target("worker's line", in_one_file(_changed_line), _worker),
)
