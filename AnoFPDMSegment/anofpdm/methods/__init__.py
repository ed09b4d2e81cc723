"""Methods: each folder is one, beside what all of them need."""
