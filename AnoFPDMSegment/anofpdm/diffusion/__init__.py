"""The diffusion side of AnoFPDM: noise schedule, equations and the streamed forward process."""
