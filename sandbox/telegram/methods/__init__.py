"""The Bot API's methods, by subject. Importing a module registers its methods."""

from sandbox.telegram.methods import chats, editing, profile, sending, updating
from sandbox.telegram.methods.registry import METHODS

__all__ = ["METHODS", "chats", "editing", "profile", "sending", "updating"]
