"""Results that follow the sliders: numpy and the engine's torch-free part, neither slicer nor qt."""
