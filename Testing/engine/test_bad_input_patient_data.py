"""Patient data in the headers of images, and where it must not show up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import SECRETS, CommandLine
from volume_makers import write_dicom_series

from anofpdm import Detector


def save(image: sitk.Image, path: Path) -> Path:
    sitk.WriteImage(image, str(path))
    return path


class TestPatientData:
    """Names, numbers and dates of birth from headers show up nowhere."""

    def whole(self, folder: Path) -> bytes:
        """All bytes of a result, compressed streams undone."""
        record = np.load(folder / "evidence.npz")["record"].tobytes()
        pictures = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "overlay.png"))).tobytes()
        return b"".join([*(path.read_bytes() for path in sorted(folder.iterdir())), record, pictures])

    def check(self, command: CommandLine, source: Path, model: Path, folder: Path) -> None:
        for progress in ("json", "bar"):
            outcome = command("detect", source, "--model", model, "--output", folder, "--progress", progress)
            assert outcome.status == 0, outcome.err
            found = self.whole(folder) + (outcome.out + outcome.err).encode()
            assert not any(secret.encode() in found for secret in SECRETS)
        adjusted = command("adjust", folder, "--guidance", 1)
        compared = command("compare", folder, folder)
        assert adjusted.status == compared.status == 0
        found = self.whole(folder) + (adjusted.out + adjusted.err + compared.out).encode()
        assert not any(secret.encode() in found for secret in SECRETS)

    def test_of_a_dicom_series(
        self, command: CommandLine, tiny_model: Path, head_image: sitk.Image, tmp_path: Path
    ) -> None:
        files = write_dicom_series(tmp_path / "series", head_image)
        assert b"SECRET^PATIENT" in files[0].read_bytes() and b"19010203" in files[0].read_bytes()
        self.check(command, tmp_path / "series", tiny_model, tmp_path / "result")

    def test_of_a_nifti_file(
        self, command: CommandLine, tiny_model: Path, head_image: sitk.Image, tmp_path: Path
    ) -> None:
        path = save(head_image, tmp_path / "a.nii")
        content = bytearray(path.read_bytes())
        content[4:14] = b"GEHEIM^ID\0"  # data_type
        content[14:32] = b"GEHEIM^NAME".ljust(18, b"\0")  # db_name
        content[148:228] = b"SECRET^PATIENT 19010203".ljust(80, b"\0")  # descrip
        content[228:252] = b"KLINIKUM".ljust(24, b"\0")  # aux_file
        path.write_bytes(content)
        self.check(command, path, tiny_model, tmp_path / "result")

    @pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
    def test_of_other_headers(
        self, command: CommandLine, tiny_model: Path, head_image: sitk.Image, tmp_path: Path, name: str
    ) -> None:
        image = sitk.Image(head_image)
        image.SetMetaData("PatientName", "SECRET^PATIENT")
        image.SetMetaData("Comment", "GEHEIM 19010203")
        path = save(image, tmp_path / name)
        assert b"SECRET" in path.read_bytes()
        self.check(command, path, tiny_model, tmp_path / "result")

    def test_of_an_image_in_memory(self, tiny_model: Path, head_image: sitk.Image, tmp_path: Path) -> None:
        image = sitk.Image(head_image)
        image.SetMetaData("0010|0010", "SECRET^PATIENT")
        Detector.from_model(tiny_model).detect(image).write(tmp_path / "result")
        assert b"SECRET" not in self.whole(tmp_path / "result")
