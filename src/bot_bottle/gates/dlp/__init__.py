"""Data loss prevention: nothing secret leaves, nothing harmless is stopped."""
