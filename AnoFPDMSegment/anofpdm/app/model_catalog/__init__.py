"""The models a user can choose from; plain Python, without Slicer and Qt."""
