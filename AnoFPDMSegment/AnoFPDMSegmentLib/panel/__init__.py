"""The module's panel: what the user sees, and nothing that could be computed elsewhere."""
