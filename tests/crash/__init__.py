"""The crash matrix: `make crash-test`. The method is explained in docs/testing-crashes.md."""
