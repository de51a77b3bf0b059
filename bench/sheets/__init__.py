"""What looking at a spreadsheet costs: `make bench-sheets`."""
