"""Stored results that cannot be adjusted: missing, cut off, foreign, tampered with."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import CommandLine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anofpdm.core.errors import EvidenceError
from anofpdm.results.case_storage import load_evidence

DAMAGED = "damaged or foreign; detect again"


@pytest.fixture
def refused(command: CommandLine, result: Path, tmp_path: Path) -> Callable[..., None]:
    """Adjust in place and into a new folder; the evidence, or what is asked of it, is to blame."""

    def check(*options: str, words: str) -> None:
        command.refuses("adjust", result, *options, words=words, folder=tmp_path)
        command.refuses("adjust", result, *options, "--output", tmp_path / "new", words=words, folder=tmp_path)

    return check


def change_arrays(result: Path, change: Callable[[dict[str, Any]], object]) -> None:
    with np.load(result / "evidence.npz") as archive:
        arrays: dict[str, Any] = dict(archive)
    change(arrays)
    np.savez(result / "evidence.npz", **arrays)


def change_record(result: Path, place: str, value: Any) -> None:
    """Set the entry at a dotted place of the evidence's record; `...` removes it."""

    def change(arrays: dict[str, Any]) -> None:
        record = json.loads(arrays["record"].tobytes())
        *path, last = place.split(".")
        entry: Any = record
        for key in path:
            entry = entry[key]
        if value is ...:
            del entry[last]
        else:
            entry[last] = value
        arrays["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)

    change_arrays(result, change)


class TestMissingEvidence:
    """No evidence where it should be"""

    def test_file_is_gone(self, refused, result: Path) -> None:
        (result / "evidence.npz").unlink()
        refused(words="no evidence at .*evidence.npz; name the output folder")

    @pytest.mark.parametrize("name", ["nowhere", "result/heatmap.nrrd", "x" * 300])
    def test_no_folder(self, command: CommandLine, result: Path, tmp_path: Path, name: str) -> None:
        command.refuses("adjust", tmp_path / name, words="no evidence at|damaged or foreign", folder=tmp_path)

    def test_a_folder_in_its_place(self, refused, result: Path) -> None:
        (result / "evidence.npz").unlink()
        (result / "evidence.npz").mkdir()
        refused(words="evidence")


class TestCutOffEvidence:
    """evidence.npz that ends too early"""

    @pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
    def test_is_refused(self, refused, result: Path, share: float) -> None:
        content = (result / "evidence.npz").read_bytes()
        (result / "evidence.npz").write_bytes(content[: int(share * len(content))])
        refused(words=DAMAGED)

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_at_any_byte(self, finished: Path, tmp_path: Path, data: st.DataObject) -> None:
        content = (finished / "evidence.npz").read_bytes()
        path = tmp_path / "evidence.npz"
        path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        with pytest.raises(EvidenceError, match=DAMAGED):
            load_evidence(path)


class TestDamagedEvidence:
    """Flipped bytes"""

    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(
        changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=5),
        where=st.sampled_from(["anywhere", "directory", "first header"]),
    )
    def test_is_read_or_refused(
        self, finished: Path, tmp_path: Path, changes: list[tuple[int, int]], where: str
    ) -> None:
        content = bytearray((finished / "evidence.npz").read_bytes())
        start, length = {
            "anywhere": (0, len(content)),
            "directory": (len(content) - 1200, 1200),
            "first header": (0, 300),
        }[where]
        for place, value in changes:
            content[start + place % length] = value
        path = tmp_path / "evidence.npz"
        path.write_bytes(content)
        try:
            load_evidence(path)
        except EvidenceError as error:
            assert str(error).endswith(".") and "\n" not in str(error)


class TestForeignEvidence:
    """Something else under the name"""

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"Dear all, see you on Monday.",
            b"PK\x05\x06" + b"\0" * 18,
            b"PK\x03\x04" + b"\xff" * 100,
            pickle.dumps({"x0": 1}),
            b"\x93NUMPY\x01\x00v\x00" + b"{" * 118,
        ],
        ids=["empty", "text", "empty zip", "bad zip", "pickle", "bad npy"],
    )
    def test_bytes(self, refused, result: Path, content: bytes) -> None:
        (result / "evidence.npz").write_bytes(content)
        refused(words=f"{DAMAGED}|not written by anofpdm")

    def test_arrays_of_another_program(self, refused, result: Path) -> None:
        np.savez(result / "evidence.npz", x=np.zeros(3))
        refused(words="was not written by anofpdm detect")

    def test_a_single_array(self, refused, result: Path) -> None:
        with (result / "evidence.npz").open("wb") as stream:
            np.save(stream, np.zeros(3))
        refused(words=DAMAGED)

    def test_pickled_arrays_are_not_opened(self, refused, result: Path, tmp_path: Path) -> None:
        class RunsCode:
            def __reduce__(self) -> tuple[Any, tuple[str]]:
                return exec, (f"open({str(tmp_path / 'trap')!r}, 'w')",)

        change_arrays(result, lambda arrays: arrays.update(record=np.array([RunsCode()], dtype=object)))
        refused(words=DAMAGED)
        assert not (tmp_path / "trap").exists()

    @pytest.mark.parametrize("name", ["evidence_x0", "examined"])
    def test_a_pickled_array_among_others(self, refused, result: Path, name: str) -> None:
        change_arrays(result, lambda arrays: arrays.update({name: np.array([{}], dtype=object)}))
        refused(words=DAMAGED)

    def test_an_encrypted_entry(self, refused, result: Path) -> None:
        content = bytearray((result / "evidence.npz").read_bytes())
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entry = next(info for info in archive.infolist() if info.filename.startswith("record"))
        content[entry.header_offset + 6] |= 1
        directory = content.rindex(b"PK\x01\x02", 0, content.rindex(b"record.npy"))
        content[directory + 8] |= 1
        (result / "evidence.npz").write_bytes(content)
        refused(words=DAMAGED)


