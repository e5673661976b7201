"""The dashboard: a face that arranges results and never computes them."""
