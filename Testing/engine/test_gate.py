"""The gate: measures held against a reference, and how sure a finding is."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from tiny_model import write_tiny_model

from anofpdm.core.errors import InputError, ModelError
from anofpdm.gate.assess import assess, group_distance, rule_sum
from anofpdm.gate.confidence import UNSEEN, confidence_of, excess, upper_share
from anofpdm.gate.fit import fit_group, fit_reference, fit_turning_rule
from anofpdm.gate.measures import measure
from anofpdm.gate.model_reference import load_reference, write_reference
from anofpdm.gate.opinion import GateOpinion
from anofpdm.gate.reference import GateReference, Span
from anofpdm.gate.seen_volume import SeenVolume
from anofpdm.store.model_folder import open_model_folder


def drawn_head(*, cortex: float = 1.2, fluid: float = 0.2, seed: int = 0) -> SeenVolume:
    """An egg of tissue that tapers upward, with a rim, a dark middle that lies low, and scalp around it."""
    rng = np.random.default_rng(seed)
    z, y, x = np.mgrid[0:20, 0:64, 0:64].astype(float)
    size = np.sqrt(np.clip(1 - ((z - 7) / 13) ** 2, 0, None)) * (1 + 0.05 * rng.standard_normal())
    far = np.hypot((y - 32) / 24, (x - 32) / 19)
    tissue = far < size
    values = np.where(far < size * 0.75, 1.0, cortex) * tissue
    values[(np.hypot((y - 32) / 6, (x - 32) / 4) < 1) & (np.abs(z - 6) < 4)] = fluid
    head = far < np.maximum(size * 1.2, 0.3)
    values[head & ~tissue] = 1.6
    values = np.clip(values + 0.03 * rng.standard_normal(values.shape), 0, None) * head
    return SeenVolume(values.astype(np.float32), head, tissue, 3.75, 7.0, (0.9, 0.9, 7.0), skull_stripped=False)


def turned(seen: SeenVolume) -> SeenVolume:
    """Upside down."""
    parts = {name: getattr(seen, name)[::-1].copy() for name in ("values", "head", "tissue")}
    return dataclasses.replace(seen, **parts)


@pytest.fixture(scope="module")
def reference() -> GateReference:
    known = [measure(drawn_head(cortex=1.1 + 0.01 * n, fluid=0.1 + 0.01 * n, seed=n), {}) for n in range(24)]
    others = {"t1": [[measure(drawn_head(cortex=0.7 + 0.01 * n, seed=100 + n), {}) for n in range(8)], []]}
    return fit_reference(known, others, source="drawn", calibration_sha256="", healthy=(0.0, 0.2, 1.0))


class TestStates:
    def test_a_head_as_in_the_calibration_is_green(self, reference: GateReference) -> None:
        opinion = assess(measure(drawn_head(cortex=1.22, fluid=0.2, seed=77), {}), reference)
        assert opinion.state == "green", [check for check in opinion.checks if check.state != "green"]
        assert opinion.healthy == (0.0, 0.2, 1.0)
        assert opinion.sentences == ["The image is like those that the model was calibrated on."]

    def test_another_sequence_is_recognised(self, reference: GateReference) -> None:
        opinion = assess(measure(drawn_head(cortex=0.72, seed=78), {}), reference)
        assert opinion.state == "red"
        assert any("T1-weighted" in sentence for sentence in opinion.sentences)

    def test_an_upside_down_head_is_recognised(self, reference: GateReference) -> None:
        seen = drawn_head(cortex=1.22, seed=79)
        opinion = assess(measure(turned(seen), {}), reference)
        assert opinion.state == "red"
        assert "The head seems to lie upside down; check the image's orientation." in opinion.sentences

    def test_an_image_without_brain_is_red(self, reference: GateReference) -> None:
        nothing = dataclasses.replace(drawn_head(), tissue=np.zeros((20, 64, 64), dtype=bool))
        opinion = assess(measure(nothing, {}), reference)
        assert opinion.state == "red" and "Hardly any brain" in opinion.sentences[0]

    def test_thick_slices_are_told_with_their_thickness(self, reference: GateReference) -> None:
        thick = dataclasses.replace(drawn_head(cortex=1.22), voxel_mm=(0.9, 0.9, 9.0))
        found = assess(measure(thick, {}), reference)
        assert "The slices are 9.0 mm thick, more than the model is used to; small findings may be missed." in (
            found.sentences
        )
        assert found.state == "amber"

    def test_the_methods_own_figures_count_only_with_their_calibration(self) -> None:
        known = [measure(drawn_head(seed=n), {"error": 1 + 0.01 * n}) for n in range(20)]
        made = fit_reference(known, {}, source="drawn", calibration_sha256="", healthy=(1.0,))
        strange = measure(drawn_head(seed=50), {"error": 9.0})
        assert {check.name: check.state for check in assess(strange, made).checks}["own"] == "amber"
        other = assess(strange, made, own_counts=False)
        assert "own" not in [check.name for check in other.checks] and other.healthy == ()

    def test_what_is_turned_has_the_opposite_sum(self, reference: GateReference) -> None:
        rule = next(each for each in reference.rules if each.name == "upright")
        seen = drawn_head(seed=5)
        up, down = (rule_sum(rule, measure(each, {})) for each in (seen, turned(seen)))
        assert up is not None and down is not None
        assert up == pytest.approx(-down, rel=0.05) and up > rule.sure > rule.foreign > down


def test_front_and_back_must_be_surely_exchanged_for_red() -> None:
    """Healthy heads were seen whose front could not be told from their back; which way is up always can."""
    spread = 1 + 0.3 * np.random.default_rng(2).standard_normal((30, 2))
    known = [{"front.a": float(front), "upright.a": float(up)} for front, up in spread]
    made = GateReference("", 30, (), tuple(fit_turning_rule(name, known) for name in ("front", "upright")), ())
    states = {}
    for share in (1.0, -0.1, -1.0):
        found = assess({"contrast.a": 0.0, "front.a": share, "upright.a": share}, made)
        states[share] = [check.state for check in found.checks]
    assert states == {1.0: ["green", "green"], -0.1: ["amber", "red"], -1.0: ["red", "red"]}


def test_a_group_stands_for_the_spread_that_it_saw() -> None:
    rng = np.random.default_rng(1)
    known = [{"anatomy.a": float(a), "anatomy.b": float(a + 0.1 * b)} for a, b in rng.standard_normal((300, 2))]
    group = fit_group("anatomy", known)
    inside = group_distance(group, {"anatomy.a": 1.0, "anatomy.b": 1.0})
    against = group_distance(group, {"anatomy.a": 1.0, "anatomy.b": -1.0})
    assert inside is not None and against is not None and against > 2 * inside
    assert group_distance(group, {}) is None


def test_too_few_volumes_are_refused() -> None:
    with pytest.raises(InputError, match="20 are needed"):
        fit_reference([{}] * 5, {}, source="", calibration_sha256="", healthy=())
    with pytest.raises(InputError, match="whole heads"):
        fit_turning_rule("upright", [{"upright.a": 1.0}])


class TestConfidence:
    def test_it_is_the_share_of_healthy_heads_without_such_a_region(self) -> None:
        healthy = [0.0] * 150 + [1 / UNSEEN] * 40 + [5 / UNSEEN] * 10
        found = [confidence_of(strength, healthy) for strength in (0.0, 0.5, 2.0, 9.0)]
        assert found == sorted(found) and found[0] == 0
        assert 0.7 < found[1] < 0.75 < 0.9 < found[2] < 0.95 < 0.98 < found[3] < 1

    def test_few_heads_make_nobody_sure(self) -> None:
        assert confidence_of(3.0, [0.0] * 5) == pytest.approx(1 - (1 - 0.1 ** (1 / 5)), abs=1e-6)
        assert confidence_of(3.0, []) is None

    def test_the_upper_share_is_clopper_and_pearsons(self) -> None:
        assert upper_share(0, 20, 0.95) == pytest.approx(1 - 0.05 ** (1 / 20), abs=1e-9)
        share = upper_share(2, 30, 0.95)
        assert sum(math.comb(30, k) * share**k * (1 - share) ** (30 - k) for k in range(3)) == pytest.approx(0.05)
        assert upper_share(4, 4, 0.95) == 1

    def test_only_what_is_beyond_the_border_counts(self) -> None:
        np.testing.assert_allclose(excess(np.array([0.4, 1.0, 2.5])), [0, 0, 1.5])


class TestInTheModel:
    def test_it_is_kept_beside_the_methods_calibration(self, tmp_path: Path, reference: GateReference) -> None:
        folder = write_tiny_model(tmp_path / "tiny")
        before = (folder.path / "calibration.json").read_text() if folder.calibration else "{}"
        written = write_reference(folder, reference)
        assert load_reference(open_model_folder(folder.path).calibration) == reference
        text = written.calibration.read_text()
        assert all(f'"{name}"' in text for name in ("gate", *(["calibrations"] if "calibrations" in before else [])))

    def test_a_damaged_one_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "calibration.json"
        path.write_text('{"gate": {"groups": 3}}')
        with pytest.raises(ModelError, match="gate"):
            load_reference(path)
        path.write_text('{"schema": 1}')
        assert load_reference(path) is None and load_reference(None) is None


def test_the_worst_is_said_first() -> None:
    spans = tuple(Span(name, "acquisition.slice_mm", 0, high, 1.0, red=True) for name, high in (("a", 6.5), ("b", 1.0)))
    opinion = assess(measure(drawn_head(), {}), GateReference("", 1, (), (), spans))
    assert [check.state for check in opinion.checks] == ["amber", "red"] and opinion.state == "red"
    assert opinion.sentences[0].startswith("The check 'b' is far outside")
    assert GateOpinion("green", ()).sentences
