"""A method of another package that outlines structures and looks for no findings, made by following CONTRIBUTING.md."""

from __future__ import annotations

import numpy as np

from anofpdm.methods.label_method import LabelMethod


class Tissue(LabelMethod):
    """The head in two parts, darker and brighter than its median."""

    name = "tissue"
    title = "Tissue"
    segments = ("Dark tissue", "Bright tissue")

    def label(self, model, prepared, settings, *, batch_size, report, cancel):
        """[S, H, W]: 0 outside the head, 1 and 2 inside."""
        cancel.raise_if_cancelled()
        image, head = prepared.intensities[0], prepared.head
        return np.where(head, np.where(image > np.median(image[head]), 2, 1), 0)


METHOD = Tissue()
