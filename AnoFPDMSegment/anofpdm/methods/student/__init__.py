"""The student: a compact network that marks lesions in one evaluation a slice, trained on painted lesions."""
