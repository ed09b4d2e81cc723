"""Checkpoints of the public code that cannot be imported: one sentence each, no model folder left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from command_line import CommandLine
from network_samples import random_network


class TestImportOfficial:
    """anofpdm models import-official"""

    @pytest.fixture
    def checkpoint(self, tmp_path: Path) -> Path:
        torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pt")
        return tmp_path / "other.pt"

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ((), "required: --modalities"),
            (("--modalities", ""), "--modalities takes names"),
            (("--modalities", "flair,,t2"), "--modalities takes names"),
            (("--modalities", "flair", "--use", ","), "--use takes names"),
            (("--modalities", "flair", "--image-size", "x"), "--image-size takes a whole number"),
            (("--modalities", "flair", "--healthy-label", "2"), "invalid choice"),
            (("--modalities", "flair", "--dtype", "int8"), "invalid choice"),
            (("--modalities", "flair"), "holds no network of the reference code"),
        ],
    )
    def test_is_refused(
        self, command: CommandLine, checkpoint: Path, tmp_path: Path, options: tuple[str, ...], words: str
    ) -> None:
        call = ("models", "import-official", checkpoint, "--output", tmp_path / "m", *options)
        command.refuses(*call, words=words, folder=tmp_path)

    @pytest.mark.parametrize("content", [b"", b"letters", b"PK\x03\x04" + b"\0" * 100, b"\x80\x02K\x01."])
    def test_no_checkpoint(self, command: CommandLine, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.pt").write_bytes(content)
        call = ("models", "import-official", tmp_path / "a.pt", "--output", tmp_path / "m", "--modalities", "flair")
        command.refuses(*call, words="is not a PyTorch checkpoint|holds no network", folder=tmp_path)

    def test_missing_checkpoint(self, command: CommandLine, tmp_path: Path) -> None:
        call = ("models", "import-official", tmp_path / "a.pt", "--output", tmp_path / "m", "--modalities", "flair")
        command.refuses(*call, words="does not exist", folder=tmp_path)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--modalities", "flair"), "takes 2 modalities but 1 were named"),
            (("--modalities", "flair,flair"), "must differ"),
            (("--modalities", "flair,t2", "--use", "t1"), "among the modalities"),
            (("--modalities", "flair,t2", "--image-size", "0"), "at least 8"),
            (("--modalities", "flair,t2", "--image-size", "-16"), "at least 8"),
            (("--modalities", "flair,t2", "--heads", "0"), "heads must be at least 1"),
            (("--modalities", "flair,t2", "--heads", "-4"), "heads must be at least 1"),
            (("--modalities", "flair,t2", "--field-of-view", "nan"), "between 10 and 2000"),
            (("--modalities", "flair,t2", "--field-of-view", "-5"), "between 10 and 2000"),
            (("--modalities", "flair,t2", "--name", "a/b"), "plain folder name"),
        ],
    )
    def test_a_network_with_wrong_options(
        self, command: CommandLine, tmp_path: Path, options: tuple[str, ...], words: str
    ) -> None:
        torch.save(random_network().state_dict(), tmp_path / "ema.pt")
        call = ("models", "import-official", tmp_path / "ema.pt", "--output", tmp_path / "m", *options)
        if "--image-size" not in options:
            call = (*call, "--image-size", "16")
        command.refuses(*call, words=words, folder=tmp_path)

    def test_the_folder_exists(self, command: CommandLine, tmp_path: Path) -> None:
        torch.save(random_network().state_dict(), tmp_path / "ema.pt")
        (tmp_path / "m").mkdir()
        call = ("models", "import-official", tmp_path / "ema.pt", "--output", tmp_path / "m", "--image-size", "16")
        command.refuses(*call, "--modalities", "flair,t2", words="exists already", folder=tmp_path)
