"""Follows up pairs of images for the benchmark, each image examined once."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import SimpleITK as sitk

from anofpdm import Detection, Detector, build_detection
from anofpdm.core.progress import CancelToken
from anofpdm.followup.follow_up import FollowUp, aligned, follow_up
from anofpdm.followup.writing import transform_text
from anofpdm.results.case import CaseEvidence
from anofpdm.results.case_storage import load_evidence, save_evidence


class Examiner:
    """Detects, each image once: what is found is kept in a folder, where one is named."""

    def __init__(self, model: str | None, cache: Path | None) -> None:
        self._detector = Detector.from_model(model, device="cpu")
        self._cache = cache

    def detect(self, image: sitk.Image) -> Detection:
        """What the model finds, also where the gate would withhold it."""
        return build_detection(replace(self._examined(image), forced=True))

    def _examined(self, image: sitk.Image) -> CaseEvidence:
        if self._cache is None:
            return self._detector.examine(image)
        path = self._cache / f"{self._name(image)}.npz"
        if not path.is_file():
            save_evidence(path, self._detector.examine(image))
        return load_evidence(path)

    def follow(self, baseline: sitk.Image, later: sitk.Image) -> FollowUp:
        """The two compared; a registration is kept like what is found."""

        def align(first: Detection, second: Detection, cancel: CancelToken) -> sitk.Euler3DTransform:
            if self._cache is None:
                return aligned(first, second, cancel)
            path = self._cache / f"{self._name(baseline)}-{self._name(later)}.tfm"
            if not path.is_file():
                path.write_text(transform_text(aligned(first, second, cancel)), encoding="utf-8")
            return sitk.Euler3DTransform(sitk.ReadTransform(str(path)))

        return follow_up(self.detect(baseline), self.detect(later), align=align)

    def _name(self, image: sitk.Image) -> str:
        described = (sitk.Hash(image), image.GetOrigin(), image.GetDirection(), self._detector.config.name)
        return hashlib.sha256(str(described).encode()).hexdigest()[:20]
