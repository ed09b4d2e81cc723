"""Methods that reconstruct a healthy image and compare: AnoDDPM, classifier guidance, DDIB, conditions\x27 difference."""
