"""What the AnoFPDMSegment module is made of; importing it imports nothing else."""
