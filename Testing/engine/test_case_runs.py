"""Tables of patients: what counts as finished, several runs on one table, and how the whole run ends."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import SimpleITK as sitk
from case_table import FILES, Table
from command_line import check_refusal, environment, snapshot
from volume_makers import write_dicom_series

from anofpdm.core.exchange import Exchange
from anofpdm.core.output_set import OutputSet
from anofpdm.core.progress import CancelToken
from anofpdm.detect import detector
from anofpdm.detect.case_runs import CaseRuns
from anofpdm.results import detection

TWO = "case,flair\na,head.nii.gz\nb,head.nii.gz\n"
THREE = TWO + "c,head.nii.gz\n"
FINDINGS = {"warnings": [], "summary": "Nothing was found.", "withheld": False}


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images that were read, in this order."""
    seen: list[str] = []
    read = detector.read_noted_volume

    def counting(path: Path, *arguments: object, **options: object) -> object:
        seen.append(Path(path).name)
        return read(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(detector, "read_noted_volume", counting)
    return seen


class TestFinished:
    """Whole results are kept, others computed again"""

    def test_every_damage_is_noticed(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        damages: dict[str, Callable[[bytes], bytes]] = {
            "empty": lambda content: b"",
            "cut": lambda content: content[: len(content) // 2],
            "longer": lambda content: content + b" ",
            "changed": lambda content: content[:99] + bytes([content[99] ^ 1]) + content[100:],
        }
        assert table.run("case,flair\nwhole,head.nii.gz\n").status == 0
        cases = ["whole"]
        for name in sorted(FILES):
            for damage, change in damages.items():
                cases.append(f"{damage} {name}")
                path = shutil.copytree(table.output / "whole", table.output / cases[-1]) / name
                path.write_bytes(change(path.read_bytes()))
        cases += ["without checksums.json"]
        shutil.copytree(table.output / "whole", table.output / cases[-1], ignore=lambda *_: ["checksums.json"])
        again: list[str] = []
        monkeypatch.setattr(CaseRuns, "detect", lambda runs, case, *_: again.append(case.name) or FINDINGS)
        outcome = table.run("\n".join(["case,flair", *(f"{name},head.nii.gz" for name in cases), ""]))
        assert outcome.status == 0
        # A space behind the last brace of a record is none.
        assert set(cases) - set(again) == {"whole", "longer checksums.json"}
        for name in FILES - {"checksums.json"}:
            assert f"cut {name}: The result there is not as it was written ({name}) and is replaced" in outcome.err

    def test_an_edited_segmentation_is_not_lost(self, table: Table, examined: list[str]) -> None:
        assert table.run(TWO).status == 0
        untouched = snapshot(table.output / "b")
        path = table.output / "a" / "segmentation.seg.nrrd"
        path.write_bytes(edited := path.read_bytes() + b"by hand")
        (table.output / "a" / "heatmap.nrrd").write_bytes(b"")
        examined.clear()
        outcome = table.run(TWO)
        assert outcome.status == 0 and len(examined) == 1 and outcome.out.count("finished earlier") == 1
        assert snapshot(table.output / "b") == untouched
        assert "not as it was written (heatmap.nrrd, segmentation.seg.nrrd)" in outcome.err
        (kept,) = {each.name for each in (table.output / "a").iterdir()} - FILES
        assert f"its segmentation is kept as {kept}" in outcome.err
        assert (table.output / "a" / kept).read_bytes() == edited
        assert table.run(TWO).out.count("finished earlier") == 2

    def test_what_a_killed_run_committed_is_finished(self, table: Table, examined: list[str]) -> None:
        """It died after the commit, before its files were in place: they are put there, not computed again."""
        assert table.run(TWO).status == 0
        before = snapshot(table.output)
        folder = table.output / "a"
        work = folder / ".anofpdm-work-dead"
        work.mkdir()
        Exchange(work).prepare()
        for name in ("heatmap.nrrd", "findings.json"):
            os.replace(folder / name, work / "new" / name)
        record = {"replaced": [], "added": ["heatmap.nrrd", "findings.json"], "removed": []}
        (work / "journal.json").write_text(json.dumps(record))
        (work / "commit").touch()
        examined.clear()
        outcome = table.run(TWO)
        assert outcome.status == 0 and outcome.out.count("finished earlier") == 2 and examined == []
        assert snapshot(table.output) == before

    def test_results_inside_the_examined_folder(self, table: Table, head_image: sitk.Image) -> None:
        write_dicom_series(table.folder / "series", head_image)
        table.output = table.folder / "series" / "out"
        text = "case,flair\na,series\n"
        assert table.run(text).status == 0
        assert "finished earlier" in table.run(text).out

    @pytest.mark.parametrize("call", [("adjust", "--guidance", "1"), ("compare",)])
    def test_other_commands_put_right_before_they_read(self, table: Table, call: tuple[str, ...]) -> None:
        assert table.run(TWO).status == 0
        folder = table.output / "a"
        work = folder / ".anofpdm-work-dead"
        work.mkdir()
        Exchange(work).prepare()
        for name in ("evidence.npz", "heatmap.nrrd"):
            os.replace(folder / name, work / "old" / name)
        (work / "journal.json").write_text(json.dumps({"replaced": [], "added": [], "removed": []}))
        other = (folder,) if call[0] == "compare" else ()
        assert table.command(call[0], folder, *other, *call[1:]).status == 0
        assert {each.name for each in folder.iterdir()} == FILES


class TestSeveralRuns:
    """A case is held by the run that computes it"""

    def other_run(self, table: Table, monkeypatch: pytest.MonkeyPatch, ends: Callable[[], object]) -> None:
        """Holds case a until the run under test waits for it."""
        held = OutputSet(table.output / "a")
        held.__enter__()
        waits: list[float] = []

        def wait(token: CancelToken, seconds: float) -> None:
            waits.append(seconds)
            assert len(waits) < 3
            if len(waits) == 2:
                ends()
                held.__exit__(None, None, None)

        monkeypatch.setattr(CancelToken, "wait", wait)

    def test_the_others_come_first_and_nothing_twice(
        self, table: Table, examined: list[str], finished: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert table.run("case,flair\na,head.nii.gz\n").status == 0
        result = snapshot(table.output / "a")
        for path in (table.output / "a").iterdir():
            path.unlink()
        examined.clear()

        def written() -> None:
            for name, content in result.items():
                (table.output / "a" / name).write_bytes(content or b"")

        self.other_run(table, monkeypatch, written)
        outcome = table.run(THREE)
        assert outcome.status == 0 and examined == ["head.nii.gz"] * 2
        lines = outcome.out.splitlines()
        assert [line.partition(":")[0][-1] for line in lines] == ["b", "c", "a"]
        assert lines[-1].endswith("finished earlier.")
        assert "a: Case 1 of 3 is left for the end: another run is at it." in outcome.err
        assert "Waiting for the other run (1 of 3 cases)." in outcome.err

    def test_what_the_other_run_leaves_is_computed(
        self, table: Table, examined: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.other_run(table, monkeypatch, lambda: None)
        outcome = table.run(TWO)
        assert outcome.status == 0 and len(examined) == 2 and "finished earlier" not in outcome.out
        assert {path.name for path in (table.output / "a").iterdir()} == FILES

    def test_waiting_ends_with_ctrl_c(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        with OutputSet(table.output / "a"):
            wait = CancelToken.wait
            monkeypatch.setattr(CancelToken, "wait", lambda token, seconds: (token.cancel(), wait(token, seconds)))
            outcome = table.run(TWO)
        assert outcome.status == 130
        assert outcome.sentence == "The run was cancelled during case 1 of 2; the results of finished cases are kept."
        assert {path.name for path in (table.output / "b").iterdir()} == FILES

    @pytest.mark.slow
    def test_two_processes_share_a_table(self, table: Table) -> None:
        cases = "".join(f"{name},head.nii.gz\n" for name in "abcde")
        table.path.write_text(f"case,flair\n{cases}")
        call = ["detect", "--cases", table.path, "--model", table.model, "--output", table.output, "--progress", "json"]
        runs = [
            subprocess.Popen(
                [sys.executable, "-m", "anofpdm", *map(str, call)],
                env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for _ in range(2)
        ]  # fmt: skip
        said = [run.communicate(timeout=240) for run in runs]
        assert [run.returncode for run in runs] == [0, 0], said
        events = [json.loads(line) for out, _ in said for line in out.splitlines()]
        computed = [event["case"] for event in events if event.get("stage") == "detecting"]
        assert sorted(computed) == list("abcde"), "each case once"
        assert set(snapshot(table.output)) == {*"abcde", *(f"{name}/{file}" for name in "abcde" for file in FILES)}

    def test_a_single_case(self, table: Table, examined: list[str]) -> None:
        """The second run is told before it computes anything."""
        with OutputSet(table.folder / "single"):
            call = ("detect", table.folder / "head.nii.gz", "--model", table.model, "--output", table.folder / "single")
            check_refusal(table.command(*call, "--progress", "none"), "Another run is writing to")
        assert examined == []


class TestTheEnd:
    """What is said of the whole table, and its exit status"""

    def test_a_second_ctrl_c(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        read = detector.read_noted_volume

        def interrupt(*arguments: object, **options: object) -> object:
            if (table.output / "b").exists():
                raise KeyboardInterrupt
            return read(*arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(detector, "read_noted_volume", interrupt)
        outcome = table.run(THREE)
        assert outcome.status == 130
        assert outcome.sentence == "The run was cancelled during case 2 of 3; the results of finished cases are kept."
        assert set(snapshot(table.output)) == {"a", *(f"a/{name}" for name in FILES)}

    def test_every_notice_names_its_case(self, table: Table, head_image: sitk.Image) -> None:
        sitk.WriteImage(head_image[:, :, 5:9], str(table.folder / "slab.nii.gz"))
        text = "case,flair\na,slab.nii.gz\nb,gone.nii.gz\nc,slab.nii.gz\n"
        for progress in ("none", "bar"):
            outcome = table.run(text, progress=progress)
            told = [line for line in outcome.err.splitlines()[:-1] if "Warning: " in line or " failed: " in line]
            assert len(told) >= 3
            assert all(line.startswith(("anofpdm: a: ", "anofpdm: b: ", "anofpdm: c: ")) for line in told)
            for path in table.output.glob("*/findings.json"):
                path.unlink()

    @pytest.mark.parametrize(
        ("images", "taken", "status"),
        [(("head", "gone"), (), 2), (("gone", "gone"), (), 2), (("head", "head"), "ab", 4), (("gone", "head"), "b", 1)],
    )
    def test_the_status_tells_all_failures(
        self, table: Table, images: tuple[str, ...], taken: tuple[str, ...], status: int
    ) -> None:
        """That of the failures if it is one, or 1 if they are of several kinds, whichever came last."""
        table.output.mkdir()
        for name in taken:
            (table.output / name).write_text("a file in place of the folder")
        rows = [f"{name},{image}.nii.gz" for name, image in zip("ab", images, strict=True)]
        for order in (rows, rows[::-1]):
            outcome = table.run("\n".join(["case,flair", *order, ""]))
            assert outcome.status == status
            assert f"{images.count('gone') + len(taken)} of 2 cases failed: " in outcome.sentence

    def test_a_full_disk_ends_the_run(self, table: Table, examined: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        write = detection.write_heatmap

        def full(path: Path, *arguments: object) -> None:
            if "b" in path.parts:
                raise OSError(errno.ENOSPC, "No space left on device")
            write(path, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(detection, "write_heatmap", full)
        outcome = table.run(THREE)
        assert outcome.status == 4 and len(examined) == 2
        assert outcome.sentence.startswith(f"The disk of {table.output / 'b'} is full; free some space")
        assert "(this was case 2 of 3; the results of finished cases are kept" in outcome.sentence
        assert set(snapshot(table.output)) == {"a", *(f"a/{name}" for name in FILES)}

    def test_columns_may_be_separated_by_semicolons(self, table: Table) -> None:
        outcome = table.run("case;flair\na, the first;head.nii.gz\n")
        assert outcome.status == 0 and (table.output / "a, the first" / "findings.json").is_file()
