"""One plain sentence for each state of each check. Torch-free."""

from __future__ import annotations

from .opinion import Gate

NOTHING_SEEN = "Hardly any brain is seen in this image; check that it is an MRI of the head."
_GREEN = {
    "contrast": "Tissue and fluid are as bright as in the calibration.",
    "sequence_t1": "The contrast is not that of a T1-weighted image.",
    "sequence_t2": "The contrast is not that of a T2-weighted image.",
    "anatomy": "The brain's size and shape are usual.",
    "symmetry": "Left and right are as alike as usual.",
    "detail": "Noise and detail are as in the calibration.",
    "upright": "The head lies the right way up.",
    "front": "Front and back lie as the header says.",
    "own": "The model's own figures are as in its calibration.",
    "coverage": "Enough of the brain is shown.",
    "slices": "The slices are no thicker than in the calibration.",
    "pixels": "The pixels are as fine as in the calibration.",
}
_AMBER = {
    "contrast": "Tissue and fluid differ in brightness by more or less than the model is used to; read with caution.",
    "sequence_t1": "The contrast resembles a T1-weighted image's; check that it is the sequence that the model needs.",
    "sequence_t2": "The contrast resembles a T2-weighted image's; check that it is the sequence that the model needs.",
    "anatomy": "What is seen of the brain has an unusual size or shape; read with caution.",
    "symmetry": "Left and right differ more than usual; look at the image itself.",
    "detail": "The image is noisier, smoother or sharper than the model is used to; read with caution.",
    "upright": "It is not certain that the head lies the right way up; check the image's orientation.",
    "front": "It is not certain which side is the front; check the image's orientation.",
    "own": "The model's own figures lie outside those of its calibration; read with caution.",
    "coverage": "Only {value:.0f} mm of the brain are shown from bottom to top, so that little can be checked.",
    "slices": "The slices are {value:.1f} mm thick, more than the model is used to; small findings may be missed.",
    "pixels": "The pixels are {value:.1f} mm wide, more than the model is used to; small findings may be missed.",
}
_RED = {
    "contrast": "Tissue and fluid differ in brightness as in no image that the model was calibrated on; give it the "
    "sequence that it was made for.",
    "sequence_t1": "This looks like a T1-weighted image, not like the sequence that the model was made for.",
    "sequence_t2": "This looks like a T2-weighted image, not like the sequence that the model was made for.",
    "anatomy": "What is seen has neither the size nor the shape of a brain; check that the image shows a head.",
    "symmetry": "Left and right differ as in no head that the model was calibrated on; check that the image shows a "
    "head.",
    "detail": "The image has none of a brain's detail, or far too much noise; check that it is an MRI of the head.",
    "upright": "The head seems to lie upside down; check the image's orientation.",
    "front": "Front and back seem to be exchanged; check the image's orientation.",
    "own": "The model's own figures are far outside those of its calibration: it does not know images like this one.",
    "coverage": "Only {value:.0f} mm of the brain are shown; load the whole examination.",
    "slices": "The slices are {value:.1f} mm thick; use a scan with thinner ones.",
    "pixels": "The pixels are {value:.1f} mm wide; use a finer scan.",
}
_BY_STATE: dict[Gate, dict[str, str]] = {"green": _GREEN, "amber": _AMBER, "red": _RED}


def sentence_of(check: str, state: Gate, value: float | None = None) -> str:
    """For a check that a reference names; of another one a general sentence."""
    text = _BY_STATE[state].get(check)
    if text is None:
        kind = {"green": "within", "amber": "outside", "red": "far outside"}[state]
        return f"The check '{check}' is {kind} what the calibration showed."
    return text if value is None else text.format(value=value)
