"""NIfTI files whose headers contradict themselves, lack something or are merely rare; nibabel reads them, too.

It follows the same rule (sform, else qform), but neither compares it with the voxel size nor tells what is unknown.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
from base_head import affine_of, base_affine, base_values, values_of
from command_line import CommandLine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading_samples import refused
from volume_makers import rotation

from anofpdm.core.errors import Cancelled, InputError
from anofpdm.core.progress import CancelToken
from anofpdm.results.findings import read_findings
from anofpdm.volumes.reading import read_finite_volume, read_noted_volume

PROPERTY = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def nifti(
    path: Path,
    values: npt.NDArray[Any] | None = None,
    affine: npt.NDArray[np.float64] | None = None,
    *,
    kind: type[nibabel.Nifti1Header] = nibabel.Nifti1Header,
    between: bytes = bytes(4),
    behind: bytes = b"",
    **fields: object,
) -> Path:
    """A single file of the base head, or of `values` [i, j, k] at `affine`, whose header entries are then overwritten.

    between: what lies between header and values.
    """
    values = base_values() if values is None else values
    affine = base_affine() if affine is None else affine
    header = kind()
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape)
    header.set_qform(affine, 1)
    header.set_sform(affine, 1)
    header["magic"] = header.single_magic
    header["vox_offset"] = header.sizeof_hdr + 4
    for name, value in fields.items():
        header[name] = value
    content = header.binaryblock + between + values.tobytes(order="F") + behind
    path.write_bytes(gzip.compress(content, 1) if path.name.endswith(".gz") else content)
    return path


def pixdim(*sizes: float) -> list[float]:
    return [1.0, *sizes, 1.0, 1.0, 1.0, 1.0]


def is_base(path: Path, warning: str = "", *, side_known: bool = True, scale: float = 1.0) -> None:
    """The file is read as the base head: same values, same place, no warning but one that holds `warning`."""
    volume = read_noted_volume(path, "flair")
    np.testing.assert_array_equal(values_of(volume.image), base_values() * scale)
    np.testing.assert_allclose(affine_of(volume.image), base_affine(), atol=1e-4)
    check_warning(volume.warnings, warning)
    assert volume.side_known is side_known


def check_warning(warnings: tuple[str, ...], words: str) -> None:
    assert len(warnings) == bool(words)
    for warning in warnings:
        assert warning.startswith("The flair image ") and words in warning and warning.endswith(".")
        assert "/" not in warning, "a path"


class TestRare:
    """Sound files of kinds that are seldom seen."""

    def test_the_base_itself(self, tmp_path: Path) -> None:
        is_base(nifti(tmp_path / "a.nii.gz"))

    def test_intent_of_a_vector_with_one_component(self, tmp_path: Path) -> None:
        is_base(nifti(tmp_path / "a.nii.gz", intent_code=1007))
        path = nifti(tmp_path / "b.nii.gz", base_values()[..., None, None], intent_code=1007)
        is_base(path)

    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
    def test_nifti_2(self, tmp_path: Path, name: str) -> None:
        is_base(nifti(tmp_path / name, kind=nibabel.Nifti2Header))

    @pytest.mark.parametrize("kind", [nibabel.Nifti1Header, nibabel.Nifti2Header])
    @pytest.mark.parametrize("offset", [0, 10, 348])
    @pytest.mark.parametrize("between", [b"", bytes(4)])
    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
    def test_offset_inside_the_header(
        self, tmp_path: Path, kind: type[nibabel.Nifti1Header], offset: int, between: bytes, name: str
    ) -> None:
        is_base(nifti(tmp_path / name, kind=kind, vox_offset=offset, between=between))

    def test_offset_inside_the_header_and_another_length(self, tmp_path: Path) -> None:
        for between, behind in ((b"\1\0\0\0", b""), (bytes(16), b""), (bytes(4), b"\1")):
            path = nifti(tmp_path / "a.nii", vox_offset=0, between=between, behind=behind)
            refused(path, "does not say where its values begin")
        path.write_bytes(path.read_bytes()[:-700])
        refused(path, "cut off")

    @pytest.mark.parametrize("offset", [-1.0, np.nan, np.inf, 1e30])
    def test_offset_nowhere(self, tmp_path: Path, offset: float) -> None:
        refused(nifti(tmp_path / "a.nii", vox_offset=offset), "again")

    def test_extension_between(self, tmp_path: Path) -> None:
        is_base(nifti(tmp_path / "a.nii", vox_offset=384, between=b"\1\0\0\0" + bytes(32)))

    def test_zeros_behind(self, tmp_path: Path) -> None:
        is_base(nifti(tmp_path / "a.nii.gz", behind=bytes(1000)))

    @pytest.mark.parametrize("behind", [b"\0\1", bytes(10**6), b"\n"])
    def test_something_behind(self, tmp_path: Path, behind: bytes) -> None:
        for name in ("a.nii", "a.nii.gz"):
            refused(nifti(tmp_path / name, behind=behind), "more values than its header says")

    def test_line_ends_converted(self, tmp_path: Path) -> None:
        path = nifti(tmp_path / "a.nii")
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        refused(path, "more values than its header says")

    @pytest.mark.parametrize("order", "<>")
    @pytest.mark.parametrize("number", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
    def test_numbers(self, tmp_path: Path, order: str, number: str) -> None:
        values = (base_values() % 120).astype(order + number)
        header = nibabel.Nifti1Header(endianness=order)
        header.set_data_dtype(values.dtype)
        header.set_data_shape(values.shape)
        header.set_sform(base_affine(), 1)
        header["pixdim"] = pixdim(3, 3, 5)
        header["magic"], header["vox_offset"] = header.single_magic, 352
        path = tmp_path / "a.nii"
        path.write_bytes(header.binaryblock + bytes(4) + values.tobytes(order="F"))
        volume = read_noted_volume(path, "flair").image
        np.testing.assert_array_equal(values_of(volume), nibabel.load(path).get_fdata())
        np.testing.assert_allclose(affine_of(volume), base_affine(), atol=1e-4)

    @pytest.mark.parametrize(("slope", "intercept"), [(0.5, 0), (2.0, -3.0), (1, 1000), (0, 5), (np.nan, 5)])
    def test_scaling(self, tmp_path: Path, slope: float, intercept: float) -> None:
        path = nifti(tmp_path / "a.nii", scl_slope=slope, scl_inter=intercept)
        expected = nibabel.load(path).get_fdata()
        np.testing.assert_array_equal(values_of(read_noted_volume(path, "flair").image), expected.astype(np.float32))

    @pytest.mark.parametrize(("unit", "factor"), [(1, 1e-3), (3, 1e3), (2, 1), (0, 1), (10, 1), (9, 1e-3)])
    def test_units(self, tmp_path: Path, unit: int, factor: float) -> None:
        is_base(nifti(tmp_path / "a.nii", affine=np.diag([factor] * 3 + [1]) @ base_affine(), xyzt_units=unit))

    @pytest.mark.parametrize(
        ("code", "words"),
        [(32, "complex"), (1792, "complex"), (128, "several values"), (2304, "several values"), (1536, "rare kind")],
    )
    def test_kinds_that_are_no_real_numbers(self, tmp_path: Path, code: int, words: str) -> None:
        refused(nifti(tmp_path / "a.nii", datatype=code), words)

    def test_several_values_or_volumes(self, tmp_path: Path) -> None:
        twice = np.stack([base_values()] * 2, axis=-1)
        refused(nifti(tmp_path / "a.nii", twice), "time series")
        refused(nifti(tmp_path / "b.nii", twice[..., None, :], intent_code=1007), "several values")

    def test_more_voxels_than_can_be(self, tmp_path: Path) -> None:
        refused(nifti(tmp_path / "a.nii", dim=[3, 32767, 32767, 32767, 1, 1, 1, 1]), "more voxels")
        refused(nifti(tmp_path / "a.nii.gz", dim=[3, 800, 800, 800, 1, 1, 1, 1]), "cut off")

    def test_reading_can_be_ended(self, tmp_path: Path) -> None:
        token = CancelToken()
        token.cancel()
        with pytest.raises(Cancelled):
            read_noted_volume(nifti(tmp_path / "a.nii"), "flair", token)

    def test_no_temporary_copy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import tempfile

        monkeypatch.setattr(tempfile, "mkdtemp", lambda *_, **__: pytest.fail("a copy"))
        is_base(nifti(tmp_path / "a.nii.gz"))


class TestVoxelSizes:
    """`pixdim` and the forms."""

    @pytest.mark.parametrize("sizes", [(3, 3, 6.5), (5, 3, 3), (1, 1, 1), (3.1, 3.1, 5), (3, 3, 4.5)])
    @pytest.mark.parametrize("qform_code", [0, 1])
    def test_the_sform_decides(self, tmp_path: Path, sizes: tuple[float, ...], qform_code: int) -> None:
        path = nifti(tmp_path / "a.nii", pixdim=pixdim(*sizes), qform_code=qform_code)
        is_base(path, "states two voxel sizes")

    def test_sizes_that_have_nothing_in_common(self, tmp_path: Path) -> None:
        for sizes in ((3, 3, 26), (0.5, 3, 5), (3000, 3000, 5000)):
            refused(nifti(tmp_path / "a.nii", pixdim=pixdim(*sizes)), "nothing in common")

    def test_precision_is_no_difference(self, tmp_path: Path) -> None:
        path = nifti(tmp_path / "a.nii", pixdim=pixdim(3.001, 2.999, 5.004))
        volume = read_noted_volume(path, "flair")
        assert volume.warnings == ()
        np.testing.assert_allclose(affine_of(volume.image), base_affine(), atol=0.01)

    @pytest.mark.parametrize("size", [0.0, -3.0, np.nan, np.inf])
    def test_no_size_at_all(self, tmp_path: Path, size: float) -> None:
        refused(nifti(tmp_path / "a.nii", pixdim=pixdim(3, size, 5)), "voxel size")

    @pytest.mark.parametrize("size", [1e-30, 0.005, 0.05])
    def test_a_size_of_no_scan(self, tmp_path: Path, size: float) -> None:
        affine = base_affine()
        affine[2, 2] = size
        refused(nifti(tmp_path / "a.nii", affine=affine), "size of a head")


class TestForms:
    """Which form is followed, and when left and right are known."""

    def test_none(self, tmp_path: Path) -> None:
        volume = read_noted_volume(nifti(tmp_path / "a.nii", qform_code=0, sform_code=0), "flair")
        check_warning(volume.warnings, "no sform and no qform")
        assert not volume.side_known
        np.testing.assert_array_equal(values_of(volume.image), base_values())
        np.testing.assert_array_equal(affine_of(volume.image), np.diag([3, 3, 5, 1]))

    def test_qform_alone(self, tmp_path: Path) -> None:
        is_base(nifti(tmp_path / "a.nii", sform_code=0, srow_x=[9, 9, 9, 9]))

    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_a_flip_between_them(self, tmp_path: Path, axis: int) -> None:
        path = nifti(tmp_path / "a.nii")
        flipped = np.diag(np.where(np.arange(4) == axis, -1.0, 1.0)) @ base_affine()
        rows = {f"srow_{name}": row for name, row in zip("xyz", flipped, strict=False)}
        volume = read_noted_volume(nifti(path, **rows), "flair")
        check_warning(volume.warnings, "mirror each other")
        assert not volume.side_known
        np.testing.assert_allclose(affine_of(volume.image), flipped, atol=1e-4)

    @pytest.mark.parametrize(("degrees", "known"), [(5, True), (9.9, True), (10.1, False), (90, False), (180, False)])
    def test_a_rotation_between_them(self, tmp_path: Path, degrees: float, known: bool) -> None:
        turned = np.eye(4)
        turned[:3, :3] = rotation((0, 0, 1), degrees)
        turned = turned @ base_affine()
        rows = {f"srow_{name}": row for name, row in zip("xyz", turned, strict=False)}
        volume = read_noted_volume(nifti(tmp_path / "a.nii", **rows), "flair")
        assert volume.side_known is known
        check_warning(volume.warnings, "" if known else "more than 10 degrees")
        np.testing.assert_allclose(affine_of(volume.image), turned, atol=1e-4)

    def test_both_warnings(self, tmp_path: Path) -> None:
        flipped = np.diag([-1.0, 1, 1, 1]) @ base_affine()
        rows = {f"srow_{name}": row for name, row in zip("xyz", flipped, strict=False)}
        volume = read_noted_volume(nifti(tmp_path / "a.nii", pixdim=pixdim(3, 3, 6), **rows), "flair")
        assert len(volume.warnings) == 2 and not volume.side_known

    @pytest.mark.parametrize("decimals", [2, 3, 4])
    def test_rounded_cosines(self, tmp_path: Path, decimals: int) -> None:
        exact = np.eye(4)
        exact[:3, :3] = rotation((1, 2, 3), 17) * [3, 3, 5]
        path = nifti(tmp_path / "a.nii", affine=np.round(exact, decimals), qform_code=0, pixdim=pixdim(3, 3, 5))
        volume = read_noted_volume(path, "flair")
        direction = np.asarray(volume.image.GetDirection()).reshape(3, 3)
        np.testing.assert_allclose(direction.T @ direction, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(affine_of(volume.image), exact, atol=2 * 10.0**-decimals)

    @pytest.mark.parametrize("shear", [0.03, 0.3, 3.0])
    def test_sheared(self, tmp_path: Path, shear: float) -> None:
        matrix = np.eye(4)
        matrix[0, 1] = shear
        refused(nifti(tmp_path / "a.nii", affine=matrix @ base_affine(), qform_code=0), "perpendicular")

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, tmp_path: Path, value: float) -> None:
        refused(nifti(tmp_path / "a.nii", srow_y=[0, value, 0, 0]), "undefined position or orientation")
        refused(nifti(tmp_path / "a.nii", sform_code=0, quatern_b=value), "undefined position or orientation")

    def test_a_mask_lies_where_its_image_does(self, tmp_path: Path) -> None:
        """Whatever the header's faults: both are read by the same rule."""
        image = nifti(tmp_path / "a.nii", pixdim=pixdim(3, 3, 6.5))
        mask = nifti(tmp_path / "m.nii", (base_values() > 400).astype(np.uint8), pixdim=pixdim(3, 3, 6.5))
        np.testing.assert_array_equal(
            affine_of(read_finite_volume(mask, "mask")), affine_of(read_noted_volume(image, "flair").image)
        )
        with pytest.raises(InputError, match=r"The mask .* cut off"):
            read_finite_volume(nifti(tmp_path / "c.nii", dim=[3, 80, 80, 29, 1, 1, 1, 1]), "mask")


