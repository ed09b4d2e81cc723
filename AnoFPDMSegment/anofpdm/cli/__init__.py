"""The command line `anofpdm`."""
