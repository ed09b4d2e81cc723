"""The conditional noise predictor (method section 1); needs torch."""
