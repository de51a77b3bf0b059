"""The one table of methods."""

from sandbox.telegram.call import Methods

METHODS = Methods()
