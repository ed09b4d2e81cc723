"""Names and titles from anywhere: none of them steers a terminal, a spreadsheet or a page."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from command_line import CommandLine

from anofpdm.core.errors import ModelError
from anofpdm.core.plain_text import markdown_cell, printable, table_cell
from anofpdm.evaluation.report import write_csv
from anofpdm.store.model_folder import file_sha256, open_model_folder
from anofpdm.store.weights_file import check_weights_file

STEERING = [
    "\x1b[2J\x1b[31m",
    "\x07",
    "\r",
    "\x9b31m",
    "\u202e",
    "\u2066",
    "\u200f",
    "\ufeff",
    "\u2028",
    "\x00",
    "\ud800",
]


@pytest.mark.parametrize("text", STEERING)
def test_is_made_visible(text: str) -> None:
    for make in (printable, table_cell, markdown_cell):
        made = make(f"a{text}b")
        assert made.isprintable() and made.startswith("a") and made.endswith("b"), make
    assert printable("Größe\t1\nβ = 0.5") == "Größe\t1\nβ = 0.5"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"])
def test_no_cell_is_a_formula(text: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["method", text], [[text, -0.5, None], ["AnoFPDM", 1, text]])
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as stream:
        header, first, second = csv.reader(stream)
    assert all(cell.startswith("'") for cell in (header[1], first[0], second[2]))
    assert first[1:] == ["-0.5", ""] and second[:2] == ["AnoFPDM", "1"]


def test_markup_stands_as_it_is() -> None:
    assert markdown_cell("a|b\n<script> *c* [d](e)") == r"a\|b \<script\> \*c\* \[d\](e)"
    assert markdown_cell("lgg_val.csv, w = 4") == "lgg_val.csv, w = 4"


def test_a_model_s_title_and_card(command: CommandLine, tiny_model: Path, user_data: Path) -> None:
    """Printed by `models list` and `models info`."""
    model = Path(shutil.copytree(tiny_model, user_data / "models" / "tiny"))
    config = json.loads((model / "config.json").read_text())
    config["title"] = config["licence"] = config["trained_on"] = "".join(STEERING[:-1]) + "title"
    (model / "config.json").write_text(json.dumps(config))
    (model / "MODEL_CARD.md").write_text("# Card\n" + "".join(STEERING[:-1]), encoding="utf-8")
    listed = json.loads((model / "checksums.json").read_text())
    listed |= {name: file_sha256(model / name) for name in ("config.json", "MODEL_CARD.md")}
    (model / "checksums.json").write_text(json.dumps(listed))
    for arguments in (("models", "list"), ("models", "info", "tiny")):
        outcome = command(*arguments)
        assert outcome.status == 0 and "title" in outcome.out
        assert outcome.out.replace("\n", "").isprintable(), ascii(outcome.out)


@pytest.mark.parametrize("key", ["a" * 5000, "\x1b[2J", "\u202e"])
def test_a_refusal_quotes_little_of_a_file(command: CommandLine, tiny_model: Path, tmp_path: Path, key: str) -> None:
    """Names of tensors and members of an archive may be anything."""
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    weights = (model / "weights.safetensors").read_bytes()
    length = int.from_bytes(weights[:8], "little")
    header = json.loads(weights[8 : 8 + length])
    header[key] = header.pop(max(header))
    text = json.dumps(header).encode()
    (model / "weights.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + weights[8 + length :])
    listed = json.loads((model / "checksums.json").read_text())
    listed["weights.safetensors"] = file_sha256(model / "weights.safetensors")
    (model / "checksums.json").write_text(json.dumps(listed))
    command.refuses("models", "verify", model, words="weights", folder=tmp_path)
    with pytest.raises(ModelError) as caught:
        check_weights_file(open_model_folder(model))
    assert len(str(caught.value)) < 400
