"""Methods that reconstruct a healthy image and compare it with the image."""
