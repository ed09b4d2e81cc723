"""The child process that computes, seen from the application; plain Python, without Slicer and Qt."""
