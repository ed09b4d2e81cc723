"""Whether a model knows images of the kind that it was given, and how far a finding stands out from healthy heads."""
