"""Runs of `detect`: one case, or those of a table, of which finished ones and those of other runs are passed over."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.checksums import CHECKSUMS_FILE, Checksums, file_sha256
from ..core.errors import WITHHELD, Cancelled, DiskFull, EvidenceError, OutputInUse
from ..core.exit_statuses import SEVERAL_KINDS
from ..core.failures import describe_failure
from ..core.output_set import OutputSet, Writer, recover
from ..core.progress import CancelToken
from ..core.records import record_to_dict
from ..core.reporting import Reporter
from ..results.detection import OF_SOME_METHODS, WITHHELD_FILES, claimed_folder, result_files
from ..results.findings import FINDINGS_FILE, read_findings
from ..results.segmentation import SEGMENTATION_FILE
from ..volumes.data_files import data_files
from .cases import Case

if TYPE_CHECKING:
    from .detector import Detector, DetectorOptions

WAIT_S = 0.5
"""Between two looks at a case that another run computes."""


@dataclass(frozen=True)
class CaseRuns:
    """How every case is computed and where it is told."""

    detector: Detector
    settings: Any
    options: DetectorOptions
    reporter: Reporter
    cancel: CancelToken
    overlay: bool = True

    def detect(self, case: Case, folder: OutputSet, beside: Mapping[str, Writer] | None = None) -> dict[str, Any]:
        """Detect in one case, write its results, and return its findings. Raises AnoFPDMError."""
        request = self._request(case)
        detection = self.detector.detect(
            case.images,
            self.settings,
            self.options,
            on_progress=self.reporter.progress,
            on_stage=self.reporter.stage,
            cancel=self.cancel,
        )
        self.cancel.raise_if_cancelled()
        self.reporter.stage("writing")
        detection.write(folder, overlay=self.overlay, request=request, beside=beside, cancel=self.cancel)
        return detection.findings

    def detect_all(self, cases: Sequence[Case], output: Path) -> int:
        """Run all cases; a failing one is reported and the others go on. Returns the exit status.

        What another run computes is looked at again when all others are done. Raises Cancelled, and DiskFull, which
        no other case would be spared.
        """
        failed: dict[int, int] = {}
        withheld: set[int] = set()
        waiting: list[int] = []
        number = 0
        try:
            for number in range(1, len(cases) + 1):
                if not self._attempt(number, cases, output, failed, withheld):
                    self.reporter.notice(f"Case {number} of {len(cases)} is left for the end: another run is at it.")
                    waiting.append(number)
            if waiting:
                self.reporter.begin_case(None)
                self.reporter.notice(f"Waiting for the other run ({len(waiting)} of {len(cases)} cases).")
            for number in waiting:
                while not self._attempt(number, cases, output, failed, withheld):
                    self.cancel.wait(WAIT_S)
        except (Cancelled, KeyboardInterrupt) as error:
            self.reporter.begin_case(None)
            raise Cancelled(
                f"The run was cancelled during case {number} of {len(cases)}; the results of finished cases are kept."
            ) from error
        except DiskFull as error:
            self.reporter.begin_case(None)
            raise DiskFull(
                f"{str(error).removesuffix('.')} (this was case {number} of {len(cases)}; the results of finished "
                "cases are kept, and the same command goes on from there)."
            ) from error
        self.reporter.begin_case(None)
        return self._outcome(cases, failed, withheld)

    def _attempt(
        self, number: int, cases: Sequence[Case], output: Path, failed: dict[int, int], withheld: set[int]
    ) -> bool:
        """One case, its failure noted under its number, and whether it is withheld; False if another run is at it."""
        case = cases[number - 1]
        folder = output / case.name
        self.reporter.begin_case(case.name)
        try:
            outcome = self._run_or_pass_over(case, folder)
        except OutputInUse:
            return False
        except (BrokenPipeError, Cancelled, DiskFull):
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one patient, the others go on
            message, failed[number] = describe_failure(error)
            self.reporter.notice(f"Case {number} of {len(cases)} failed: {message}")
            return True
        head = f"Case {number} of {len(cases)}, {case.name}"
        if (read_findings(folder / FINDINGS_FILE) if outcome is None else outcome)["withheld"]:
            withheld.add(number)
        if outcome is None:
            self.reporter.result(f"{head}: finished earlier.", {"output": str(folder)})
            return True
        for warning in untold_warnings(outcome, self.detector):
            self.reporter.notice(f"Warning: {warning}")
        self.reporter.result(f"{head}: {outcome['summary']}", result_details(outcome, folder))
        return True

    def _run_or_pass_over(self, case: Case, folder: Path) -> dict[str, Any] | None:
        """The findings; None if it was finished before. Raises OutputInUse if another run is at it."""
        request = self._request(case)
        recover(folder)
        if self._is_finished(folder, request):
            return None
        inputs = case.images.values() if isinstance(case.images, Mapping) else [case.images]
        with claimed_folder(folder, inputs, overlay=self.overlay) as output:
            if self._is_finished(folder, request):
                return None  # by another run, just now
            return self.detect(case, output, self._set_aside(folder))

    def _is_finished(self, folder: Path, request: str) -> bool:
        """Whether the asked-for result is there and whole, as computed or adjusted since."""
        try:
            findings = read_findings(folder / FINDINGS_FILE)
        except EvidenceError:
            return False
        recorded = Checksums.of(folder)
        files = WITHHELD_FILES if findings["withheld"] else result_files(overlay=self.overlay)
        names = [name for name in files if name != CHECKSUMS_FILE]
        names += [name for name in OF_SOME_METHODS if name in recorded.entries]
        return findings["parameters"].get("request") == request and recorded.confirm(names)

    def _set_aside(self, folder: Path) -> dict[str, Writer]:
        """What to keep of a damaged result that is replaced: the segmentation may have been edited by hand."""
        changed = Checksums.of(folder).changed()
        if not changed:
            return {}
        told = f"The result there is not as it was written ({', '.join(sorted(changed))}) and is replaced"
        edited = folder / SEGMENTATION_FILE
        if SEGMENTATION_FILE not in changed or not edited.is_file() or edited.stat().st_size == 0:
            self.reporter.notice(f"{told}.")
            return {}
        name = f"changed-{file_sha256(edited)[:8]}-{SEGMENTATION_FILE}"
        self.reporter.notice(f"{told}; its segmentation is kept as {name}.")
        return {name: lambda path: shutil.copyfile(edited, path)}

    def _outcome(self, cases: Sequence[Case], failed: Mapping[int, int], withheld: Collection[int]) -> int:
        if withheld:
            names = ", ".join(cases[number - 1].name for number in sorted(withheld))
            self.reporter.notice(
                f"The gate is red for {len(withheld)} of {len(cases)} cases, whose findings are withheld: {names}. "
                "Check these images; --force shows what was found all the same."
            )
        if not failed:
            return WITHHELD if withheld else 0
        kinds = set(failed.values())
        status = kinds.pop() if len(kinds) == 1 else SEVERAL_KINDS
        names = ", ".join(cases[number - 1].name for number in sorted(failed))
        self.reporter.error(f"{len(failed)} of {len(cases)} cases failed: {names}.", status)
        return status

    def _request(self, case: Case) -> str:
        """A digest of everything the result depends on, inputs by path, size and time of change.

        Of anonymous ones the path is left out: a digest of it would tell whether a guessed name is right.
        """
        images = case.images if isinstance(case.images, Mapping) else {"": case.images}
        anonymous = self.options.anonymous
        record = {
            "model": self.detector.identity(),
            "settings": record_to_dict(self.settings),
            "seed": self.options.seed,
            "inputs": {name: _fingerprint(Path(path), named=not anonymous) for name, path in images.items()},
            **({"anonymous": True} if anonymous else {}),
            **({"forced": True} if self.options.forced else {}),
        }
        return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def untold_warnings(findings: Mapping[str, Any], detector: Detector) -> list[str]:
    """The findings' warnings without the one of the device, which was given when the detector was made."""
    return [warning for warning in findings["warnings"] if warning != detector.device_warning]


def result_details(findings: Mapping[str, Any], output: Path) -> dict[str, Any]:
    """What programs are told about a result."""
    return {"output": str(output), "summary": findings["summary"], "warnings": findings["warnings"]}


def _fingerprint(path: Path, *, named: bool) -> list[list[Any]]:
    try:
        files = data_files(path)
    except OSError:
        return []  # reading it will say what is wrong
    found = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        # A folder inside may be that of the results; hidden files are not read.
        if not stat.S_ISREG(status.st_mode) or file.name.startswith("."):
            continue
        found.append([*([str(file.resolve())] if named else []), status.st_size, status.st_mtime_ns])
    return found
