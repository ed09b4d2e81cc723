"""How fast the engine is: measured side by side with the public reference's pattern on the same weights and slices."""
