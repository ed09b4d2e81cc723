"""Synthetic FLAIR-like heads with planted lesions: training data and samples that belong to nobody."""
