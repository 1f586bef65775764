"""What the engine raises, by whose fault it is.

    PerennialError
    |- CallerError            somebody can put it right: the message ends in the cure
    |  |- AuthorError         the author's files, where no Problem with a place can say it
    |  `- UsageError          a command, a call, a setting
    |     `- InstallationError   what this machine lacks, and another may have
    `- WorldError             the world failed: a disk, a network, a provider

A mistake inside a journey, template or schema is no exception: it is a `Problem`. Anything else that
is raised is a defect of ours.
"""

from __future__ import annotations


class PerennialError(Exception):
    """Every error that the engine raises on purpose."""


class CallerError(PerennialError):
    """`what` is wrong, in one sentence; `cure` is what to do about it, where `what` does not end in it
    already."""

    def __init__(self, what: str, cure: str = "") -> None:
        super().__init__(what, cure)
        self.what = what
        self.cure = cure

    def __str__(self) -> str:
        """Both, the cure last."""
        if not self.cure:
            return self.what
        return f"{self.what}{'' if self.what.endswith(('.', '?', '!', ':')) else '.'} {self.cure}"


class AuthorError(CallerError):
    """The author's files as a whole cannot be used: a folder or file that is missing or unreadable."""


class UsageError(CallerError):
    """A command, call or setting that cannot be carried out as it stands."""


class InstallationError(UsageError):
    """What this machine lacks, and another one may have: a secret in the environment, an optional package."""


class WorldError(PerennialError):
    """Something outside failed. `permanent` is True when another try would fail in the same way."""

    def __init__(self, what: str, *, permanent: bool) -> None:
        super().__init__(what)
        self.what = what
        self.permanent = permanent

    def __reduce__(self) -> tuple[object, ...]:
        """Keeps `permanent` when the error travels between processes."""
        return (_world_error, (self.what, self.permanent))


def _world_error(what: str, permanent: bool) -> WorldError:
    return WorldError(what, permanent=permanent)
