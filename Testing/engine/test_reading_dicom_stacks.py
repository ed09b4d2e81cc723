"""DICOM stacks of any kind: read as they were made and as dcm2niix reads them, never with a fault passed over."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk
from base_head import BASE_HEAD, affine_of, values_of
from command_line import SECRETS
from dicom_makers import Plane, compress, planes, shifted, with_slopes, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading_samples import is_image, refused
from volume_makers import head_like, make_image, rotation

from anofpdm.core.errors import InputError
from anofpdm.volumes.reading import read_volume

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
both = pytest.mark.parametrize("kind", ["enhanced", "classic"])


@pytest.fixture(scope="module")
def base() -> sitk.Image:
    return sitk.DICOMOrient(sitk.Cast(sitk.ReadImage(str(BASE_HEAD)), sitk.sitkInt16), "LPS")


@st.composite
def stacks(draw: st.DrawFn) -> tuple[sitk.Image, list[Plane]]:
    """A small volume anywhere, tilted at will, and its slices in any order with slopes of their own."""
    count = draw(st.integers(3, 9))
    tilt = rotation(draw(st.sampled_from([(1, 0, 0), (0, 1, 0), (1, 2, 3)])), draw(st.integers(-40, 40)))
    axes = np.eye(3)[:, draw(st.permutations(range(3)))] * draw(
        st.lists(st.sampled_from([-1, 1]), min_size=3, max_size=3)
    )
    direction = tilt @ axes
    if np.linalg.det(direction) < 0:  # slices that a scanner states are right-handed with their normal
        direction[:, 2] *= -1
    spacing = (draw(st.sampled_from([2.5, 3.0])), draw(st.sampled_from([2.5, 4.0])), draw(st.sampled_from([1.2, 5.0])))
    origin = draw(st.lists(st.integers(-100, 100), min_size=3, max_size=3))
    values: npt.NDArray[np.int16] = head_like((24, 20, count)) % 300 * 12
    image = make_image(values, spacing, origin, direction)
    slopes = draw(st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0, 6.0]), min_size=count, max_size=count))
    return image, draw(st.permutations(with_slopes(planes(image), slopes)))


@both
@PROPERTY
@given(stack=stacks())
def test_any_stack(tmp_path_factory: pytest.TempPathFactory, kind: str, stack: tuple[sitk.Image, list[Plane]]) -> None:
    image, slices = stack
    is_image(write(kind, tmp_path_factory.mktemp("stack"), slices), image, tolerance=1e-3)


@both
@PROPERTY
@given(stack=stacks(), data=st.data())
def test_any_stack_with_a_fault(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    stack: tuple[sitk.Image, list[Plane]],
    data: st.DataObject,
) -> None:
    """Whatever the order, place and scaling: a lost, doubled, moved, turned or resized frame is never passed over."""
    image, slices = stack
    inner = [p for p in slices if p.position not in (planes(image)[0].position, planes(image)[-1].position)]
    chosen = data.draw(st.sampled_from(inner))
    others = [plane for plane in slices if plane is not chosen]
    axis = rotation(data.draw(st.sampled_from([(1, 0, 0), (0, 1, 0), (0, 0, 1)])), data.draw(st.integers(3, 90)))
    faulty = data.draw(
        st.sampled_from(
            [
                others,
                [*slices, replace(chosen, slope=1.0)],
                [*others, shifted(chosen, *(np.array([0.7, 0.7, 0.7])))],
                [*others, replace(chosen, orientation=tuple((np.reshape(chosen.orientation, (2, 3)) @ axis).ravel()))],
                [*others, replace(chosen, spacing=(2.0, 2.0))],
            ]
        )
    )
    if faulty is others and len(slices) == 3:
        faulty = [*slices, chosen]  # of three slices two are left, evenly spaced
    refused(write(kind, tmp_path_factory.mktemp("stack"), faulty), "")


@pytest.mark.parametrize("kind", ["enhanced", "RLE", "classic"])
@PROPERTY
@given(data=st.data())
def test_any_damage_to_the_header(
    base: sitk.Image, tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    """Bytes changed, inserted or cut before the pixels: a sentence, or a volume of finite values of the same size."""
    small = base[10:40, 10:40, 4:12]
    folder = tmp_path_factory.mktemp("damaged")
    path = write("classic" if kind == "classic" else "enhanced", folder, planes(small))
    file = sorted(path.iterdir())[3] if path.is_dir() else path
    if kind == "RLE":
        compress(file, "RLE")
    content = bytearray(file.read_bytes())
    pixels = content.rindex(b"\xe0\x7f\x10\x00")
    for _ in range(data.draw(st.integers(1, 3))):
        # A share, not a place: identifiers of a file made anew may be longer or shorter.
        at = round(data.draw(st.floats(0, 1)) * pixels)
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    file.write_bytes(content)
    try:
        image = read_volume(path, "flair")
    except InputError as error:
        assert str(error).endswith((".", "?")) and "\n" not in str(error)
        assert not any(secret in str(error) for secret in SECRETS)
        return
    assert np.isfinite(values_of(image)).all() and image.GetDepth() == 8


class TestAsDcm2niix:
    """An independent converter finds the same values at the same place."""

    @pytest.fixture(autouse=True)
    def converter(self) -> None:
        if importlib.util.find_spec("dcm2niix") is None:
            pytest.skip("no build of dcm2niix here")

    def convert(self, folder: Path, output: Path) -> nibabel.Nifti1Image:
        output.mkdir()
        command = [sys.executable, "-m", "dcm2niix", "-b", "n", "-z", "n", "-f", "image", "-o", output, folder]
        subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=120)
        (path,) = output.glob("*.nii")
        image = nibabel.load(path)
        assert isinstance(image, nibabel.Nifti1Image)
        return image

    @both
    @pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
    @pytest.mark.parametrize("turned", [False, True])
    def test_the_same(self, base: sitk.Image, tmp_path: Path, kind: str, order: slice, turned: bool) -> None:
        if turned:
            base = sitk.Image(base)
            base.SetDirection([float(x) for x in rotation((1, 2, 3), 17).ravel()])
        path = write(kind, tmp_path / "in", planes(base)[order], EchoTime="120", RepetitionTime="9000")
        volume = read_volume(path, "flair")
        other = nibabel.as_closest_canonical(self.convert(tmp_path / "in", tmp_path / "out"))
        ours = nibabel.as_closest_canonical(nibabel.Nifti1Image(values_of(volume), affine_of(volume)))
        np.testing.assert_allclose(ours.affine, other.affine, atol=2e-3)
        np.testing.assert_array_equal(ours.get_fdata(), other.get_fdata())
