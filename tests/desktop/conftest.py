"""The cloud that a desktop uploads by, and Google beside it."""

from tests.web.conftest import sandbox, unlimited_web, web

__all__ = ["sandbox", "unlimited_web", "web"]
