"""From volumes to results: the detector, single cases and tables of them."""
