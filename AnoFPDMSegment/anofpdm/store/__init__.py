"""Model folders: reading, finding, writing and importing them."""
