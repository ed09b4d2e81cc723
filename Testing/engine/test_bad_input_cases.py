"""Tables of patients: what is wrong with a table, with one of its patients, and taking up a run again."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import SimpleITK as sitk
from case_table import FILES, Table
from command_line import CommandLine, Outcome, check_refusal, snapshot

from anofpdm.core.progress import CancelToken
from anofpdm.detect.case_runs import CaseRuns
from anofpdm.volumes.volume import Volume


class TestTable:
    """The table itself"""

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "it is empty"),
            ("\n\n", "it is empty"),
            ("a,head.nii.gz\n", "needs a header"),
            ("case\na\n", "needs a header"),
            ("flair\nhead.nii.gz\n", "needs a header"),
            ("case|flair\na|head.nii.gz\n", "separated by commas or semicolons"),
            ("case;flair\na;head.nii.gz;more\n", "line 2: every column needs a value"),
            ("case,flair\n", "lists no cases"),
            ("case,flair,\na,head.nii.gz,\n", "column without a name"),
            ("case,flair,flair\na,head.nii.gz,head.nii.gz\n", "two of the same name"),
            ("case,flair,FLAIR \na,head.nii.gz,head.nii.gz\n", "two of the same name"),
            ("case,case,flair\na,b,head.nii.gz\n", "two of the same name"),
            ("case,flair\na\n", "line 2: every column needs a value"),
            ("case,flair\na,head.nii.gz,more\n", "line 2: every column needs a value"),
            ("case,flair\na,\n", "line 2: every column needs a value"),
            ("case,flair\n,head.nii.gz\n", "line 2: every column needs a value"),
            ("case,flair\na,head.nii.gz\n   ,head.nii.gz\n", "line 3: every column needs a value"),
            ("case,flair\na,head.nii.gz\na,head.nii.gz\n", "line 3: the case 'a' occurs twice"),
            (b"case,flair\n\xff\xfe,head.nii.gz\n", "cannot be read"),
            ("case,flair\na," + "x" * 200_000 + "\n", "cannot be read"),
            ('case,flair\n"a,head.nii.gz\n', "line 2"),
            (b"case,flair\na,he\0ad.nii.gz\n", "zero byte|cannot be read"),
            (b"\x89PNG\r\n\x1a\n\0\0", "cannot be read|needs a header"),
        ],
    )
    def test_is_refused(self, table: Table, text: str | bytes, words: str) -> None:
        table.refused(text, words)

    @pytest.mark.parametrize("name", ["..", ".", "../up", "a/b", "/abs", ".hidden", "a\tb", '"a\nb"', "a\x1b[31m"])
    def test_names_that_are_no_folder(self, table: Table, name: str) -> None:
        table.refused(f"case,flair\n{name},head.nii.gz\n", "must be a plain folder name")

    @pytest.mark.parametrize(("first", "second"), [("Anna", "anna"), ("P1", "p1"), ("MÜLLER", "müller")])
    def test_names_that_some_disks_take_for_one(self, table: Table, first: str, second: str) -> None:
        words = f"line 3: the case '{second}' differs from '{first}' in the case of its letters only"
        table.refused(f"case,flair\n{first},head.nii.gz\n{second},head.nii.gz\n", words)

    @pytest.mark.parametrize("name", ["nowhere.csv", ".", "x" * 300 + ".csv"])
    def test_no_file(self, command: CommandLine, tmp_path: Path, name: str) -> None:
        call = ("detect", "--cases", tmp_path / name, "--output", tmp_path / "o")
        command.refuses(*call, words="table of cases .* cannot be read", folder=tmp_path)

    def test_output_that_is_a_file(self, table: Table) -> None:
        table.output.write_text("x")
        table.refused("case,flair\na,head.nii.gz\n", "is a file or lies below one")

    def test_settings_are_checked_before_the_first_patient(self, table: Table) -> None:
        outcome = table.run("case,flair\na,head.nii.gz\n", "--guidance", "99")
        check_refusal(outcome, "covers guidance strengths 0 to 8")
        assert not table.output.exists()


class TestPatient:
    """One patient of several fails: the others go on, the exit status tells"""

    GOOD = "case,flair\nfirst,head.nii.gz\nbad,{}\nlast,head.nii.gz\n"

    def check(self, table: Table, words: str, image: str = "bad.nii.gz") -> Outcome:
        outcome = table.run(self.GOOD.format(image))
        assert outcome.status not in (0, 70)
        assert outcome.sentence == "1 of 3 cases failed: bad."
        notice = next(line for line in outcome.err.splitlines() if "bad: Case 2 of 3 failed: " in line)
        assert re.search(words, notice) and "Traceback" not in outcome.err
        assert "Case 1 of 3, first: " in outcome.out and "Case 3 of 3, last: " in outcome.out
        for name in ("first", "last"):
            assert {path.name for path in (table.output / name).iterdir()} == FILES
        return outcome

    @pytest.mark.parametrize(
        ("content", "words"),
        [(None, "does not exist"), (b"", "is an empty file"), (b"letters" * 100, "export it again")],
    )
    def test_image_that_cannot_be_read(self, table: Table, content: bytes | None, words: str) -> None:
        if content is not None:
            (table.folder / "bad.nii.gz").write_bytes(content)
        self.check(table, words)
        assert not (table.output / "bad").exists()

    def test_path_that_is_too_long(self, table: Table) -> None:
        self.check(table, "cannot be read; check the disk and the path|does not exist", image="x" * 300)

    def test_image_without_a_head(self, table: Table, head_image: sitk.Image) -> None:
        noise = sitk.AdditiveGaussianNoise(sitk.Cast(head_image * 0, sitk.sitkFloat32), 5.0, 10.0, 3)
        sitk.WriteImage(noise, str(table.folder / "bad.nii.gz"))
        self.check(table, "No head was found in the flair image")

    def test_output_that_is_a_file(self, table: Table) -> None:
        table.output.mkdir()
        (table.output / "bad").write_text("mine")
        self.check(table, "is a file or lies below one", image="head.nii.gz")
        assert (table.output / "bad").read_text() == "mine"

    def test_a_defect_of_the_program(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        """Even an error that nobody foresaw costs one patient only."""
        from anofpdm.detect import detector

        read = detector.read_noted_volume

        def fail(path: Path, name: str, cancel: CancelToken, **options: bool) -> Volume:
            if "bad" in str(path):
                raise RuntimeError("something\nunforeseen")
            return read(path, name, cancel, **options)

        monkeypatch.setattr(detector, "read_noted_volume", fail)
        outcome = table.run(self.GOOD.format("bad.nii.gz"))
        assert outcome.status == 70
        assert "RuntimeError: something unforeseen" in outcome.err and "Traceback" not in outcome.err
        assert outcome.sentence == "1 of 3 cases failed: bad."
        assert {path.name for path in table.output.iterdir()} == {"first", "last"}

    def test_all_fail(self, table: Table) -> None:
        outcome = table.run("case,flair\na,no.nii\nb,no.nii\n")
        assert outcome.status == 2 and outcome.sentence == "2 of 2 cases failed: a, b."
        assert outcome.out == "" and not table.output.exists()

    @pytest.mark.parametrize(
        ("columns", "given"),
        [("t1", "t1"), ("flair,t2", "flair, t2"), ("images", "images"), ("image,flair", "image, flair")],
    )
    def test_columns_for_another_model_are_refused_once(self, table: Table, columns: str, given: str) -> None:
        row = ",".join(["head.nii.gz"] * len(columns.split(",")))
        text = f"case,{columns}\n" + "".join(f"p{number},{row}\n" for number in range(31))
        table.refused(text, f"The columns of .*cases.csv besides 'case' are {given}, but the model needs flair; rename")

    def test_as_json(self, table: Table) -> None:
        outcome = table.run(self.GOOD.format("bad.nii.gz"), progress="json")
        events = [json.loads(line) for line in outcome.out.splitlines()]
        assert events[0]["event"] == "start" and events[-1]["event"] == "error"
        assert events[-1]["exit_code"] == outcome.status == 2
        assert [event["case"] for event in events if event["event"] == "result"] == ["first", "last"]
        for kind in ("progress", "stage"):
            assert {event["case"] for event in events if event["event"] == kind} >= {"first", "last"}
        assert [event["case"] for event in events if event["event"] == "notice"] == ["bad"]
        assert "case" not in events[-1]

    def test_warnings_and_progress_name_the_patient(
        self, table: Table, head_image: sitk.Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Every patient's progress begins anew; every warning is printed once."""
        for pace in ("SHORTEST_S", "LONGEST_S"):
            monkeypatch.setattr(f"anofpdm.core.reporting._Pace.{pace}", 0.0)
        sitk.WriteImage(head_image[:, :, 5:9], str(table.folder / "slab.nii.gz"))
        outcome = table.run("case,flair\na,slab.nii.gz\nb,slab.nii.gz\n", progress="bar")
        assert outcome.status == 0
        findings = json.loads((table.output / "b" / "findings.json").read_text())
        assert findings["warnings"]
        for warning in findings["warnings"]:
            assert (outcome.out + outcome.err).count(warning) == 2
        lines = outcome.err.splitlines()
        of = {name: [line for line in lines if line.startswith(f"{name}: ")] for name in "ab"}
        assert len(of["a"]) == len(of["b"]) > 1


