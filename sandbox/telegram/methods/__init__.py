"""The Bot API's methods, by subject. Importing a module registers its methods."""

from sandbox.telegram.call import METHODS
from sandbox.telegram.methods import chats, editing, profile, sending, updating

__all__ = ["METHODS", "chats", "editing", "profile", "sending", "updating"]
