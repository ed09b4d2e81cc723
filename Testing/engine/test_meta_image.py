"""MetaImage files: read as ITK reads the healthy file."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from volume_makers import all_axis_orders, head_like, make_image, rotation

from anofpdm.core.errors import Cancelled, InputError
from anofpdm.core.progress import CancelToken
from anofpdm.volumes import meta_image_file
from anofpdm.volumes.meta_image_file import read_meta_image
from anofpdm.volumes.reading import read_noted_volume

KINDS = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
VALUES = np.arange(24, dtype="<i2").reshape(2, 3, 4)


def written(path: Path, data: bytes, *, compressed: bool = True, **changes: str | None) -> Path:
    """A file with `data` behind the header, or beside it in a.raw if it is called .mhd; header entries are changed,
    added or left out. The header is that of `VALUES`."""
    local = path.suffix == ".mha"
    fields: dict[str, str | None] = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": str(compressed),
        "CompressedDataSize": str(len(data)) if compressed else None,
        "ElementSpacing": "1.5 2 3",
        "Offset": "1 2 3",
        "DimSize": "4 3 2",
        "ElementType": "MET_SHORT",
        **changes,
    }
    data_file = fields.pop("ElementDataFile", None) or ("LOCAL" if local else "a.raw")
    lines = [f"{name} = {value}\n" for name, value in fields.items() if value is not None]
    header = "".join([*lines, f"ElementDataFile = {data_file}\n"]).encode("utf-8", "surrogateescape")
    path.write_bytes(header + (data if local else b""))
    if not local:
        path.with_name("a.raw").write_bytes(data)
    return path


def by_itk(path: Path) -> sitk.Image:
    return sitk.ReadImage(str(path), imageIO="MetaImageIO")


def ours(path: Path) -> sitk.Image:
    return read_meta_image(path, "The image").image


def same(one: sitk.Image, other: sitk.Image) -> None:
    """What is ours, and what ITK read of the same file."""
    if other.GetDimension() == 4:
        other = other[:, :, :, 0]
    assert one.GetPixelIDTypeAsString() == "32-bit float"
    assert one.GetSize() == other.GetSize()
    assert one.GetSpacing() == other.GetSpacing()
    assert one.GetOrigin() == other.GetOrigin()
    assert one.GetDirection() == other.GetDirection()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(one), sitk.GetArrayFromImage(other).astype(np.float32))


def refused(path: Path, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_meta_image(path, f"The flair image {path}")
    message = str(caught.value)
    assert message.startswith(f"The flair image {path} ") and message.endswith("again.")


class TestHealthy:
    """In every form that ITK reads."""

    @settings(max_examples=150, deadline=None)
    @given(
        kind=st.sampled_from(sorted(KINDS)),
        big_endian=st.sampled_from([None, False, True]),
        order_field=st.sampled_from(["BinaryDataByteOrderMSB", "ElementByteOrderMSB"]),
        size=st.lists(st.integers(1, 7), min_size=3, max_size=3),
        time=st.booleans(),
        channels=st.sampled_from([None, 1]),
        spacing=st.lists(st.floats(0.01, 50), min_size=4, max_size=4),
        origin=st.lists(st.floats(-500, 500, allow_subnormal=False), min_size=4, max_size=4),
        origin_field=st.sampled_from(["Offset", "Position", "Origin"]),
        axes=st.tuples(st.sampled_from(all_axis_orders()), st.one_of(st.just(0.0), st.floats(1e-9, 180))),
        axes_field=st.sampled_from(["TransformMatrix", "Orientation", "Rotation", ""]),
        ending=st.sampled_from([".mha", ".mhd"]),
        compressed=st.booleans(),
        seed=st.integers(0, 2**32 - 1),
    )
    def test_in_every_form(
        self,
        kind: str,
        big_endian: bool | None,
        order_field: str,
        size: list[int],
        time: bool,
        channels: int | None,
        spacing: list[float],
        origin: list[float],
        origin_field: str,
        axes: tuple[np.ndarray, float],
        axes_field: str,
        ending: str,
        compressed: bool,
        seed: int,
    ) -> None:
        size = [*size, 1] if time else size
        rank = len(size)
        changes: dict[str, str | None] = {
            "NDims": str(rank),
            "DimSize": " ".join(map(str, size)),
            "ElementType": kind,
            "ElementSpacing": " ".join(map(repr, spacing[:rank])),
            "Offset": None,
            "BinaryDataByteOrderMSB": None,
            "Comment": "Müller: = 3",
            "AnatomicalOrientation": "RAI",
            origin_field: " ".join(map(repr, origin[:rank])),
        }
        if channels is not None:
            changes["ElementNumberOfChannels"] = str(channels)
        if big_endian is not None:
            changes[order_field] = str(big_endian)
        if axes_field:
            full = np.eye(rank)
            full[:3, :3] = rotation((1, 2, 3), axes[1]) @ axes[0]
            changes[axes_field] = " ".join(map(repr, full.ravel().tolist()))
        rng = np.random.default_rng(seed)
        stored = np.dtype(KINDS[kind]).newbyteorder(">" if big_endian else "<")
        values = rng.integers(0, 120, int(np.prod(size)) * (channels or 1)).astype(stored)
        with tempfile.TemporaryDirectory() as folder:
            data = zlib.compress(values.tobytes()) if compressed else values.tobytes()
            path = written(Path(folder) / f"a{ending}", data, compressed=compressed, **changes)
            direct = by_itk(path)
            same(ours(path), direct)
        np.testing.assert_array_equal(sitk.GetArrayViewFromImage(direct).ravel(), values)

    @pytest.mark.parametrize("compress", [False, True])
    @pytest.mark.parametrize("name", ["a.mha", "a.mhd"])
    def test_as_itk_writes_it(self, tmp_path: Path, name: str, compress: bool) -> None:
        image = make_image(head_like(), (1 / 3, 1.5, 5), (-30.1, 0, 1e-7), rotation((1, 2, 3), 17))
        sitk.WriteImage(image, str(tmp_path / name), compress)
        same(ours(tmp_path / name), by_itk(tmp_path / name))
        same(ours(tmp_path / name), image)

    @pytest.mark.parametrize(
        ("where", "first", "behind"),
        [
            ("LIST", "slice 1.raw", "slice 1.raw\nslice 2.raw\n"),
            ("LIST 2D", "slice 1.raw", "slice 1.raw\r\nslice 2.raw\r\n"),
            ("s%d.raw 1 2 1", "s1.raw", ""),
            ("s_%03d.raw 1 2 1", "s_001.raw", ""),
        ],
    )
    @pytest.mark.parametrize(("skipped", "padding"), [("0", 0), ("7", 7), ("-1", 5)])
    def test_a_file_for_every_slice(
        self, tmp_path: Path, where: str, first: str, behind: str, skipped: str, padding: int
    ) -> None:
        path = written(tmp_path / "a.mhd", b"", compressed=False, ElementDataFile=where, HeaderSize=skipped)
        path.write_bytes(path.read_bytes() + behind.encode())
        for index, name in enumerate([first, first.replace("1", "2")]):
            (tmp_path / name).write_bytes(bytes(padding) + VALUES[index].tobytes())
        same(ours(path), by_itk(path))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(ours(path)), VALUES)
        (tmp_path / first).unlink()
        refused(path, "names a data file that is not there")

    @pytest.mark.parametrize("skipped", ["400", "-1"])
    def test_something_between_header_and_values(self, tmp_path: Path, skipped: str) -> None:
        path = written(tmp_path / "a.mha", b"", compressed=False, HeaderSize=skipped)
        path.write_bytes(path.read_bytes().ljust(400) + VALUES.tobytes())
        same(ours(path), by_itk(path))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(ours(path)), VALUES)

    @pytest.mark.parametrize("pack", [zlib.compress, gzip.compress])
    def test_length_of_the_packed_values_may_be_left_out(self, tmp_path: Path, pack: object) -> None:
        path = written(tmp_path / "a.mha", pack(VALUES.tobytes()), CompressedDataSize=None)  # type: ignore[operator]
        np.testing.assert_array_equal(sitk.GetArrayFromImage(ours(path)), VALUES)

    def test_data_file_of_another_name(self, tmp_path: Path) -> None:
        packed = zlib.compress(VALUES.tobytes())
        (tmp_path / "größe 100%.z").write_bytes(packed)
        path = written(tmp_path / "a.mhd", packed, ElementDataFile="größe 100%.z")
        (tmp_path / "a.raw").unlink()
        np.testing.assert_array_equal(sitk.GetArrayFromImage(ours(path)), VALUES)

    @pytest.mark.parametrize("first", [True, False])
    def test_a_field_of_two_names(self, tmp_path: Path, first: bool) -> None:
        """As ITK has it: one of them counts, wherever it stands."""
        turned, plain = "0 1 0 1 0 0 0 0 -1", "1 0 0 0 1 0 0 0 1"
        for names, values in (
            (("Origin", "Offset"), ("7 8 9", "1 2 3")),
            (("Offset", "Position"), ("7 8 9", "1 2 3")),
            (("TransformMatrix", "Rotation"), (turned, plain)),
            (("Rotation", "Orientation"), (turned, plain)),
            (("ElementSpacing", "ElementSize"), ("1 2 3", "4 5 6")),
            (("BinaryDataByteOrderMSB", "ElementByteOrderMSB"), ("True", "False")),
        ):
            fields = list(zip(names, values, strict=True))
            nothing = dict.fromkeys((*names, "Offset"))
            entries = nothing | dict(fields if first else fields[::-1])
            entries = {name: entries[name] for name in ([*names] if first else [*names][::-1])} | {
                name: value for name, value in entries.items() if name not in names
            }
            path = written(tmp_path / "a.mha", VALUES.tobytes(), compressed=False, **entries)
            same(ours(path), by_itk(path))

    def test_nothing_is_copied(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A killed process would leave the patient's image behind."""
        monkeypatch.setattr(tempfile, "mkdtemp", lambda *_, **__: pytest.fail("a copy"))
        for compressed in (False, True):
            data = zlib.compress(VALUES.tobytes()) if compressed else VALUES.tobytes()
            path = written(tmp_path / "a.mha", data, compressed=compressed)
            np.testing.assert_array_equal(sitk.GetArrayFromImage(ours(path)), VALUES)

    def test_reading_can_be_ended(self, tmp_path: Path) -> None:
        token = CancelToken()
        token.cancel()
        with pytest.raises(Cancelled):
            read_meta_image(written(tmp_path / "a.mha", zlib.compress(VALUES.tobytes())), "The image", token)


