"""Results in the MRML scene: slicer and vtk, no qt. Importing the package imports neither."""
