"""From maps to masks: thresholds, decisions about slices, neighbours, small components. Torch-free."""
