"""What a volume's name says about its contrast, in the words of scanners, archives and data sets.

Siemens: "t2_tirm_tra_dark-fluid", "t2_spc_da-fl_sag_p2_iso"; Philips: "eFLAIR_longTR", "sT1W_3D_TFE"; GE: "BRAVO" and
"Ax T1 FLAIR", which is T1-weighted; BraTS: "t1n", "t1c", "t2w", "t2f"; BIDS: "space-T1w_FLAIR", a FLAIR.
"""

from __future__ import annotations

import re

OTHER = "other"
"""Another kind of image, or a name that speaks of several."""
NOT_STATED = ""

_BEFORE = r"(?<![a-z0-9])(?:wip)?(?:o?ax|o?sag|o?cor|tra)?(?:[23]d)?[es]?"
"""What scanners write directly before T1 and T2: orientation, 2D or 3D, Philips' e and s. "part1" is no T1."""

_PLACED = re.compile(
    r"_space-(?:t[12]w|orig|mni\w*)(?=_)|(?<=[a-su-z])2[-_ ]?(?:t[12][a-z]*|flair)"
    r"|(?<![a-z])(?:(?:co)?reg(?:istered)?[-_ ]?|to[-_ ]|in[-_ ]|on(?:to)?[-_ ])(?:t[12][a-z]*|flair)"
)
"""The image on whose grid it was brought, which says nothing about itself."""

_OTHER = re.compile(
    r"(?:mask|map)(?![a-z])|anomaly|healthy prediction|stir|angio|perfusion|diffusion|locali[sz]er"
    r"|t2[-_ ]?(?:\*|\(star\)|star|ffe)"
    r"|(?<![a-z])(?:seg|segmentation|label|labels|roi|adc|dwi|dti|diff|trace|tracew|ep2d|swi|swan|mip|minip"
    r"|tof|mra|mrv|bold|fmri|rest|asl|pasl|pcasl|cbf|cbv|perf|dsc|dce|loc|scout|survey|pd|pdw|proton|dir|psir|ct|cta"
    r"|pet|spect|gre|ciss|fiesta)(?![a-z])"
)
_FLAIR = re.compile(
    r"flair|fluid[-_ ]?atten|dark[-_ ]?fluid|(?<![a-z])da[-_ ]?fl(?![a-z])|tirm|spc[-_ ]?ir(?![a-z])"
    r"|(?<![a-z0-9])t2f(?![a-z0-9])"
)
_T1 = re.compile(rf"{_BEFORE}t1(?![0-9])|mp2?[-_ ]?rage|spgr|(?<![a-z])(?:bravo|tfe|vibe)(?![a-z])")
_T2 = re.compile(rf"{_BEFORE}t2(?![0-9])")

_LATER = r"(?![a-z])(?![-_ ]?(?:op|rt|rx|tx|surg|treat|therap))"
"""After "pre" and "post": about the contrast agent, not about an operation."""

_ENHANCED = re.compile(
    rf"\+ ?c(?![a-z])|(?<![a-z])c\+|t1w?[-_ ]?(?:ce|c|gd|gad|km)(?![a-z])|t1w?[-_ ]?post{_LATER}"
    rf"|(?<![a-z])(?:(?:ce|gd|gad|gado|gadolinium|km|mdc|kontrast|contrast|enhanced)(?![a-z])|post{_LATER})"
)
_NATIVE = re.compile(
    r"(?<![a-z])(?:pre|before|without|w/?o|ohne|non?|sans|senza|sin)[-_ ]?"
    r"(?:contrast|contraste|contrasto|kontrast|gd|gad|gado|km|mdc|c)(?![a-z])"
    rf"|(?<![a-z])(?:pre{_LATER}|native?(?![a-z]))"
)


def stated_contrast(name: str) -> str:
    """The contrast ("flair", "t1", "t1ce" or "t2") where the name leaves no doubt, else OTHER or NOT_STATED."""
    words = _PLACED.sub(" ", name.lower())
    if _OTHER.search(words):
        return OTHER
    flair, t1, t2 = _FLAIR.search(words), _T1.search(words), _T2.search(words)
    if t1 and (t2 or (flair and flair.start() < t1.start())):
        return OTHER
    if t1:
        enhanced = _ENHANCED.search(words) and not _NATIVE.search(words)
        return "t1ce" if enhanced else "t1"
    if flair:
        return "flair"
    return "t2" if t2 else NOT_STATED
