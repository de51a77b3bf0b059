"""One state of a sheet after another: what changed, what is held, what is told."""