class TestDamaged:
    @pytest.mark.parametrize("name", ["a.mha", "a.mhd"])
    @pytest.mark.parametrize("values", [VALUES.tobytes()[:-1], VALUES.tobytes() + b"\0", b"", bytes(10**8)])
    def test_more_or_fewer_values_than_stated(self, tmp_path: Path, name: str, values: bytes) -> None:
        refused(written(tmp_path / name, zlib.compress(values)), "more or fewer values")
        refused(written(tmp_path / name, values, compressed=False), "more or fewer values")

    def test_no_more_is_unpacked_than_stated(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        unpacked = []

        class Unpacker:
            def __init__(self, *arguments: int) -> None:
                self._real = real(*arguments)

            def decompress(self, data: bytes, most: int) -> bytes:
                unpacked.append(self._real.decompress(data, most))
                return unpacked[-1]

            def __getattr__(self, name: str) -> object:
                return getattr(self._real, name)

        real = zlib.decompressobj
        path = written(tmp_path / "a.mha", zlib.compress(bytes(10**8)))
        monkeypatch.setattr(meta_image_file.zlib, "decompressobj", Unpacker)
        with pytest.raises(InputError, match="more or fewer values"):
            ours(path)
        assert sum(map(len, unpacked)) <= VALUES.nbytes + 1

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"ElementNumberOfChannels": "2", "DimSize": "4 3 1"}, "several values"),
            ({"NDims": "2", "DimSize": "4 6", "ElementSpacing": "1 1", "Offset": None}, "two-dimensional picture"),
            ({"NDims": "4", "DimSize": "4 3 1 2", "ElementSpacing": "1 1 1 1", "Offset": None}, "more than three"),
        ],
    )
    def test_no_single_volume(self, tmp_path: Path, changes: dict[str, str | None], words: str) -> None:
        with pytest.raises(InputError, match=words):
            ours(written(tmp_path / "a.mha", VALUES.tobytes(), compressed=False, **changes))

    @pytest.mark.parametrize("name", ["a.mha", "a.mhd"])
    @pytest.mark.parametrize(
        "packed",
        [
            zlib.compress(VALUES.tobytes())[:-1],
            zlib.compress(VALUES.tobytes()) + b"\0",
            VALUES.tobytes(),
            b"",
            zlib.compress(VALUES.tobytes())[:-4] + b"1234",
        ],
        ids=["cut off", "something after it", "not compressed", "nothing", "checksum"],
    )
    def test_stream(self, tmp_path: Path, name: str, packed: bytes) -> None:
        refused(written(tmp_path / name, packed), "damaged, cut off or not an image")

    @pytest.mark.parametrize(
        "changes",
        [
            {"CompressedDataSize": "4"},
            {"CompressedData": "Tzue"},
            {"BinaryData": "False"},
            {"HeaderSize": "12"},
            {"HeaderSize": "-2"},
            {"BinaryDataByteOrderMSB": "maybe"},
            {"ElementSpacing": "1 2"},
            {"ElementSpacing": "1 2 nan"},
            {"Offset": "1 2 x"},
            {"TransformMatrix": "1 0 0"},
            {"DimSize": "4 3"},
            {"DimSize": "4 3 -2"},
            {"DimSize": "4 3 0"},
            {"DimSize": "4 3 2_"},
            {"NDims": "2"},
            {"NDims": "99999999999999999999999"},
            {"ElementNumberOfChannels": "0"},
            {"ElementType": "MET_SHOUT"},
            {"ElementType": None},
        ],
        ids=str,
    )
    def test_header(self, tmp_path: Path, changes: dict[str, str | None]) -> None:
        packed = zlib.compress(VALUES.tobytes())
        refused(written(tmp_path / "a.mha", packed, **changes), "damaged, cut off or not an image")

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"ElementSpacing": None}, "does not state the size of its voxels"),
            ({"ElementSpacing": "1.5 0 3"}, "voxel size that is zero"),
            ({"ElementSpacing": "1.5 2 -3"}, "voxel size that is zero"),
            ({"ElementSpacing": None, "ElementSize": "0 2 3"}, "voxel size that is zero"),
        ],
    )
    def test_no_voxel_size(self, tmp_path: Path, changes: dict[str, str | None], words: str) -> None:
        refused(written(tmp_path / "a.mha", zlib.compress(VALUES.tobytes()), **changes), words)

    @pytest.mark.parametrize("data_file", ["LOCALx", "gone.raw", "\0", ".", "/dev/null", "\udcff", "a%d.raw"])
    def test_data_file(self, tmp_path: Path, data_file: str) -> None:
        path = written(tmp_path / "a.mhd", zlib.compress(VALUES.tobytes()), ElementDataFile=data_file)
        refused(path, "names a data file that is not there")

    @pytest.mark.parametrize("data_file", ["LIST", "a%d.raw 1 999999999 1", "a%d.raw 1 2 0", "a%d.raw 1 7 1"])
    def test_files_of_slices(self, tmp_path: Path, data_file: str) -> None:
        path = written(tmp_path / "a.mhd", VALUES.tobytes(), compressed=False, ElementDataFile=data_file)
        refused(path, "damaged, cut off or not an image")


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        ({"TransformMatrix": "1 0 0 0 1 0 0 0 1"}, True),
        ({"Orientation": "0 1 0 1 0 0 0 0 1"}, True),
        ({"AnatomicalOrientation": "RAI"}, True),
        ({"AnatomicalOrientation": "???"}, False),
        ({"AnatomicalOrientation": "LPS"}, False),
        ({}, False),
    ],
)
def test_whether_left_and_right_are_known(tmp_path: Path, fields: dict[str, str | None], known: bool) -> None:
    values = head_like((48, 40, 12))
    path = written(tmp_path / "a.mha", values.tobytes(), compressed=False, DimSize="48 40 12", **fields)
    volume = read_noted_volume(path, "flair")
    assert volume.side_known is known and len(volume.warnings) == (not known)
    assert all("does not say how it lies in the patient" in warning for warning in volume.warnings)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(volume.image), values)
