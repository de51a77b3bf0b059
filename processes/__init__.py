"""The composition roots: one module for each kind of process."""
