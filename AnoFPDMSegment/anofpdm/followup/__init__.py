"""Two examinations of one patient: what is new, grown, unchanged, shrunk or gone."""