def replace(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict[str, Any]], object]:
    return lambda arrays: arrays.update({name: change(arrays[name])})


def with_first(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        changed = array.copy()
        changed.flat[0] = value
        return changed

    return change


ARRAYS = [
    "evidence_x0", "evidence_mean_rr", "evidence_mean_rd", "evidence_mean_dd", "evidence_residual_end",
    "evidence_difference_end", "evidence_rr", "evidence_rd", "evidence_dd", "evidence_end_index",
    "examined", "head", "interior", "level", "display", "record",
]  # fmt: skip


class TestEvidenceArrays:
    """Arrays that are missing, of another shape or type, or not finite"""

    @pytest.mark.parametrize("name", ARRAYS)
    def test_missing(self, refused, result: Path, name: str) -> None:
        change_arrays(result, lambda arrays: arrays.pop(name))
        refused(words="detect again|not written by anofpdm")

    @pytest.mark.parametrize("name", ARRAYS[:-1])
    def test_another_shape(self, refused, result: Path, name: str) -> None:
        change_arrays(result, replace(name, lambda array: array[:-1]))
        refused(words="detect again")

    @pytest.mark.parametrize("name", ARRAYS)
    def test_another_type(self, refused, result: Path, name: str) -> None:
        change_arrays(result, replace(name, lambda array: np.full(array.shape, "x")))
        refused(words="detect again")

    @pytest.mark.parametrize("name", ["evidence_x0", "evidence_residual_end", "evidence_dd", "evidence_rr"])
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, refused, result: Path, name: str, value: float) -> None:
        change_arrays(result, replace(name, with_first(value)))
        refused(words=DAMAGED)

    def test_infinite_mean(self, refused, result: Path) -> None:
        change_arrays(result, replace("evidence_mean_dd", with_first(np.inf)))
        refused(words=DAMAGED)

    @pytest.mark.parametrize("value", [-1, 3, 10**9])
    def test_end_outside_the_steps(self, refused, result: Path, value: int) -> None:
        change_arrays(result, replace("evidence_end_index", with_first(value)))
        refused(words="points outside the 3 visited steps")

    @pytest.mark.parametrize("name", ["head", "examined"])
    def test_empty_masks(self, refused, result: Path, name: str) -> None:
        change_arrays(result, replace(name, np.zeros_like))
        refused(words="do not fit one another|is needed; detect again")

    def test_no_slices_at_all(self, refused, result: Path) -> None:
        def empty(arrays: dict[str, Any]) -> None:
            arrays["examined"] = np.zeros_like(arrays["examined"])
            for name in arrays:
                if name.startswith("evidence_"):
                    arrays[name] = arrays[name][:0]

        change_arrays(result, empty)
        refused(words="do not fit one another")

    def test_pictures_of_no_size(self, refused, result: Path) -> None:
        change_arrays(result, replace("display", lambda array: array[:, :0, :0]))
        refused(words="do not fit one another")


