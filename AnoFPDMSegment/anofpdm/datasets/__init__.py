"""Training and calibration data: manifests, published folder layouts, and the cache of prepared slices."""
