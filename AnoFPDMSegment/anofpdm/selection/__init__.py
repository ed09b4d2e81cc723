"""From evidence to thresholds, decisions and scores (no torch)."""
