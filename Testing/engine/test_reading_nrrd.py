"""NRRD files: every way to write the same image is read alike, and no damaged byte passes for a value."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk
from base_head import BASE_HEAD, affine_of, base_affine, base_values, values_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading_samples import refused
from volume_makers import rotation

from anofpdm.core.errors import EvidenceError, InputError
from anofpdm.results.segmentation import read_heatmap, read_segmentation
from anofpdm.volumes.reading import read_noted_volume

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
PACK: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "gzip": lambda data: gzip.compress(data, 1),
    "bzip2": lambda data: bz2.compress(data, 1),
    "hex": lambda data: data.hex("\n", 40).encode(),
    "text": lambda data: " ".join(map(str, np.frombuffer(data, "<i2"))).encode(),
}
ALIASES = {"gzip": "gz", "bzip2": "bz2", "text": "ascii", "raw": "RAW", "hex": "hex"}


def fields(**changes: str | None) -> dict[str, str]:
    """Of the base head; spaces in names are written as underscores."""
    usual: dict[str, str | None] = {
        "type": "short",
        "dimension": "3",
        "space": "right-anterior-superior",
        "sizes": "80 80 28",
        "space_directions": "(3,0,0) (0,3,0) (0,0,5)",
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "raw",
        "space_origin": "(-120.55000305175781,-96.05000305175781,-48.20000076293945)",
        **changes,
    }
    return {name.replace("_", " "): value for name, value in usual.items() if value is not None}


def nrrd(path: Path, data: bytes | None = None, *, before: str = "", ends: str = "\n", **changes: str | None) -> Path:
    """A file with `data` (by default the base head's values, packed as the encoding says) behind the header."""
    entries = fields(**changes)
    if data is None:
        packer = next(name for name, alias in ALIASES.items() if entries["encoding"].lower() in (name, alias.lower()))
        data = PACK[packer](base_values().astype("<i2").tobytes(order="F"))
    text = "".join([f"NRRD0005{ends}", before, *(f"{name}: {value}{ends}" for name, value in entries.items()), ends])
    path.write_bytes(text.encode() + data)
    return path


def is_base(path: Path, *, warning: str = "", affine: npt.NDArray[np.float64] | None = None) -> None:
    volume = read_noted_volume(path, "flair")
    np.testing.assert_array_equal(values_of(volume.image), base_values())
    np.testing.assert_allclose(affine_of(volume.image), base_affine() if affine is None else affine, atol=1e-9)
    assert len(volume.warnings) == bool(warning) and volume.side_known is not bool(warning)
    assert all(warning in each for each in volume.warnings)


class TestAlike:
    @pytest.mark.parametrize("encoding", PACK)
    @pytest.mark.parametrize("alias", [False, True])
    def test_encodings(self, tmp_path: Path, encoding: str, alias: bool) -> None:
        is_base(nrrd(tmp_path / "a.nrrd", encoding=ALIASES[encoding] if alias else encoding))

    def test_as_itk_reads_it(self, tmp_path: Path) -> None:
        for encoding in ("raw", "gzip", "text", "hex"):
            path = nrrd(tmp_path / "a.nrrd", encoding=encoding)
            other = sitk.ReadImage(str(path))
            np.testing.assert_array_equal(values_of(other), base_values())
            np.testing.assert_allclose(affine_of(other), base_affine())

    @pytest.mark.parametrize("ends", ["\n", "\r\n"])
    def test_line_ends_of_the_header_alone(self, tmp_path: Path, ends: str) -> None:
        is_base(nrrd(tmp_path / "a.nrrd", encoding="gzip", ends=ends))

    def test_comments_and_pairs(self, tmp_path: Path) -> None:
        is_base(nrrd(tmp_path / "a.nrrd", before="# SECRET\nkey:=value: of=it\nsizes:=9 9\n"))

    @pytest.mark.parametrize("length", [1_000, 10_000, 300_000])
    def test_long_lines(self, tmp_path: Path, length: int) -> None:
        """They overflow the stack of the library below ITK."""
        is_base(nrrd(tmp_path / "a.nrrd", before=f"#{'x' * length}\nkey:={'y' * length}\n"))
        for name in ("content", "space units", "units", "x" * length):
            is_base(nrrd(tmp_path / "a.nrrd", before=f"{name}: {'z' * length}\n"))
        refused(nrrd(tmp_path / "a.nrrd", type="short" * (length // 5)), "damaged")
        refused(nrrd(tmp_path / "a.nrrd", sizes="8" * length), "damaged")
        refused(nrrd(tmp_path / "a.nrrd", space_directions="(" * length), "damaged")

    @pytest.mark.parametrize(
        ("space", "signs"),
        [("RAS", (1, 1)), ("left-anterior-superior", (-1, 1)), ("LAS", (-1, 1)), ("left-posterior-superior", (-1, -1))],
    )
    def test_spaces(self, tmp_path: Path, space: str, signs: tuple[int, int]) -> None:
        affine = np.diag([*signs, 1, 1]) @ base_affine()
        is_base(nrrd(tmp_path / "a.nrrd", space=space), affine=affine)

    @pytest.mark.parametrize("space", ["scanner-xyz", "3D-left-handed", None])
    def test_a_space_that_is_not_the_patients(self, tmp_path: Path, space: str | None) -> None:
        changes = {"space": space} if space else {"space": None, "space_dimension": "3"}
        affine = np.diag([-1, -1, 1, 1]) @ base_affine()
        is_base(nrrd(tmp_path / "a.nrrd", **changes), warning="does not say how it lies", affine=affine)

    def test_spacings_alone(self, tmp_path: Path) -> None:
        nowhere = {"space": None, "space_directions": None, "space_origin": None}
        path = nrrd(tmp_path / "a.nrrd", **nowhere, spacings="3 3 5")
        is_base(path, warning="does not say how it lies", affine=np.diag([-3, -3, 5, 1]))
        refused(nrrd(tmp_path / "a.nrrd", **nowhere), "does not state the size of its voxels")
        for spacings in ("3 nan 5", "3 0 5", "3 inf 5"):
            message = refused(nrrd(tmp_path / "a.nrrd", **nowhere, spacings=spacings), "")
            assert "size" in message or "several values" in message or "undefined" in message

    @pytest.mark.parametrize("kind", ["list", "vector", "none", "scalar", "3-color"])
    def test_lists_of_one(self, tmp_path: Path, kind: str) -> None:
        path = nrrd(
            tmp_path / "a.nrrd",
            dimension="4",
            sizes="1 80 80 28",
            kinds=f"{kind} domain domain domain",
            space_directions="none (3,0,0) (0,3,0) (0,0,5)",
        )
        is_base(path)
        last = {"dimension": "4", "sizes": "80 80 28 1", "kinds": f"domain domain domain {kind}"}
        is_base(nrrd(tmp_path / "a.nrrd", **last, space_directions="(3,0,0) (0,3,0) (0,0,5) none"))

    def test_several_values(self, tmp_path: Path) -> None:
        twice = np.stack([base_values()] * 2).astype("<i2").tobytes(order="F")
        directions = "none (3,0,0) (0,3,0) (0,0,5)"
        for kind, words in (
            ("vector", "several values"),
            ("complex", "complex numbers"),
            ("2-color", "several values"),
        ):
            changes = {"dimension": "4", "sizes": "2 80 80 28", "kinds": f"{kind} domain domain domain"}
            refused(nrrd(tmp_path / "a.nrrd", twice, **changes, space_directions=directions), words)
        times = {"dimension": "4", "sizes": "80 80 28 2", "kinds": None, "space": None, "space_origin": None}
        refused(nrrd(tmp_path / "a.nrrd", twice, **times, space_directions=None, spacings="3 3 5 2"), "time series")

    def test_rounded_and_sheared_axes(self, tmp_path: Path) -> None:
        axes = rotation((1, 2, 3), 17) * [3, 3, 5]

        def written(matrix: npt.NDArray[np.float64]) -> str:
            return " ".join("(" + ",".join(f"{x:.3f}" for x in column) + ")" for column in matrix.T)

        volume = read_noted_volume(nrrd(tmp_path / "a.nrrd", space_directions=written(axes)), "flair").image
        direction = np.asarray(volume.GetDirection()).reshape(3, 3)
        np.testing.assert_allclose(direction.T @ direction, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(affine_of(volume)[:3, :3], axes, atol=2e-3)
        axes[0, 1] += 0.5
        refused(nrrd(tmp_path / "a.nrrd", space_directions=written(axes)), "perpendicular")


@pytest.mark.parametrize("encoding", ["zstd", "xz", "zrl"])
def test_packed_in_another_way(tmp_path: Path, encoding: str) -> None:
    refused(
        nrrd(tmp_path / "a.nrrd", b"packed", encoding=encoding), "packed in a way that is not read here; save it with"
    )


@pytest.mark.parametrize("spacings", ["3 nan 5", "nan nan nan", "nan 3 5"])
def test_an_axis_without_spacing(tmp_path: Path, spacings: str) -> None:
    unplaced = {"space": None, "space_directions": None, "space_origin": None}
    for kinds in (None, "domain domain domain"):
        path = nrrd(tmp_path / "a.nrrd", spacings=spacings, kinds=kinds, **unplaced)
        refused(path, "does not state the size of its voxels")


class TestDetached:
    def data(self) -> list[bytes]:
        return [base_values()[:, :, k].astype("<i2").tobytes(order="F") for k in range(28)]

    @pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
    def test_one_file(self, tmp_path: Path, encoding: str) -> None:
        (tmp_path / "größe 1.dat").write_bytes(PACK[encoding](b"".join(self.data())))
        is_base(nrrd(tmp_path / "a.nhdr", b"", encoding=encoding, data_file="größe 1.dat"))

    def test_a_file_a_slice(self, tmp_path: Path) -> None:
        for k, data in enumerate(self.data()):
            (tmp_path / f"s{k + 1:03d}.raw").write_bytes(data)
        is_base(nrrd(tmp_path / "a.nhdr", b"", data_file="s%03d.raw 1 28 1"))
        names = "\n".join(f"s{k + 1:03d}.raw" for k in range(28))
        path = nrrd(tmp_path / "b.nhdr", b"", data_file="LIST")
        path.write_bytes(path.read_bytes().rstrip(b"\n") + b"\n" + names.encode() + b"\n")
        is_base(path)

    @pytest.mark.parametrize(("lines", "skipped"), [("2", "0"), ("0", "7"), ("1", "5"), ("0", "-1")])
    def test_something_before_the_values(self, tmp_path: Path, lines: str, skipped: str) -> None:
        before = b"x\n" * int(lines) + b"y" * max(int(skipped), 7 if skipped == "-1" else 0)
        (tmp_path / "a.raw").write_bytes(before + b"".join(self.data()))
        is_base(nrrd(tmp_path / "a.nhdr", b"", data_file="a.raw", line_skip=lines, byte_skip=skipped))

    @pytest.mark.parametrize("name", ["gone.raw", ".", "/dev/null", "s%03d.raw 1 28 1"])
    def test_no_such_file(self, tmp_path: Path, name: str) -> None:
        refused(nrrd(tmp_path / "a.nhdr", b"", data_file=name), "names a data file that is not there")

    @pytest.mark.parametrize(
        "name", ["LIST", "s%03d.raw 1 28 0", "s%03d.raw 1 999999999 1", "s%03d.raw 1 27 1", "", "\0"]
    )
    def test_no_such_files(self, tmp_path: Path, name: str) -> None:
        refused(nrrd(tmp_path / "a.nhdr", b"", data_file=name), "again")


@pytest.mark.parametrize("encoding", ["raw", "text"])
def test_numbers_that_are_too_large(tmp_path: Path, encoding: str) -> None:
    """Refused in a sentence, without a warning of numpy's."""
    values = base_values().astype("<f8").ravel(order="F")
    values[1000] = 1e300
    data = values.tobytes() if encoding == "raw" else " ".join(map(str, values)).encode()
    refused(nrrd(tmp_path / "a.nrrd", data, type="double", encoding=encoding), "infinite, undefined or too large")


class TestDamaged:
    @pytest.mark.parametrize("encoding", PACK)
    def test_more_or_fewer_values(self, tmp_path: Path, encoding: str) -> None:
        data = base_values().astype("<i2").tobytes(order="F")
        for changed in (data[:-2], data + b"\1\0", data[:-2000], data + b"\1\0" * 1000, b""):
            refused(nrrd(tmp_path / "a.nrrd", PACK[encoding](changed), encoding=encoding), "again")

    def test_raw_values_after_a_conversion_of_line_ends(self, tmp_path: Path) -> None:
        path = nrrd(tmp_path / "a.nrrd")
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"\n", b"\r\n"))
        refused(path, "more values than its header says")
        values = np.where(base_values() == 10, 0x0D0A, base_values()).astype("<i2").tobytes(order="F")
        path = nrrd(tmp_path / "a.nrrd", values.replace(b"\r\n", b"\n"))
        refused(path, "again")

    @pytest.mark.parametrize("encoding", ["gzip", "bzip2"])
    @PROPERTY
    @given(data=st.data())
    def test_any_bit_of_a_compressed_stream(self, tmp_path: Path, encoding: str, data: st.DataObject) -> None:
        """Refused, or the very same values: what a bit of the stream's own header may say is not looked at."""
        content = bytearray(PACK[encoding](base_values().astype("<i2").tobytes(order="F")))
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        try:
            is_base(nrrd(tmp_path / "a.nrrd", bytes(content), encoding=encoding))
        except InputError as error:
            assert str(error).endswith("again.")

    @pytest.mark.parametrize("encoding", ["gzip", "bzip2"])
    @pytest.mark.parametrize("size", [1, 100, 4096])
    def test_a_hole(self, tmp_path: Path, encoding: str, size: int) -> None:
        content = bytearray(PACK[encoding](base_values().astype("<i2").tobytes(order="F")))
        middle = len(content) // 2
        content[middle : middle + size] = bytes(size) if any(content[middle : middle + size]) else b"\1" * size
        refused(nrrd(tmp_path / "a.nrrd", bytes(content), encoding=encoding), "again")

    @pytest.mark.parametrize(
        "changes",
        [
            {"type": "block"},
            {"type": "shout"},
            {"type": None},
            {"dimension": "4"},
            {"dimension": "0"},
            {"dimension": "99"},
            {"sizes": "80 80"},
            {"sizes": "80 80 -28"},
            {"sizes": "80 80 0"},
            {"sizes": "80 80 1e3"},
            {"sizes": None},
            {"encoding": None},
            {"endian": None},
            {"endian": "middle"},
            {"space_directions": "(3,0,0) (0,3,0)"},
            {"space_directions": "(3,0,0) (0,3,0) (0,0,x)"},
            {"space_directions": "3,0,0 0,3,0 0,0,5"},
            {"space_directions": "(3,0,nan) (0,3,0) (0,0,5)"},
            {"space_directions": "(3,0,0) (0,3,0) (0,0,0)"},
            {"space_directions": "(3,0) (0,3) (0,5)"},
            {"space_origin": "(1,2)"},
            {"space_origin": "(1,2,nan)"},
            {"space_origin": "1 2 3"},
            {"kinds": "domain domain"},
            {"line_skip": "-1"},
            {"byte_skip": "-2"},
            {"byte_skip": "99999999"},
            {"line_skip": "99999999"},
            {"spacings": "3 x 5"},
            {"sizes": "999999 999999 999999"},
            {"sizes": "1000 1000 1000"},
        ],
        ids=str,
    )
    def test_header(self, tmp_path: Path, changes: dict[str, str | None]) -> None:
        data = PACK["raw"](base_values().astype("<i2").tobytes(order="F"))
        path = nrrd(tmp_path / "a.nrrd", data, **changes)
        assert any(word in refused(path, "") for word in ("again", "two-dimensional picture", "several values"))

    def test_a_field_twice(self, tmp_path: Path) -> None:
        refused(nrrd(tmp_path / "a.nrrd", before="sizes: 28 80 80\n"), "again")
        refused(nrrd(tmp_path / "a.nrrd", before="a line without a colon\n"), "again")

    def test_a_spacing_of_no_scan(self, tmp_path: Path) -> None:
        for size in ("1e-30", "0.005", "0.09"):
            refused(nrrd(tmp_path / "a.nrrd", space_directions=f"(3,0,0) (0,3,0) (0,0,{size})"), "size of a head")

    @pytest.mark.parametrize("read", [read_heatmap, read_segmentation])
    def test_results_with_long_lines_or_flipped_bits(
        self, tmp_path: Path, read: Callable[[Path], tuple[object, object]]
    ) -> None:
        number = {"type": "float", "sizes": "4 5 6"} if read is read_heatmap else {"type": "uchar", "sizes": "4 5 6"}
        values = np.arange(120).astype("<f4" if read is read_heatmap else "u1").tobytes()
        changes: dict[str, str | None] = {**number, "encoding": "gzip"}
        packed = gzip.compress(values)
        read(nrrd(tmp_path / "a.nrrd", packed, before=f"#{'x' * 5000}\n", **changes))
        for at in (len(packed) // 2, len(packed) - 5):
            damaged = bytearray(packed)
            damaged[at] ^= 4
            with pytest.raises(EvidenceError, match="damaged; run the detection again"):
                read(nrrd(tmp_path / "a.nrrd", bytes(damaged), **changes))


@PROPERTY
@given(data=st.data())
def test_any_damage_to_the_header(tmp_path: Path, data: st.DataObject) -> None:
    """Bytes changed, inserted or cut: a sentence, or an image of finite values."""
    path = nrrd(tmp_path / "a.nrrd", encoding="gzip")
    content = bytearray(path.read_bytes())
    end = content.index(b"\n\n") + 2
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, end))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    path.write_bytes(content)
    try:
        assert np.isfinite(values_of(read_noted_volume(path, "flair").image)).all()
    except InputError as error:
        assert str(error).endswith((".", "?")) and "\n" not in str(error)


def test_the_base_is_what_the_fields_say() -> None:
    assert values_of(sitk.ReadImage(str(BASE_HEAD))).shape == (80, 80, 28)
