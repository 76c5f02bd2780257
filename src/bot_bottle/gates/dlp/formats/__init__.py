"""Token formats, written from what their issuers publish; one module per trade, one list in `table.py`."""
