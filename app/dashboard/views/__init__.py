"""One short file per page: choose, compute (cached), say, show, offer the table."""