class TestEvidenceRecord:
    """Entries of the record"""

    @pytest.mark.parametrize(
        ("place", "value", "words"),
        [
            ("format", "other", DAMAGED),
            ("format", ..., DAMAGED),
            ("schema", 1, "schema 1 and this version reads 3; detect again"),
            ("schema", "2", "schema '2' and this version reads 3"),
            ("settings", ..., DAMAGED),
            ("settings.guidance", "4", DAMAGED),
            ("settings.guidance", -4.0, DAMAGED),
            ("settings.threshold", {"kind": "quantile", "number": None}, DAMAGED),
            ("settings.threshold", {"kind": "value", "number": -1.0}, DAMAGED),
            ("settings.threshold", {"kind": "other", "number": None}, DAMAGED),
            ("settings.minimum_size", {"pixels": -1, "mm3": None}, DAMAGED),
            ("settings.more", 1, DAMAGED),
            ("request", ..., DAMAGED),
            ("schema", ..., DAMAGED),
            ("evidence.operating_point", [], DAMAGED),
            ("evidence.operating_point.steps", 4, "shape .* is needed; detect again"),
            ("evidence.operating_point.steps", -4, DAMAGED),
            ("evidence.operating_point.clamp", True, DAMAGED),
            ("evidence.operating_point.surprise", 1, DAMAGED),
            ("geometry", None, "stored geometry is damaged"),
            ("geometry.size", [48, 56], "stored geometry is damaged"),
            ("geometry.size", [48, 0, 14], "stored geometry is damaged"),
            ("geometry.size", [48, 56, 2**40], "stored geometry is damaged"),
            ("geometry.size", [2048, 2048, 2048], "stored geometry is damaged"),
            ("geometry.size", [48, 56, float("inf")], DAMAGED),
            ("geometry.size", ["a", 1, 1], "stored geometry is damaged"),
            ("geometry.spacing", [4, float("nan"), 6], DAMAGED),
            ("geometry.spacing", [4, -4, 6], "stored geometry is damaged"),
            ("geometry.direction", [0] * 9, "damaged"),
            ("geometry.size", [10**6, 10**6, 10**6], "stored geometry is damaged"),
            ("geometry.spacing", [10**400, 4, 6], DAMAGED),
            ("run.seed", 10**30, DAMAGED),
            ("run.device", "\ud800", DAMAGED),
            ("grid.size", [1024, 1024, 1000], "geometry is damaged; run the detection again"),
            ("grid.size", [16, 16, 27], "'examined' has the shape .* is needed; detect again"),
            ("grid.size", [8, 32, 14], "'x0' has the shape .* is needed; detect again"),
            ("grid.direction", [0] * 9, "damaged"),
            ("grid", ..., DAMAGED),
            ("not_examined_reason", [], "do not fit one another"),
            ("not_examined_reason", 7, DAMAGED),
            ("model", {}, DAMAGED),
            ("model.used", ["flair", "t2"], "shape .* is needed; detect again"),
            ("model.minimum_size_px", "40", DAMAGED),
            ("calibration.guidance", [], DAMAGED),
            ("calibration.scaling", [[0.1, 0.1]], "needs 1 value"),
            ("calibration", [1], DAMAGED),
            ("run", ..., DAMAGED),
            ("run.seed", "x", DAMAGED),
            ("run.files", ["a"], DAMAGED),
            ("run.run_time_s", float("nan"), DAMAGED),
            ("run.run_time_s", "long", DAMAGED),
        ],
    )
    def test_wrong_value(self, refused, result: Path, place: str, value: Any, words: str) -> None:
        change_record(result, place, value)
        refused(words=words)

    @pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[]", b"null", b"3", b"[" * 100_000])
    def test_no_json_object(self, refused, result: Path, text: bytes) -> None:
        change_arrays(result, lambda arrays: arrays.update(record=np.frombuffer(text, np.uint8)))
        refused(words=DAMAGED)


class TestAdjustOptions:
    """What the evidence or its calibration cannot answer"""

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--guidance", "nan"), "--guidance takes a finite number"),
            (("--guidance", "-1"), "between 0 and 1000"),
            (("--guidance", "20"), "covers guidance strengths 0 to 8"),
            (("--threshold", "otsu"), "not one of"),
            (("--scaling", "1,2,3"), "needs 1 value"),
            (("--min-size", "large"), "not of the form"),
            (("--decision-threshold", "inf"), "finite number"),
            (("--decision", "coin"), "invalid choice"),
        ],
    )
    def test_are_refused(self, refused, options: tuple[str, ...], words: str) -> None:
        refused(*options, words=words)


@pytest.mark.parametrize("value", ["1e-30", "1e-44", "1e-300"])
def test_a_threshold_of_nearly_nothing(command: CommandLine, result: Path, value: str) -> None:
    """Everything is anomalous then, but no score is infinite."""
    outcome = command("adjust", result, "--threshold", f"value={value}", "--ungated")
    assert outcome.status == 0 and outcome.err == ""
    scores = sitk.GetArrayFromImage(sitk.ReadImage(str(result / "heatmap.nrrd")))
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(result / "segmentation.seg.nrrd")))
    assert np.isfinite(scores).all() and scores.max() == np.float32(1e6)
    assert np.array_equal(mask > 0, scores >= 1) and mask.sum() > 1000


def test_the_copy_is_good(command: CommandLine, result: Path, finished: Path, tmp_path: Path) -> None:
    """What these tests refuse is refused for what they changed."""
    again = Path(shutil.copytree(result, tmp_path / "again"))
    change_arrays(again, lambda arrays: arrays)
    change_record(again, "run.seed", 0)
    outcome = command("adjust", again, "--guidance", "1")
    assert outcome.status == 0 and outcome.err == ""
    assert command("compare", finished, again).status == 0