class TestTakingUpAgain:
    """A second run does what is left, and no more"""

    TWO = "case,flair\na,head.nii.gz\nb,head.nii.gz\n"

    def test_finished_patients_are_skipped(self, table: Table) -> None:
        assert table.run(self.TWO).status == 0
        before = snapshot(table.output)
        outcome = table.run(self.TWO)
        assert outcome.status == 0 and outcome.err == ""
        assert outcome.out.count("finished earlier") == 2
        assert snapshot(table.output) == before

    @pytest.fixture
    def again(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
        """Begins to note which cases run, instead of running them."""

        def note() -> list[str]:
            seen: list[str] = []
            found = {"warnings": [], "summary": "Nothing was found.", "withheld": False}
            monkeypatch.setattr(CaseRuns, "detect", lambda runs, case, *_: seen.append(case.name) or found)
            return seen

        return note

    def test_other_settings_run_again(self, table: Table, again: Callable[[], list[str]]) -> None:
        text = "case,image\na,head.nii.gz\n"
        assert table.run(text).status == 0
        ran = again()
        assert "finished earlier" in table.run(text).out and ran == []
        settings = ("--guidance", "1"), ("--threshold", "value=1"), ("--seed", "3"), ("--steps", "4"), ("--ungated",)
        for number, options in enumerate(settings, start=1):
            outcome = table.run(text, *options)
            assert outcome.status == 0 and "finished earlier" not in outcome.out, options
            assert ran == ["a"] * number, options

    def test_a_changed_image_or_a_damaged_result_runs_again(self, table: Table) -> None:
        shutil.copy(table.folder / "head.nii.gz", table.folder / "other.nii.gz")
        text = "case,flair\na,head.nii.gz\nb,other.nii.gz\nc,other.nii.gz\n"
        assert table.run(text).status == 0
        before = table.times()
        os.utime(table.folder / "head.nii.gz", ns=(1, 1))
        (table.output / "b" / "findings.json").write_text("{")
        outcome = table.run(text)
        after = table.times()
        assert outcome.status == 0 and outcome.out.count("finished earlier") == 1
        assert [after[name] > before[name] for name in "abc"] == [True, True, False]
        assert all({path.name for path in (table.output / name).iterdir()} == FILES for name in "abc")

    @pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
    def test_a_run_that_was_ended(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C during the second patient: the first one's result stays, and is not computed again."""
        from anofpdm.detect import detector

        read = detector.read_noted_volume

        def interrupt(path: Path, name: str, cancel: CancelToken, **options: bool) -> Volume:
            if (table.output / "a" / "findings.json").exists():
                os.kill(os.getpid(), signal.SIGINT)
            return read(path, name, cancel, **options)

        text = "case,flair\na,head.nii.gz\nb,head.nii.gz\nc,head.nii.gz\n"
        with monkeypatch.context() as patch:
            patch.setattr(detector, "read_noted_volume", interrupt)
            outcome = table.run(text)
        assert outcome.status == 130
        assert outcome.sentence == "The run was cancelled during case 2 of 3; the results of finished cases are kept."
        assert {path.name for path in (table.output / "a").iterdir()} == FILES
        assert not (table.output / "b").exists() and not (table.output / "c").exists()
        outcome = table.run(text)
        assert outcome.status == 0 and outcome.out.count("finished earlier") == 1

    def test_a_result_that_lacks_a_file_runs_again(self, table: Table, again: Callable[[], list[str]]) -> None:
        assert table.run("case,flair\na,head.nii.gz\n").status == 0
        cases = [f"without {name}" for name in sorted(FILES)]
        for case in cases:
            shutil.copytree(table.output / "a", table.output / case)
            (table.output / case / case.removeprefix("without ")).unlink()
        ran = again()
        outcome = table.run("\n".join(["case,flair", *(f"{name},head.nii.gz" for name in ["a", *cases]), ""]))
        assert outcome.status == 0 and outcome.out.count("finished earlier") == 1
        assert ran == cases

    def test_an_adjusted_result_is_finished_and_kept(self, table: Table) -> None:
        text = "case,flair\na,head.nii.gz\n"
        assert table.run(text).status == 0
        for guidance in ("4", "6"):
            assert table.command("adjust", table.output / "a", "--guidance", guidance, "--ungated").status == 0
            before = snapshot(table.output)
            outcome = table.run(text)
            assert outcome.status == 0 and "finished earlier" in outcome.out
            assert snapshot(table.output) == before
        assert "finished earlier" not in table.run(text, "--guidance", "4").out

    @pytest.mark.parametrize(("header", "data"), [("a.mhd", "a.raw"), ("a.nhdr", "a.raw")])
    def test_a_changed_data_file_beside_its_header_runs_again(
        self, table: Table, head_image: sitk.Image, header: str, data: str
    ) -> None:
        sitk.WriteImage(head_image, str(table.folder / header))
        text = f"case,flair\na,{header}\n"
        assert table.run(text).status == 0
        assert "finished earlier" in table.run(text).out
        os.utime(table.folder / data, ns=(1, 1))
        outcome = table.run(text)
        assert outcome.status == 0 and "finished earlier" not in outcome.out

    def test_only_the_failed_ones_run_again(self, table: Table) -> None:
        assert table.run("case,flair\na,head.nii.gz\nb,later.nii.gz\n").status == 2
        shutil.copy(table.folder / "head.nii.gz", table.folder / "later.nii.gz")
        outcome = table.run("case,flair\na,head.nii.gz\nb,later.nii.gz\n")
        assert outcome.status == 0
        assert "a: finished earlier" in outcome.out and "b: finished earlier" not in outcome.out
