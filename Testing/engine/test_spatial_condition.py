"""A network that is told where lesions are: none anywhere and unknown differ, and the paper's labels still suffice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from network_samples import SMALL, random_input, random_network
from torch import Tensor
from training_samples import MODEL, training_config

from anofpdm.core.errors import ModelError, SettingsError
from anofpdm.diffusion.denoisers import NetworkPredictor
from anofpdm.network.config import NULL_LABEL, NetworkConfig
from anofpdm.training.spatial_condition import spatial_condition

PLACED = dataclasses.replace(SMALL, patch=2, attention_px=(4,), spatial_condition=True)
PATCHED = dataclasses.replace(PLACED, spatial_condition=False)


def predict(network: torch.nn.Module, *arguments: Tensor | None) -> Tensor:
    with torch.inference_mode():
        return network(*arguments)  # type: ignore[no-any-return]


def amounts(value: float) -> Tensor:
    return torch.full((1, 1, 16, 16), value)


def test_a_patch_of_pixels_enters_and_leaves_as_one_place() -> None:
    network = random_network(PATCHED)
    x, t = random_input(2, PATCHED)
    label = torch.tensor([0, -1])
    before = predict(network, x, t, label)
    assert before.shape == x.shape
    assert network.input_blocks[0][0].in_channels == 4 * PATCHED.in_channels
    with pytest.raises(ValueError, match="sides that are multiples of 4"):
        predict(network, x[:, :, :14, :14], t, label)


@pytest.mark.parametrize("label", [0, NULL_LABEL])
def test_none_anywhere_is_something_else_than_unknown(label: int) -> None:
    network = random_network(PLACED)
    x, t = random_input(1, PLACED)
    told = torch.tensor([label])
    none, unknown, some = (predict(network, x, t, told, None, amounts(v)) for v in (0.0, torch.nan, 0.5))
    for one, other in ((none, unknown), (none, some), (unknown, some)):
        assert float((one - other).abs().max()) > 1e-3
    # Without a condition, the label says it.
    alone = predict(network, x, t, told)
    assert torch.equal(alone, none if label == 0 else unknown)


def test_a_condition_of_another_shape_is_refused() -> None:
    x, t = random_input(2, PLACED)
    with pytest.raises(ValueError, match="condition of slices"):
        predict(random_network(PLACED), x, t, torch.tensor([0, 0]), None, amounts(0.0))


def test_a_lesion_in_one_place_acts_there() -> None:
    network = random_network(dataclasses.replace(PLACED, channel_multipliers=(1,), attention_px=()))
    x, t = random_input(1, PLACED)
    label = torch.tensor([0])
    place = amounts(0.0)
    place[..., 12:, 12:] = 1
    changed = (predict(network, x, t, label, None, place) - predict(network, x, t, label)).abs().amax(dim=(0, 1))
    assert float(changed[12:, 12:].mean()) > 5 * float(changed[:2, :2].mean())


def test_both_labels_in_one_pass_are_told_apart_in_either_precision() -> None:
    x, t = random_input(2, PLACED)
    label = torch.tensor([0, NULL_LABEL])
    network = random_network(PLACED)
    alone = torch.cat([predict(network, x[k : k + 1], t[k : k + 1], label[k : k + 1]) for k in (0, 1)])
    for precision, tolerance in (("float32", 1e-4), ("bfloat16", 0.2)):
        predictor = NetworkPredictor.prepared(random_network(PLACED), precision)
        with torch.inference_mode():
            torch.testing.assert_close(predictor(x, t, label), alone, rtol=0, atol=tolerance)


def test_only_slices_free_of_lesions_are_zero_everywhere() -> None:
    lesion = torch.zeros(4, 16, 16)
    lesion[1, 4, 5] = 1
    lesion[2] = torch.nan
    told = spatial_condition(lesion, 4, torch.tensor([False, False, False, True]))
    assert told.shape == (4, 1, 16, 16)
    assert (told[0] == 0).all()
    # One pixel of sixteen: a quarter at the middle of its square, blended with the squares around.
    assert 0.15 < float(told[1].max()) <= 0.25 and float(told[1, 0, 12:, 12:].max()) == 0
    assert told[2:].isnan().all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"condition_dropout": 0.0}, "condition_dropout must be above 0"),
        ({"condition_cell_px": 5}, "condition_cell_px must divide"),
        ({"rendered": {"share": 0.5}}, "set model.preprocessing.tissue_units"),
        ({"rendered": {"share": 1.0}}, "rendered.share must be below 1"),
        ({"rendered": {"workers": -1}}, "rendered.workers must lie in"),
        ({"rendered": {"heads_a_step": 0.0}}, "rendered.heads_a_step must be above 0"),
        ({"rendered": {"priors": ()}}, "rendered.priors must not be empty"),
    ],
)
def test_a_configuration_that_cannot_teach_it_is_refused(changes: dict, words: str) -> None:
    from anofpdm.training.rendered_config import RenderedConfig

    model = dataclasses.replace(MODEL, network=dataclasses.replace(MODEL.network, spatial_condition=True))
    with pytest.raises(SettingsError, match=words):
        if "rendered" in changes:
            changes = {"rendered": RenderedConfig(**changes["rendered"])}
        training_config(**{"model": model, "condition_dropout": 0.3, **changes})


def test_the_healthy_label_goes_with_none_anywhere() -> None:
    network = dataclasses.replace(MODEL.network, spatial_condition=True)
    with pytest.raises(ModelError, match="healthy_label must be 0"):
        dataclasses.replace(MODEL, network=network, healthy_label=1, unhealthy_label=0)
    with pytest.raises(ModelError, match="multiple of 8"):
        NetworkConfig(image_size=12, channel_multipliers=(1, 1), patch=4, norm_groups=32)


def test_models_of_before_are_written_and_read_as_before() -> None:
    """What is new is left at values that change nothing."""
    config = NetworkConfig()
    assert (config.patch, config.spatial_condition) == (1, False)
    assert config.places == config.image_size and config.entering_channels == config.in_channels
    assert np.isclose(MODEL.preprocessing.percentile, 99.5) and MODEL.preprocessing.tissue_units is None