@st.composite
def affines(draw: st.DrawFn) -> npt.NDArray[np.float64]:
    """A place as scanners state it: any axes' order and direction, some tilt, any origin."""
    order = draw(st.permutations(range(3)))
    signs = draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=3, max_size=3))
    tilt = rotation(draw(st.sampled_from([(1, 0, 0), (0, 1, 0), (1, 2, 3)])), draw(st.integers(-30, 30)))
    affine = np.eye(4)
    affine[:3, :3] = tilt @ np.eye(3)[:, order] * np.array(signs) * [3, 3, 5]
    affine[:3, 3] = draw(st.lists(st.integers(-200, 200), min_size=3, max_size=3))
    return affine


@PROPERTY
@given(
    qform=affines(),
    sform=affines(),
    codes=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    scale=st.sampled_from([1.0, 1.3, 0.8]),
    kind=st.sampled_from([nibabel.Nifti1Header, nibabel.Nifti2Header]),
)
def test_any_two_forms_are_followed_as_nibabel_follows_them(
    tmp_path: Path,
    qform: npt.NDArray[np.float64],
    sform: npt.NDArray[np.float64],
    codes: tuple[int, int],
    scale: float,
    kind: type[nibabel.Nifti1Header],
) -> None:
    scaled = sform @ np.diag([scale, scale, scale, 1])
    rows = {f"srow_{name}": row for name, row in zip("xyz", scaled, strict=False)}
    path = nifti(tmp_path / "a.nii", affine=qform, kind=kind, qform_code=codes[0], sform_code=codes[1], **rows)
    volume = read_noted_volume(path, "flair")
    if not any(codes):
        assert not volume.side_known and len(volume.warnings) == 1
        return
    np.testing.assert_allclose(affine_of(volume.image), nibabel.load(path).affine, atol=1e-3)
    cosines = [np.linalg.inv(m[:3, :3] / [3, 3, 5]) for m in (qform, sform)]
    apart = np.degrees(np.arccos(np.clip((cosines[0] * cosines[1]).sum(axis=1), -1, 1))).max()
    contradiction = all(codes) and bool(apart > 10)
    assert volume.side_known is not contradiction
    assert len(volume.warnings) == int(contradiction) + int(codes[1] > 0 and scale != 1)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@PROPERTY
