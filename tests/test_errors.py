"""Errors tell whose fault it is and end in the cure."""

from __future__ import annotations

import pickle

import pytest

from engine.errors import AuthorError, CallerError, PerennialError, UsageError, WorldError


@pytest.mark.parametrize("kind", [AuthorError, UsageError])
def test_the_message_of_a_callers_error_ends_in_the_cure(kind: type[CallerError]) -> None:
    error = kind("there is no folder journeys", "Type `./run new project .`")
    assert str(error) == "there is no folder journeys. Type `./run new project .`"
    assert isinstance(error, PerennialError)


def test_a_message_that_holds_its_cure_stands_alone() -> None:
    assert str(UsageError("unknown zone: use a name such as Europe/Berlin")) == (
        "unknown zone: use a name such as Europe/Berlin"
    )


@pytest.mark.parametrize("permanent", [True, False])
def test_a_failure_of_the_world_says_whether_another_try_helps(permanent: bool) -> None:
    error = WorldError("the mail server hung up", permanent=permanent)
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error) == "the mail server hung up"
    assert copy.permanent is error.permanent is permanent


def test_a_callers_error_survives_the_way_between_processes() -> None:
    copy = pickle.loads(pickle.dumps(UsageError("no such journey", 'Did you mean "welcome"?')))
    assert str(copy) == 'no such journey. Did you mean "welcome"?'
