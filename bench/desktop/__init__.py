"""The desktop page's part of `make bench-upload`: from drop to ✓, its start, and its memory."""