@given(data=st.data())
def test_damaged_headers_are_never_followed_elsewhere_than_nibabel(
    tmp_path: Path, name: str, data: st.DataObject
) -> None:
    """Any few bytes of the header changed: refused, or the same values at the same place as nibabel has them."""
    content = bytearray(nifti(tmp_path / "whole.nii").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(40, 347))] = data.draw(st.integers(0, 255))
    path = tmp_path / name
    path.write_bytes(gzip.compress(content, 1) if name.endswith("gz") else content)
    try:
        volume = read_noted_volume(path, "flair")
    except InputError as error:
        assert str(error).endswith((".", "?"))
        return
    if np.frombuffer(bytes(content[108:112]), "<f4")[0] < 352:
        # Values that begin inside the header nibabel does not read.
        content[108:112] = np.float32(352).tobytes()
        path.write_bytes(gzip.compress(content, 1) if name.endswith("gz") else content)
    other = nibabel.load(path)
    unit = {1: 1e3, 3: 1e-3}.get(content[123] & 7, 1.0)
    np.testing.assert_allclose(values_of(volume.image), np.squeeze(other.get_fdata()), rtol=1e-6)
    if volume.side_known or (volume.warnings and "states two" in volume.warnings[-1]):
        expected = np.diag([unit, unit, unit, 1]) @ other.affine
        np.testing.assert_allclose(affine_of(volume.image), expected, atol=0.011 * np.abs(expected).max())


def test_an_unknown_side_reaches_the_findings(command: CommandLine, tiny_model: Path, tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii.gz", qform_code=0, sform_code=0)
    options = ("--model", tiny_model, "--progress", "none", "--ungated", "--threshold", "quantile=0.5")
    outcome = command("detect", path, *options, "--output", tmp_path / "o")
    assert outcome.status == 0, outcome
    findings = read_findings(tmp_path / "o" / "findings.json")
    assert findings["components"] and {entry["side"] for entry in findings["components"]} == {None}
    assert sum("no sform and no qform" in warning for warning in findings["warnings"]) == 1
    assert " unknown " in outcome.out and "Warning: The flair image does not say how it lies" in outcome.out
    again = command("adjust", tmp_path / "o", "--output", tmp_path / "p", "--threshold", "quantile=0.6")
    assert again.status == 0, again
    findings = read_findings(tmp_path / "p" / "findings.json")
    assert findings["components"] and {entry["side"] for entry in findings["components"]} == {None}
