"""One detector per file; `catalogue.py` holds the one ordered list."""
