"""AnoFPDM and its variants, all from the evidence of one run of the network an operating point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from ...core.arrays import FloatArray
from ...core.errors import SettingsError
from ...evaluation.method_output import Cost, MethodInput, MethodOutput
from ...evaluation.slices import LabelledSlices
from ...thresholds.neighbours import neighbour_map
from ...thresholds.postprocessing import filtered_map
from ...thresholds.settings import MinimumSize, Threshold
from .calibrate import calibrate
from .calibration import Calibration, describe_point
from .calibration_run import GUIDANCE
from .evidence import Evidence, check_guidance
from .labelled import labelled_evidence
from .network_runs import NetworkRuns
from .operating_point import OperatingPoint
from .select import Selection, resolve, select
from .settings import SelectionSettings
from .variants import Variants

MADE_HERE = "made-here"


class AnoFPDM:
    """One operating point; calibrated by the model's own calibration, else on the tuning slices."""

    def __init__(
        self,
        runs: NetworkRuns,
        point: OperatingPoint,
        variants: Variants,
        calibrations: Sequence[Calibration] = (),
        *,
        name: str = "anofpdm",
    ) -> None:
        self.name = name
        self.point = point
        self._runs = runs
        self._variants = variants
        self._calibrations = calibrations

    def check(self, given: MethodInput) -> None:
        """Find out before the network runs whether what is asked for can be answered. Raises SettingsError."""
        calibration = self._calibrated()
        if not self._settings(0.0, calibration):
            raise SettingsError(
                "No variant is left to measure: the healthy threshold and averaged maps (--consistency volume) go with "
                "the aggregated map, averaged maps also with the map's decision and a calibration that holds them; ask "
                "for one more kind."
            )
        for w in self._variants.guidance or ():
            check_guidance(self.point, w)
            if calibration is not None:
                calibration.at(w)
            elif not self.point.clamp and not GUIDANCE[0] <= w <= GUIDANCE[-1]:
                raise SettingsError(
                    f"A calibration made here covers guidance strengths {GUIDANCE[0]:g} to {GUIDANCE[-1]:g}, not "
                    f"{w:g}; choose one inside, or calibrate the model with --guidance."
                )

    def outputs(self, given: MethodInput) -> Iterator[MethodOutput]:
        """One output a variant; the network runs once. Raises SettingsError for a strength out of reach."""
        evidence, cost = self._runs.evidence(given.measured, self.point, self.name)
        calibration = self.calibration(given, evidence)
        strengths = self._variants.guidance or (calibration.default_guidance,)
        for w in strengths:
            for settings in self._settings(w, calibration):
                yield self._output(given.measured, evidence, calibration, settings, cost)

    def _settings(self, w: float, calibration: Calibration | None) -> list[SelectionSettings]:
        """The variants asked for that there are with this calibration; None: one that is still to be made."""
        asked = self._variants
        found = []
        for kind, threshold, decision, consistency in product(
            asked.maps, asked.thresholds, asked.decisions, asked.consistencies
        ):
            # What is calibrated for the aggregated map holds for no other.
            if kind == "last" and (threshold == "healthy" or consistency == "volume"):
                continue
            if decision == "similarity" and consistency == "volume":
                continue
            if calibration is not None and not calibration.has(consistency):
                continue
            found.append(
                SelectionSettings(w, Threshold(threshold), decision, ungated=True, map=kind, consistency=consistency)
            )
        return found

    def calibration(self, given: MethodInput, measured: Evidence) -> Calibration:
        """The model's calibration for exactly this operating point, else one made from the tuning slices' labels."""
        found = self._calibrated()
        if found is not None:
            return found
        tuning = given.tuning
        evidence = measured
        if tuning is not given.measured:
            evidence, _ = self._runs.evidence(tuning, self.point, f"{self.name}, calibration")
        return calibrate(
            labelled_evidence(evidence, tuning),
            self.point.guidance_bank or GUIDANCE,
            weights_sha256=self._runs.weights_sha256,
            name=MADE_HERE,
            top_pixels=given.top_pixels,
            minimum_size_px=given.minimum_size_px,
        )

    def _calibrated(self) -> Calibration | None:
        """The model's calibration for exactly this operating point."""
        for calibration in self._calibrations:
            made = calibration.operating_point
            # With a clamp the bank may be another one, as long as there is one.
            same = (
                made.clamp == self.point.clamp and replace(made, guidance_bank=self.point.guidance_bank) == self.point
            )
            if calibration.weights_sha256 == self._runs.weights_sha256 and same:
                return calibration
        return None

    def _output(
        self,
        slices: LabelledSlices,
        evidence: Evidence,
        calibration: Calibration,
        settings: SelectionSettings,
        cost: Cost,
    ) -> MethodOutput:
        config = self._runs.config
        choices = resolve(
            self.point, len(config.used), settings, calibration, MinimumSize(pixels=config.minimum_size_px)
        )
        selection = select(evidence, slices.interior, choices, slices.runs)
        w = choices.guidance
        last = settings.map == "last"
        parameters = {
            "operating_point": describe_point(self.point),
            "calibration": _where_from(calibration),
            "guidance": w,
            "map": settings.map,
            "threshold": str(settings.threshold),
            "decision": settings.decision,
            "decision_threshold": choices.decision_threshold,
            "region": choices.region,
            "consistency": choices.consistency,
        }
        name = f"{self.name}, {self.point.steps} of {self.point.first}..{self.point.last}"
        name += ", mirrored too" if self.point.mirrored else ""
        name += f", {self.point.direction} only" if self.point.direction != "both" else ""
        name += f", w {w:g}"
        name += ", last SAM only" if last else ""
        name += ", neighbours averaged" if choices.consistency == "volume" else ""
        shown = filtered_map(evidence.last_sam(w) if last else evidence.aam(w))
        return MethodOutput(
            f"{name}, {settings.threshold} threshold, {settings.decision} decision",
            self.name,
            "image labels",
            parameters,
            neighbour_map(shown, slices.runs) if choices.consistency == "volume" else shown,
            (selection.score >= 1) & selection.accepted,
            _image_score(selection, settings),
            selection.unhealthy,
            cost,
            None if calibration.name == MADE_HERE else calibration,
        )


def _image_score(selection: Selection, settings: SelectionSettings) -> FloatArray:
    return selection.map_statistic if settings.decision == "map" else -selection.similarity


def _where_from(calibration: Calibration) -> str:
    if calibration.name == MADE_HERE:
        return "made here"
    made_with = f" ({calibration.source})" if calibration.source else ""
    return f"the model's own, '{calibration.name}'{made_with}"
