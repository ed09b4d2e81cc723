"""The worker as the application sees it: whatever it does, exactly one last event comes, and nothing blocks."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from fake_worker import ENGINE, events_of, fake_worker, is_running, wait_for, wait_until

from anofpdm.app.worker.events import Cancelled, Failed, Finished, Notice, Progress, Stage, Started
from anofpdm.app.worker.log import BoundedLog
from anofpdm.app.worker.process import CANCEL_GRACE_S, DRAIN_GRACE_S, WorkerProcess

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


def pid_in(path: Path) -> int:
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def test_a_run_from_start_to_result() -> None:
    log = BoundedLog()
    worker = fake_worker(
        """
        print("a library says hello")
        start()
        say("stage", stage="reading")
        progress(3)
        say("notice", message="Memory ran out; going on.")
        print("{not json", file=sys.stderr)
        result()
        """,
        log,
    )
    assert worker.running and worker.exit_code is None
    events = events_of(worker)
    assert events == [
        Started(ENGINE.version, str(ENGINE.package)),
        Stage("reading"),
        Progress(3.0, 10, 1.0, None),
        Notice("Memory ran out; going on."),
        Finished("/out", "Two lines.\nWritten.", ("w",)),
    ]
    assert not worker.running and worker.exit_code == 0 and worker.poll() == []
    assert "a library says hello" in log.text() and "{not json" in log.text()
    assert '"progress"' not in log.text()


def test_its_own_words_for_a_failure() -> None:
    worker = fake_worker("start(); say('error', message='The disk is full.', exit_code=4); sys.exit(4)")
    assert events_of(worker)[-1] == Failed("The disk is full.", 4)


@pytest.mark.parametrize("ending", ["sys.exit(0)", "sys.exit(3)", "raise MemoryError", "os._exit(9)"])
def test_an_end_without_a_word(ending: str) -> None:
    log = BoundedLog()
    worker = fake_worker(f"start(); progress(1); {ending}", log)
    last = events_of(worker)[-1]
    assert isinstance(last, Failed) and last.sentence.startswith("The computation ended unexpectedly (exit status")
    assert last.sentence.count(".") == 1 and last.exit_code == worker.exit_code
    assert ("MemoryError" in log.text()) == (ending == "raise MemoryError")


@POSIX
def test_killed_by_the_system() -> None:
    worker = fake_worker("start(); os.kill(os.getpid(), signal.SIGKILL)")
    last = events_of(worker)[-1]
    assert isinstance(last, Failed) and "ended by signal 9" in last.sentence and "memory" in last.sentence


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    log = BoundedLog()
    worker = WorkerProcess([str(tmp_path / "no such python")], {}, tmp_path, log, engine=ENGINE)
    worker.start()
    assert worker.running
    (last,) = worker.poll()
    assert isinstance(last, Failed) and "could not be started" in last.sentence and last.exit_code is None
    assert not worker.running and "no such python" in log.text()
    with pytest.raises(RuntimeError):
        worker.start()


class TestIdentity:
    """Only the engine beside this package, in the version that is loaded, may answer"""

    def refused(self, code: str) -> str:
        worker = fake_worker(code + "\nprogress(5)\ntime.sleep(600)")
        events = events_of(worker)
        assert len(events) == 1
        assert isinstance(events[0], Failed) and worker.exit_code != 0
        return events[0].sentence

    def test_another_version(self) -> None:
        sentence = self.refused("start(version='0.0.7')")
        assert "0.0.7" in sentence and ENGINE.version in sentence and "restart Slicer" in sentence

    def test_another_copy(self, tmp_path: Path) -> None:
        assert "Another copy of anofpdm" in self.refused(f"start(package={str(tmp_path)!r})")

    def test_a_copy_that_is_not_there(self) -> None:
        assert "Another copy of anofpdm" in self.refused("start(package='/no/such/place\\0')")

    def test_something_else(self) -> None:
        assert "not anofpdm" in self.refused("progress(1)")

    def test_the_same_folder_under_another_name(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(ENGINE.package)
        worker = fake_worker(f"start(package={str(tmp_path / 'link')!r}); result()")
        assert isinstance(events_of(worker)[-1], Finished)


class TestPipes:
    """Both are drained whatever happens, and what is kept of them is bounded"""

    def test_floods_on_both(self) -> None:
        log = BoundedLog(lines=50)
        worker = fake_worker(
            """
            start()
            for n in range(40):
                print("o" * 100_000)
                print("e" * 100_000, file=sys.stderr)
                for m in range(500):
                    print(n, m, "noise")
            result()
            """,
            log,
        )
        assert isinstance(events_of(worker)[-1], Finished)
        assert len(log.text().splitlines()) <= 51 and len(log.text()) < 51 * 2100
        assert "earlier lines left out" in log.text()

    def test_a_line_without_an_end(self) -> None:
        log = BoundedLog()
        worker = fake_worker(
            "start(); sys.stdout.write('{' + 'x' * 5_000_000); sys.stdout.flush(); print(); result()", log
        )
        assert isinstance(events_of(worker)[-1], Finished)
        assert len(log.text()) < 20_000

    def test_bytes_that_are_no_text(self) -> None:
        worker = fake_worker("start(); sys.stdout.buffer.write(b'\\xff\\xfe\\x00\\n'); sys.stdout.flush(); result()")
        assert isinstance(events_of(worker)[-1], Finished)

    def test_an_application_that_does_not_look(self) -> None:
        """Progress that nobody fetched is replaced by newer progress."""
        worker = fake_worker("start()\nfor n in range(4_000): progress(n / 400)\nresult()")
        wait_until(lambda: worker._queue.drained)
        events = events_of(worker)
        assert isinstance(events[-1], Finished) and len(events) < 10
        assert events[-2] == Progress(9.9975, 10, 1.0, None)

    def test_notices_without_end(self) -> None:
        worker = fake_worker("start()\nfor n in range(12_000): say('notice', message='again')\nresult()")
        wait_until(lambda: worker._queue.drained)
        events = events_of(worker)
        assert isinstance(events[-1], Finished) and len(events) <= 10_010

    @POSIX
    def test_held_open_by_a_process_that_left(self, tmp_path: Path) -> None:
        now = [0.0]
        worker = fake_worker(
            f"""
            start(); result()
            pid = os.fork()
            if pid == 0:
                os.setsid()
                time.sleep(600)
                os._exit(0)
            open({str(tmp_path / "pid")!r}, "w").write(f"{{pid}}\\n")
            """,
            clock=lambda: now[0],
        )
        left = pid_in(tmp_path / "pid")
        try:
            assert worker._process is not None
            worker._process.wait()
            assert not any(isinstance(event, Finished) for event in worker.poll()) and worker.running
            now[0] += DRAIN_GRACE_S
            assert isinstance(events_of(worker)[-1], Finished)
            assert is_running(left)
        finally:
            os.kill(left, signal.SIGKILL)

    def test_polling_never_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither for the process, nor for the threads that read its pipes, nor for the clock."""
        worker = fake_worker("start(); time.sleep(600)")
        wait_for(worker, Started)
        waited: list[str] = []
        with monkeypatch.context() as patch:
            for owner, name in ((worker._process, "wait"), (threading.Thread, "join"), (time, "sleep")):
                patch.setattr(owner, name, lambda *_, name=name, **__: waited.append(name))
            for _ in range(50):
                assert worker.poll() == []
        worker.close()
        assert waited == []


