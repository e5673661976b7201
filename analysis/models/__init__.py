"""Models of every kind, one file each."""
