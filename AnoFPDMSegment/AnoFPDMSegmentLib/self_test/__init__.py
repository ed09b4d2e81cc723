"""The module's own test, which whoever has the application runs with one click: *Reload and Test*."""