class TestCancel:
    """Asked to end first, ended after three seconds"""

    def test_a_worker_that_obeys(self) -> None:
        worker = fake_worker(
            """
            start(); progress(1)
            sys.stdin.read()
            say("error", message="The run was cancelled; nothing was written.", exit_code=130)
            sys.exit(130)
            """
        )
        wait_for(worker, Progress)
        worker.cancel()
        assert worker.cancelling
        assert events_of(worker) == [Cancelled()]
        assert worker.exit_code == 130 and not worker.cancelling

    @POSIX
    def test_a_worker_that_does_not(self, tmp_path: Path) -> None:
        """It and the process it has started are ended, though both ignore what they can."""
        now = [0.0]
        child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        worker = fake_worker(
            f"""
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            start()
            child = subprocess.Popen([sys.executable, "-c", {child!r}])
            open({str(tmp_path / "pid")!r}, "w").write(f"{{child.pid}}\\n")
            progress(1)
            time.sleep(600)
            """,
            clock=lambda: now[0],
        )
        wait_for(worker, Progress)
        child_pid = pid_in(tmp_path / "pid")
        worker.cancel()
        now[0] += 0.99 * CANCEL_GRACE_S
        assert worker.poll() == [] and worker.running and is_running(child_pid)
        now[0] += 0.02 * CANCEL_GRACE_S
        assert events_of(worker) == [Cancelled()]
        wait_until(lambda: not is_running(child_pid))

    @POSIX
    def test_behind_a_launcher(self, tmp_path: Path) -> None:
        """Slicer's interpreter is started by a launcher, which is the process that we know."""
        inner = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}}\\n'); time.sleep(600)"
        worker = fake_worker(f"start(); sys.exit(subprocess.call([sys.executable, '-c', {inner!r}]))")
        pid = pid_in(tmp_path / "pid")
        worker.cancel()
        assert events_of(worker) == [Cancelled()]
        wait_until(lambda: not is_running(pid))

    def test_when_it_has_just_finished(self) -> None:
        worker = fake_worker("start(); result()")
        wait_until(lambda: worker._process is not None and worker._process.poll() is not None)
        worker.cancel()
        assert events_of(worker)[-1] == Cancelled()

    def test_twice_and_when_it_is_over(self) -> None:
        worker = fake_worker("start(); sys.stdin.read(); sys.exit(130)")
        wait_for(worker, Started)
        worker.cancel()
        worker.cancel()
        assert events_of(worker) == [Cancelled()]
        worker.cancel()
        assert worker.poll() == [] and not worker.cancelling

    @POSIX
    def test_closing_ends_it_at_once(self, tmp_path: Path) -> None:
        worker = fake_worker(
            f"start(); open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}}\\n'); time.sleep(600)"
        )
        pid = pid_in(tmp_path / "pid")
        worker.close()
        assert not worker.running and worker.poll() == [] and worker.exit_code == -signal.SIGKILL
        wait_until(lambda: not is_running(pid))
        worker.close()

    def test_closing_what_never_started(self) -> None:
        worker = WorkerProcess([sys.executable], {}, Path.cwd(), BoundedLog(), engine=ENGINE)
        worker.close()
        assert not worker.running


def test_a_worker_that_does_not_exit_after_its_result() -> None:
    now = [0.0]
    worker = fake_worker("start(); result(); time.sleep(600)", clock=lambda: now[0])
    wait_until(lambda: worker.poll() is None or worker._outcome is not None)
    assert worker.running
    now[0] += 60
    assert isinstance(events_of(worker)[-1], Finished)


@POSIX
def test_a_worker_left_behind_sees_its_input_end(tmp_path: Path) -> None:
    """Slicer crashes: the pipe to its worker ends with it."""
    worker_code = f"open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}}\\n'); sys.stdin.read(); sys.exit(130)"
    owner = fake_worker(
        f"""
        start()
        command = [sys.executable, "-c", "import os, sys; " + {worker_code!r}]
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        progress(1)
        time.sleep(600)
        """
    )
    pid = pid_in(tmp_path / "pid")
    assert owner._process is not None
    os.kill(owner._process.pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))
    owner.close()
