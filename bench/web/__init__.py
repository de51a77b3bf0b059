"""What departments are served with: `make bench-store`, (g) to (i)."""
