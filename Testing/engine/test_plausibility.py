"""Every warning fires for its reason, and none for an ordinary examination."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.network.config import NetworkConfig
from anofpdm.volumes.input_config import PreprocessingConfig
from anofpdm.volumes.plausibility import CaseFacts, input_warnings


def config(anatomy: Any = "whole_head") -> DiffusionConfig:
    return DiffusionConfig(
        name="sample",
        title="Sample",
        modalities=("flair",),
        used=("flair",),
        network=NetworkConfig(in_channels=1),
        preprocessing=PreprocessingConfig(anatomy=anatomy),
    )


def ordinary() -> CaseFacts:
    """30 slices of 5 mm, largest in the middle, air above; whole head."""
    areas = 25000 * np.sqrt(np.clip(1 - ((np.arange(30) - 12) / 15) ** 2, 0, 1))
    return CaseFacts(
        skull_stripped=False, head_areas_mm2=areas, slice_spacing_mm=5.0, acquired_slice_mm=5.0, cropped_share=0.0
    )


@pytest.mark.parametrize(
    ("anatomy", "stripped"),
    [("whole_head", False), ("skull_stripped", True), ("both", False), ("both", True)],
)
def test_ordinary_input_gives_no_warning(anatomy: str, stripped: bool) -> None:
    assert input_warnings(replace(ordinary(), skull_stripped=stripped), config(anatomy)) == []


@pytest.mark.parametrize(
    ("changes", "anatomy", "phrase"),
    [
        ({"skull_stripped": True}, "whole_head", "looks skull-stripped"),
        ({}, "skull_stripped", "remove the skull first"),
        ({"inverted": ("flair",)}, "whole_head", "contrast seems inverted"),
        ({"head_areas_mm2": np.full(14, 20000.0)}, "whole_head", "Only 70 mm of the head"),
        ({"head_areas_mm2": ordinary().head_areas_mm2[:18]}, "whole_head", "top of the head is outside"),
        ({"acquired_slice_mm": 8.1}, "whole_head", "8.1 mm apart"),
        ({"cropped_share": 0.05}, "whole_head", "5% of the head lies beyond"),
    ],
)
def test_each_warning_fires_alone(changes: dict[str, Any], anatomy: str, phrase: str) -> None:
    warnings = input_warnings(replace(ordinary(), **changes), config(anatomy))
    assert len(warnings) == 1
    assert phrase in warnings[0]
    assert warnings[0].endswith(".")


@pytest.mark.parametrize(
    "changes",
    [
        {"head_areas_mm2": np.r_[np.full(16, 20000.0), 0, 0]},
        {"head_areas_mm2": ordinary().head_areas_mm2[4:]},  # begins in full head at the skull base
        {"acquired_slice_mm": 8.0},
        {"cropped_share": 0.03},
    ],
)
def test_at_the_limits_nothing_fires(changes: dict[str, Any]) -> None:
    assert input_warnings(replace(ordinary(), **changes), config()) == []


def test_several_at_once() -> None:
    facts = replace(ordinary(), skull_stripped=True, acquired_slice_mm=12.0, cropped_share=0.2)
    assert len(input_warnings(facts, config())) == 3


def test_no_head_at_all_is_not_this_modules_business() -> None:
    assert input_warnings(replace(ordinary(), head_areas_mm2=np.zeros(5)), config()) == []
