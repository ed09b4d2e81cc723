"""Memory that runs out and processors that do not work: the run goes on and gives the same result."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from command_line import CommandLine
from torch import Tensor

from anofpdm.core import device as devices
from anofpdm.core.device import ChosenDevice, choose_device, confirm_device
from anofpdm.core.errors import ModelError, ResourceError, SettingsError
from anofpdm.core.failures import OUT_OF_MEMORY, describe_failure
from anofpdm.core.out_of_memory import is_out_of_memory
from anofpdm.core.progress import Progress
from anofpdm.detect.detector import Detector, DetectorOptions
from anofpdm.diffusion.denoisers import NetworkPredictor
from anofpdm.methods.anofpdm import ready_network
from anofpdm.methods.anofpdm.calibration import load_calibrations
from anofpdm.methods.anofpdm.evidence import Evidence
from anofpdm.methods.anofpdm.runner import AnoFPDMRunner
from anofpdm.store.model_folder import open_model_folder
from anofpdm.store.network_weights import load_network

NO_MEMORY: list[Callable[[], Exception]] = [
    lambda: torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
    lambda: RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 99 bytes"),
    lambda: RuntimeError("MPS backend out of memory"),
    lambda: RuntimeError("could not create a primitive"),
    lambda: MemoryError(),
]


@dataclass
class Scarce:
    """A predictor on a processor that can hold so many slices and no more."""

    predictor: NetworkPredictor
    most: int
    error: Callable[[], Exception]
    from_call: int = 0
    """Memory becomes scarce at this call only."""
    sizes: list[int] = field(default_factory=list)

    def for_slices(self, level: Tensor | None) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        bound = self.predictor.for_slices(level)
        slices = 0

        def predict(x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
            nonlocal slices
            # The first call shows the batch alone, later ones two copies of it.
            slices = slices or len(x_t)
            self.sizes.append(len(x_t))
            if min(slices, len(x_t)) > self.most and len(self.sizes) > self.from_call:
                raise self.error()
            return bound(x_t, t, label)

        return predict


def _double(value: object) -> object:
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


class Precise(torch.nn.Module):
    """A network computed in float64: convolutions in float32 round differently for every size of batch."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network.double()
        for module in network.modules():
            # What the network makes itself, such as the embedding of t, is float32.
            module.register_forward_pre_hook(lambda module, inputs: tuple(map(_double, inputs)))

    def forward(self, x: Tensor, t: Tensor, label: Tensor, level: Tensor | None) -> Tensor:
        return self.network(x.double(), t, label, level)


@pytest.fixture(scope="module")
def predictor(tiny_model: Path) -> NetworkPredictor:
    return NetworkPredictor(Precise(load_network(open_model_folder(tiny_model))), "float32")


def detector(model: Path, predictor: object, notices: list[str] | None = None) -> Detector:
    folder = open_model_folder(model)
    assert folder.calibration is not None
    runner = AnoFPDMRunner(
        folder.config,
        predictor,  # type: ignore[arg-type]
        ChosenDevice(torch.device("cpu"), "CPU"),
        weights_sha256=folder.weights_sha256,
        calibrations=load_calibrations(folder.calibration),
    )
    return Detector("anofpdm", runner, notice=None if notices is None else notices.append)


@pytest.fixture(scope="module")
def one_by_one(tiny_model: Path, predictor: NetworkPredictor, head_image: sitk.Image) -> Evidence:
    """The evidence computed slice by slice."""
    return detector(tiny_model, predictor).examine(head_image, DetectorOptions(batch_size=1)).evidence


def check_same(found: Evidence, expected: Evidence) -> None:
    """Maps and scalars agree to 1e-5 of their maximum, for every guidance strength."""
    for w in (0.0, 1.0, 8.0):
        assert np.array_equal(found.end(w), expected.end(w))
        for name in ("aam", "last_sam", "healthy_prediction", "divergence", "mse_healthy"):
            a, b = getattr(found, name)(w), getattr(expected, name)(w)
            assert float(np.abs(a - b).max()) <= 1e-5 * float(np.abs(b).max()), (name, w)


