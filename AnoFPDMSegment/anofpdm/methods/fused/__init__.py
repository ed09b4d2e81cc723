"""AnoFPDM and the student as two witnesses of one answer."""
