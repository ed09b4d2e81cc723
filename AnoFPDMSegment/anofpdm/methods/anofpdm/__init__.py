"""AnoFPDM: the forward process of a diffusion model, guided toward healthy (the paper's own method)."""
