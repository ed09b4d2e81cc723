"""Synthetic heads with lesions: from formulas for tests, from a trained model as the bundled sample."""
