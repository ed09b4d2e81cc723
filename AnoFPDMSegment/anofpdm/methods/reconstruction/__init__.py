"""Methods that reconstruct a healthy image and compare: AnoDDPM, classifier guidance, DDIB, difference of conditions."""
