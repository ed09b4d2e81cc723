"""What a user interface stands on, whichever it is: models, the worker, live results, texts. No Slicer, no Qt, no vtk.

Importing the package imports nothing else.
"""
