"""What a run leaves behind: heatmap, segmentation, findings, overlay picture, and their comparison."""
