"""Every option of `anofpdm detect` with values that it cannot take: one sentence each, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import DetectCalls

HUGE = "9" * 40


@pytest.fixture
def refused(detect: DetectCalls, head_file: Path):
    """Detect in a good head with some options; they are to blame."""

    def check(*options: str, words: str) -> None:
        detect.refuses(head_file, *options, words=words)

    return check


class TestGuidance:
    """--guidance"""

    @pytest.mark.parametrize("value", ["", "x", "1,5", "0x1", "two"])
    def test_not_a_number(self, refused, value: str) -> None:
        refused(f"--guidance={value}", words="--guidance takes a number, not")

    @pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
    def test_not_finite(self, refused, value: str) -> None:
        refused(f"--guidance={value}", words="--guidance takes a finite number")

    @pytest.mark.parametrize("value", ["-1", "-1e-9", "1000.1", "1e30"])
    def test_out_of_range(self, refused, value: str) -> None:
        refused(f"--guidance={value}", words="between 0 and 1000")

    @pytest.mark.parametrize("value", ["8.001", "9", "1000"])
    def test_beyond_the_calibration(self, refused, value: str) -> None:
        refused("--guidance", value, words="covers guidance strengths 0 to 8, not")

    def test_beyond_the_calibration_with_a_threshold_but_gated(self, refused) -> None:
        refused("--guidance", "9", "--threshold", "value=1", words="with --ungated")


class TestThreshold:
    """--threshold"""

    @pytest.mark.parametrize(
        "value", ["", "otsu", "quantile", "quantile=", "value=x", "value=1;2", "=1", "0.9", "Dynamic"]
    )
    def test_unknown(self, refused, value: str) -> None:
        refused(f"--threshold={value}", words="not one of dynamic, healthy")

    @pytest.mark.parametrize("value", ["0", "1", "-0.5", "2", "98", "nan", "inf", "1e99"])
    def test_quantile_out_of_range(self, refused, value: str) -> None:
        refused(f"--threshold=quantile={value}", words="between 0 and 1")

    @pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e999"])
    def test_value_not_positive(self, refused, value: str) -> None:
        refused(f"--threshold=value={value}", words="must be positive")


class TestDecision:
    """--decision and --decision-threshold"""

    @pytest.mark.parametrize("value", ["", "both", "MAP", "none"])
    def test_unknown(self, refused, value: str) -> None:
        refused(f"--decision={value}", words="--decision: invalid choice")

    @pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
    def test_limit_not_finite(self, refused, value: str) -> None:
        refused(f"--decision-threshold={value}", words="--decision-threshold takes a finite number")

    @pytest.mark.parametrize("value", ["", "x"])
    def test_limit_not_a_number(self, refused, value: str) -> None:
        refused(f"--decision-threshold={value}", words="--decision-threshold takes a number, not")


class TestScaling:
    """--scaling"""

    @pytest.mark.parametrize("value", ["", ",", "1,", "x", "1;2", "1 2"])
    def test_not_numbers(self, refused, value: str) -> None:
        refused(f"--scaling={value}", words="--scaling takes numbers separated by commas")

    @pytest.mark.parametrize("value", ["nan", "inf", "1,nan"])
    def test_not_finite(self, refused, value: str) -> None:
        refused(f"--scaling={value}", words="--scaling takes a finite number")

    @pytest.mark.parametrize("value", ["0", "-1", "1,0"])
    def test_not_positive(self, refused, value: str) -> None:
        refused(f"--scaling={value}", words="must be positive")

    @pytest.mark.parametrize("value", ["1,1", "1,2,3,4"])
    def test_wrong_count(self, refused, value: str) -> None:
        refused(f"--scaling={value}", words="needs 1 value")


class TestMinimumSize:
    """--min-size"""

    @pytest.mark.parametrize(
        "value", ["", "x", "40", "px", "-1px", "-5mm3", "nanpx", "infmm3", "1e99mm3", "40 cm3", "1..2px"]
    )
    def test_unknown_form(self, refused, value: str) -> None:
        refused(f"--min-size={value}", words="not of the form 40px")

    def test_parts_of_pixels(self, refused) -> None:
        refused("--min-size", "1.5px", words="whole number")


class TestRegion:
    """--region"""

    @pytest.mark.parametrize("value", ["", "brain", "FRAME"])
    def test_unknown(self, refused, value: str) -> None:
        refused(f"--region={value}", words="--region: invalid choice")


class TestSteps:
    """--steps"""

    @pytest.mark.parametrize("value", ["", "x", "3.5", "1e2", "nan", "inf"])
    def test_not_whole(self, refused, value: str) -> None:
        refused(f"--steps={value}", words="--steps takes a whole number, not")

    @pytest.mark.parametrize("value", ["-1", "0", "1", "-" + HUGE])
    def test_too_few(self, refused, value: str) -> None:
        refused(f"--steps={value}", words="at least 2 steps")

    @pytest.mark.parametrize("value", ["301", "1000", HUGE])
    def test_more_than_the_range_holds(self, refused, value: str) -> None:
        refused(f"--steps={value}", words=r"do not fit into the range 1\.\.300")


class TestRange:
    """--range"""

    @pytest.mark.parametrize("value", ["", "5", "1-300", "1..2..3", "1,300"])
    def test_unknown_form(self, refused, value: str) -> None:
        refused(f"--range={value}", words="--range takes two noise levels")

    @pytest.mark.parametrize("value", ["..", "a..b", "1..", "..300", "1.5..3", "nan..inf", "1e0..3e2"])
    def test_not_whole(self, refused, value: str) -> None:
        refused(f"--range={value}", words="--range takes whole numbers")

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ("0..300", "must start at 1"),
            ("-5..300", "must start at 1"),
            ("300..1", "must end after it starts"),
            ("5..5", "must end after it starts"),
            ("1..2", "3 steps do not fit"),
            ("1..1001", "beyond the model's 1000"),
            (f"1..{HUGE}", "beyond the model's 1000"),
        ],
    )
    def test_out_of_range(self, refused, value: str, words: str) -> None:
        refused(f"--range={value}", words=words)

    def test_range_and_steps_that_do_not_fit_each_other(self, refused) -> None:
        refused("--range", "10..12", "--steps", "4", words=r"4 steps do not fit into the range 10\.\.12")


class TestEndStep:
    """--end-step"""

    @pytest.mark.parametrize("value", ["", "x", "1.5", "nan", "Dynamic"])
    def test_not_whole(self, refused, value: str) -> None:
        refused(f"--end-step={value}", words="--end-step takes whole numbers")

    @pytest.mark.parametrize("value", ["0", "-1", "4", HUGE])
    def test_out_of_range(self, refused, value: str) -> None:
        refused(f"--end-step={value}", words="end step must lie between 1 and 3")

    def test_within_the_model_but_not_the_steps_asked_for(self, refused) -> None:
        refused("--steps", "2", "--end-step", "3", words="between 1 and 2")


class TestGuidanceBank:
    """--guidance-bank"""

    @pytest.mark.parametrize("value", ["", ",", "x", "1,,2", "0;2"])
    def test_not_numbers(self, refused, value: str) -> None:
        refused(f"--guidance-bank={value}", words="--guidance-bank takes numbers")

    @pytest.mark.parametrize("value", ["nan", "1,inf"])
    def test_not_finite(self, refused, value: str) -> None:
        refused(f"--guidance-bank={value}", words="--guidance-bank takes a finite number")

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ("-1,2", "between 0 and 1000"),
            ("1,2000", "between 0 and 1000"),
            ("2,1", "must rise"),
            ("1,1", "must rise"),
            (",".join(str(i) for i in range(101)), "at most 100"),
        ],
    )
    def test_out_of_range(self, refused, value: str, words: str) -> None:
        refused(f"--guidance-bank={value}", words=words)

    def test_strength_that_is_not_in_the_bank(self, refused) -> None:
        options = ("--guidance-bank", "0,2", "--guidance", "1", "--threshold", "value=1", "--ungated")
        refused(*options, words="only the guidance strengths 0, 2 are computed")

    def test_bank_without_a_calibration_for_it(self, refused) -> None:
        refused("--guidance-bank", "0,2", words="no calibration for this forward process")


class TestForwardProcess:
    """--encoding, --mode, --precision"""

    @pytest.mark.parametrize("option", ["--encoding", "--mode", "--precision"])
    @pytest.mark.parametrize("value", ["", "x", "DDIM"])
    def test_unknown(self, refused, option: str, value: str) -> None:
        refused(f"{option}={value}", words=f"{option}: invalid choice")

    @pytest.mark.parametrize("options", [("--encoding", "ddpm"), ("--mode", "reference")])
    def test_nothing_is_calibrated_for_it(self, refused, options: tuple[str, str]) -> None:
        refused(*options, words="no calibration for this forward process; calibrate it, or give --guidance W")

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ((), "give --threshold"),
            (("--threshold", "healthy"), "give --threshold"),
            (("--threshold", "dynamic", "--ungated"), "give --scaling M"),
            (("--threshold", "value=1"), "give --ungated"),
            (("--threshold", "value=1", "--decision", "map"), "the map decision cannot be made"),
        ],
    )
    def test_what_the_calibration_would_have_given(self, refused, options: tuple[str, ...], words: str) -> None:
        refused("--encoding", "ddpm", "--guidance", "1", *options, words=words)


class TestDevice:
    """--device"""

    @pytest.mark.parametrize(
        "value", ["", "tpu", "CUDA", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "mps:0", "auto:1", "cuda:12345", "cuda:٣"]
    )
    def test_unknown(self, refused, value: str) -> None:
        refused(f"--device={value}", words="is not known; choose one of auto, cpu, cuda, mps")

    def test_a_device_that_is_not_there(self, refused) -> None:
        import torch

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        refused(f"--device=cuda:{count}", words="This machine has")


class TestSeed:
    """--seed"""

    @pytest.mark.parametrize("value", ["", "x", "1.5", "nan"])
    def test_not_whole(self, refused, value: str) -> None:
        refused(f"--seed={value}", words="--seed takes a whole number, not")

    @pytest.mark.parametrize("value", ["-1", str(2**63), HUGE])
    def test_out_of_range(self, refused, value: str) -> None:
        refused(f"--seed={value}", words="seed must lie between 0 and")


class TestBatchSize:
    """--batch-size"""

    @pytest.mark.parametrize("value", ["", "x", "1.5", "nan", "AUTO"])
    def test_not_whole(self, refused, value: str) -> None:
        refused(f"--batch-size={value}", words="--batch-size takes a whole number or auto")

    @pytest.mark.parametrize("value", ["0", "-1", "4097", HUGE])
    def test_out_of_range(self, refused, value: str) -> None:
        refused(f"--batch-size={value}", words="batch size must lie between 1 and 4096")


class TestCall:
    """The call as a whole"""

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ((), "required: COMMAND"),
            (("",), "invalid choice"),
            (("segment",), "invalid choice: 'segment'"),
            (("detect",), "required: -o/--output"),
            (("detect", "--output"), "expected one argument"),
            (("detect", "--output", "out"), "Name the volume to examine"),
            (("detect", "head.nii", "--output", ""), "--output is empty"),
            (("detect", "", "--output", "out"), "INPUT is empty"),
            (("detect", "head.nii", "--cases", "a.csv", "--output", "out"), "not several of them"),
            (("detect", "head.nii", "--output", "out", "--bogus"), "unrecognized arguments"),
            (("detect", "head.nii", "--output", "out", "--bogus\nline"), "unrecognized arguments"),
            (("detect", "head.nii", "--output", "out", "--progress", "loud"), "--progress: invalid choice"),
            (("adjust",), "required: DIR"),
            (("adjust", "out", "--output", " "), "--output is empty"),
            (("adjust", "out", "--guidance", "x"), "--guidance takes a number, not 'x'"),
            (("adjust", "out", "--steps", "3"), "unrecognized arguments"),
            (("compare", "out"), "required: DIR"),
            (("models",), "required: ACTION"),
            (("models", "remove"), "required: NAME"),
            (("models", "paint"), "invalid choice"),
        ],
    )
    def test_that_cannot_be_understood(
        self, command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        command.refuses(*arguments, words=words, folder=tmp_path)
