"""Training: classifier-free guidance from image-level labels (paper, section 3). Needs torch and the `train` extra."""
