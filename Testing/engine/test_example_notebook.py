"""The example notebook: what it shows was made by its own cells, which run."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "Resources" / "notebook"
MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_notebook", FOLDER / "make_notebook.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    notebook = json.loads((FOLDER / "example.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    return list(notebook["cells"])


def test_it_is_small_and_holds_outputs_and_no_error(cells: list[dict[str, Any]]) -> None:
    assert (FOLDER / "example.ipynb").stat().st_size < MOST_BYTES
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
    assert all(cell["outputs"] for cell in code) and kinds == {"stream", "execute_result"}
    page = "".join(code[0]["outputs"][-1]["data"]["text/html"])
    assert "mL in total" in page and re.search(r'<img [^>]*src="data:image/jpeg;base64,', page)
    assert "http" not in page and "/home/" not in page and str(FOLDER) not in page


def test_its_cells_are_those_of_its_maker_and_run(maker: Any, cells: list[dict[str, Any]]) -> None:
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in cells] == list(maker.CELLS)
    with maker.working_in(FOLDER):
        found = maker.run_cells([text for kind, text in maker.CELLS if kind == "code"])
    kept = [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]
    assert [[each["output_type"] for each in outputs] for outputs in found] == [
        [each["output_type"] for each in outputs] for outputs in kept
    ]
    assert found[-1][0]["text"][0] == kept[-1][0]["text"][0] == "red\n"
    dice = [float(re.findall(r"Dice (\d\.\d+)", outputs[2][0]["text"][0])[0]) for outputs in (found, kept)]
    assert dice[0] == pytest.approx(dice[1], abs=0.02) and dice[0] > 0.8
