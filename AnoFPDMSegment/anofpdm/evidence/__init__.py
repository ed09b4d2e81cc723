"""What one forward process leaves behind, enough for every guidance strength and threshold (no torch)."""
