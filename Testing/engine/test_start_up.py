"""What commands load until they begin, and what detection loads and reads until its first slice."""

from __future__ import annotations

import getpass
import json
import textwrap
from collections import Counter
from pathlib import Path

from command_line import environment, run_python

from anofpdm.store.model_search import default_model_name, find_model

SLOW = ("torch", "pydicom", "matplotlib", "PIL", "scipy", "lightning_fabric", "tensorboard")
"""Packages that take long to load and that no help needs."""


def test_help_loads_nothing_slow() -> None:
    code = """
        import contextlib, sys
        from anofpdm.cli.main import main
        for command in ([], ["detect"], ["bench"]):
            with contextlib.suppress(SystemExit):
                main([*command, "--help"])
        print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
    """
    done = run_python("-c", textwrap.dedent(code))
    assert done.stdout.count("usage: anofpdm") == 3
    loaded = done.stderr.split()
    assert "anofpdm" in loaded
    assert not set(SLOW) & set(loaded)


def test_detection_does_nothing_twice_until_its_first_slice(head_file: Path, tmp_path: Path) -> None:
    """With the default model; torch is imported, the model read and proved, the volume read and prepared."""
    code = """
        import json, os, sys
        from anofpdm.cli import detect, main
        from anofpdm.core import reporting

        opened = []
        sys.addaudithook(lambda event, arguments: event == "open" and opened.append(str(arguments[0])))

        class Reporter(reporting.SilentReporter):
            def progress(self, progress):
                if progress.slices_done >= 1:
                    print(json.dumps({"opened": opened, "loaded": sorted(sys.modules)}), flush=True)
                    os._exit(0)

        detect.make_reporter = lambda kind: Reporter()
        main.main(sys.argv[1:])
    """
    arguments = ["detect", head_file, "--device", "cpu", "--no-overlay"]
    done = run_python("-c", textwrap.dedent(code), *arguments, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert "torch" in seen["loaded"]
    roots = {name.partition(".")[0] for name in seen["loaded"]}
    assert not {name for name in SLOW if name != "torch"} & roots
    # Compiling networks takes longer to load than all the rest together.
    assert not {"torch._dynamo", "torch._inductor"} & set(seen["loaded"])
    folder = find_model(default_model_name()).path
    opened = Counter(Path(name) for name in seen["opened"])
    model = {path.name: count for path, count in opened.items() if folder in path.parents}
    # Once to be proved, once to be read.
    assert "weights.safetensors" in model and max(model.values()) <= 2
    assert opened[head_file] == 1


def test_reading_the_network_loads_no_compiler(tmp_path: Path) -> None:
    """torch would import it to draw numbers on the meta device: half of the start, and it needs a cache folder."""
    (tmp_path / f"torchinductor_{getpass.getuser()}").write_text("in the way")
    code = """
        import sys
        from anofpdm.store.model_search import find_model, model_of_method
        from anofpdm.store.network_weights import load_network
        load_network(find_model(model_of_method("anofpdm")))
        print(*sorted(name for name in sys.modules if name in ("torch._dynamo", "torch._inductor", "sympy")))
    """
    done = run_python("-c", textwrap.dedent(code), env=environment(TMPDIR=str(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