class TestOutOfMemory:
    """Memory runs out during the run"""

    @pytest.mark.parametrize("error", NO_MEMORY, ids=["cuda", "cpu", "mps", "onednn", "python"])
    def test_batches_are_halved(
        self,
        tiny_model: Path,
        predictor: NetworkPredictor,
        head_image: sitk.Image,
        one_by_one: Evidence,
        error: Callable[[], Exception],
    ) -> None:
        notices: list[str] = []
        scarce = Scarce(predictor, 2, error)
        case = detector(tiny_model, scarce, notices).examine(head_image, DetectorOptions(batch_size=16))
        assert notices == [f"Memory ran out; going on with batches of {size} slice(s)." for size in (8, 4, 2)]
        assert case.run.batch_size == 2
        check_same(case.evidence, one_by_one)

    def test_in_the_middle_progress_does_not_go_back(
        self,
        tiny_model: Path,
        predictor: NetworkPredictor,
        head_image: sitk.Image,
        one_by_one: Evidence,
    ) -> None:
        reports: list[Progress] = []
        scarce = Scarce(predictor, 2, NO_MEMORY[0], from_call=6)
        case = detector(tiny_model, scarce).examine(
            head_image, DetectorOptions(batch_size=8), on_progress=reports.append
        )
        done = [report.slices_done for report in reports]
        assert done == sorted(done) and done[-1] == 12
        assert case.run.batch_size == 2
        check_same(case.evidence, one_by_one)

    def test_not_even_one_slice_fits(
        self, tiny_model: Path, predictor: NetworkPredictor, head_image: sitk.Image
    ) -> None:
        with pytest.raises(ResourceError, match="even for a single slice"):
            detector(tiny_model, Scarce(predictor, 0, NO_MEMORY[0])).examine(head_image)

    def test_another_error_is_not_taken_for_it(
        self, tiny_model: Path, predictor: NetworkPredictor, head_image: sitk.Image
    ) -> None:
        with pytest.raises(RuntimeError, match="shape"):
            detector(tiny_model, Scarce(predictor, 0, lambda: RuntimeError("shape"))).examine(head_image)

    def test_said_by_the_command_line(
        self, command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        call = NetworkPredictor.__call__

        def scarce(self: NetworkPredictor, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
            if len(x_t) > most:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return call(self, x_t, t, label)

        monkeypatch.setattr(NetworkPredictor, "__call__", scarce)
        arguments = ("detect", head_file, "--model", tiny_model, "--output", tmp_path / "o", "--progress", "none")
        most = 0
        command.refuses(*arguments, words="Memory ran out on cpu even for a single slice", folder=tmp_path)
        most = 4
        outcome = command(*arguments)
        assert outcome.status == 0 and "going on with batches of 2 slice(s)" in outcome.err


class TestBatchSize:
    """The number of slices computed at a time"""

    @pytest.mark.parametrize("size", [2, 3, 12, 64])
    def test_does_not_change_the_evidence(
        self,
        tiny_model: Path,
        predictor: NetworkPredictor,
        head_image: sitk.Image,
        one_by_one: Evidence,
        size: int,
    ) -> None:
        case = detector(tiny_model, predictor).examine(head_image, DetectorOptions(batch_size=size))
        check_same(case.evidence, one_by_one)


class TestPredictionsThatAreNotFinite:
    """A network that gives NaN must not pass for one that finds nothing"""

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_is_an_error(self, tiny_model: Path, head_image: sitk.Image, value: float) -> None:
        class Broken:
            def for_slices(self, level: Tensor | None) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
                return lambda x_t, t, label: torch.full_like(x_t, value)

        with pytest.raises(ModelError, match="not finite numbers on CPU in float32"):
            detector(tiny_model, Broken()).examine(head_image)


class TestDeviceFallback:
    """A graphics processor that is there but cannot compute"""

    @pytest.fixture
    def broken_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def probe(device: torch.device) -> None:
            raise RuntimeError("CUDA error: no kernel image is available\nfor execution on the device")

        monkeypatch.setattr(devices, "_present", lambda kind: kind == "cuda")
        monkeypatch.setattr(devices, "_count", lambda kind: 2)
        monkeypatch.setattr(devices, "_probe", probe)

    @pytest.mark.usefixtures("broken_gpu")
    @pytest.mark.parametrize("wanted", ["auto", "cuda", "cuda:1"])
    def test_the_cpu_is_used_and_it_is_said(self, wanted: str) -> None:
        chosen = choose_device(wanted)
        assert chosen.device == torch.device("cpu")
        assert "no kernel image is available" in chosen.warning and "\n" not in chosen.warning
        assert chosen.warning.endswith("the CPU is used instead.")

    @pytest.mark.usefixtures("broken_gpu")
    def test_number_beyond_those_present(self) -> None:
        with pytest.raises(SettingsError, match="2 'cuda' device"):
            choose_device("cuda:2")

    @pytest.mark.usefixtures("broken_gpu")
    def test_cpu_asked_for_needs_no_warning(self) -> None:
        assert choose_device("cpu").warning == ""

    def test_wrong_results_count_as_broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(devices, "_present", lambda kind: kind == "mps")
        monkeypatch.setattr(devices.torch, "device", lambda name: torch.ones(1).device)
        monkeypatch.setattr(torch.nn.functional, "conv2d", lambda *arguments, **options: torch.zeros(1))
        assert "wrong result" in choose_device("auto").warning

    @pytest.mark.usefixtures("broken_gpu")
    def test_the_command_line_and_the_findings_say_it(
        self, command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path
    ) -> None:
        call = ("detect", head_file, "--model", tiny_model, "--output", tmp_path / "o", "--progress", "none")
        outcome = command(*call)
        assert outcome.status == 0 and outcome.err.count("the CPU is used instead.") == 1
        assert "the CPU is used instead." not in outcome.out
        findings = json.loads((tmp_path / "o" / "findings.json").read_text())
        assert any("no kernel image" in warning for warning in findings["warnings"])
        assert findings["device"] == "CPU"


class TestNetworkOnTheDevice:
    """A device that passes the small test and fails at the network"""

    GPU = ChosenDevice(torch.device("cuda", 1), "Some GPU")

    def test_that_runs_is_kept(self) -> None:
        assert confirm_device(self.GPU, lambda: None) is self.GPU

    @pytest.mark.parametrize(
        "error",
        [
            RuntimeError("CUDA error: no kernel image is available\nfor execution on the device"),
            NotImplementedError("The operator 'aten::_scaled_dot_product' is not implemented for this device"),
        ],
    )
    def test_that_fails_gives_way_to_the_cpu(self, error: Exception) -> None:
        chosen = confirm_device(self.GPU, _raises(error))
        assert chosen.device == torch.device("cpu") and chosen.name == "CPU"
        assert chosen.warning.startswith("The device 'cuda:1' is present but cannot run this network (")
        assert chosen.warning.endswith("; the CPU is used instead.") and "\n" not in chosen.warning

    @pytest.mark.parametrize("error", NO_MEMORY[:3], ids=["cuda", "cpu", "mps"])
    def test_that_is_full_is_kept(self, error: Callable[[], Exception]) -> None:
        assert confirm_device(self.GPU, _raises(error())) is self.GPU

    def test_a_defect_is_not_hidden(self) -> None:
        with pytest.raises(KeyError):
            confirm_device(self.GPU, _raises(KeyError("x")))

    def test_the_detector_evaluates_its_network_there(
        self, tiny_model: Path, head_image: sitk.Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The meta device holds the weights and computes nothing."""
        nowhere = ChosenDevice(torch.device("meta"), "Nowhere")
        monkeypatch.setattr(ready_network, "choose_device", lambda wanted: nowhere)
        notices: list[str] = []
        fallen_back = Detector.from_model(tiny_model, notice=notices.append)
        assert "present but cannot run" in fallen_back.device_warning
        assert len(notices) == 1 and "The device 'meta' is present but cannot run this network" in notices[0]
        found = fallen_back.examine(head_image).evidence
        monkeypatch.undo()
        check_same(found, Detector.from_model(tiny_model, device="cpu").examine(head_image).evidence)


def _raises(error: Exception) -> Callable[[], object]:
    def evaluate() -> object:
        raise error

    return evaluate


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        *((make(), True) for make in NO_MEMORY),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:116] DefaultCPUAllocator: not enough memory: 9 bytes"), True),
        (RuntimeError("Exception thrown in SimpleITK: Failed to allocate memory for image."), True),
        (RuntimeError("std::bad_alloc"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (RuntimeError("CUDNN_STATUS_NOT_SUPPORTED"), False),
        (RuntimeError("shape mismatch"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_exhausted_memory_is_recognised_alike(error: Exception, expected: bool) -> None:
    """By the batches that are halved and by the sentence that ends a run."""
    assert is_out_of_memory(error) == expected
    assert (describe_failure(error)[1] == OUT_OF_MEMORY) == expected
