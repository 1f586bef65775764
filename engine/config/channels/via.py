"""What is true of a way of sending (`via:`), whatever config.yaml says about it."""

from __future__ import annotations

from typing import ClassVar

from engine.channel_kinds import UnknownAction


class ViaOptions:
    """The options of one way of sending are a record of this; what differs from here stands on top of it."""

    __slots__ = ()

    via: ClassVar[str]
    extra: ClassVar[str] = ""
    """What has to be installed for it beside the usual (`pip install 'perennial[x]'`)."""
    calls_back: ClassVar[bool] = False
    """Its provider says later by itself what became of a message."""
    can_be_asked: ClassVar[bool] = False
    """Its provider has a list of what it took."""

    @property
    def unknown(self) -> UnknownAction | None:
        """What is done with a message of which nobody knows whether it left, where config.yaml is silent;
        None: what the channel is decides (`engine.channel_kinds`)."""
        return None
