"""What the student's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from layered_head import layered_head

from anofpdm.methods.student.config import StudentConfig
from anofpdm.synthetic.head_map import HeadMap
from anofpdm.synthetic.kept_maps import save_head_map
from anofpdm.synthetic.rendered_heads import RenderedHeads
from anofpdm.synthetic.renderer import RenderSettings

SMALL = RenderSettings(matrix=64, spacings_mm=(6.0,), slices=10, painted=1.0)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def head() -> HeadMap:
    return layered_head()


@pytest.fixture(scope="session")
def maps(head: HeadMap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maps")
    save_head_map(head, folder)
    return folder


@pytest.fixture
def heads(maps: Path) -> RenderedHeads:
    return RenderedHeads(maps, SMALL, ("flair",), (1.0,), 5)


@pytest.fixture
def config() -> StudentConfig:
    return StudentConfig(matrix=64, widths=(8, 12, 16))
