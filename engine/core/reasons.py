"""Why a message did not go out, as types. The texts are stored (inbox, enrollment, outbox) and stand in
traces: another wording there is another value, and needs a migration."""

from __future__ import annotations

from enum import StrEnum


class ReturnReason(StrEnum):
    """Why a planned message came back to its journey before (another) hand-over."""

    SUPPRESSED = "suppressed"  # its address is closed, or the consent was withdrawn
    EXPIRED = "expired"  # its `valid_until` was over
    REFUSED = "refused"  # its channel did not take it
    FAILED = "failed"  # as refused
    NOT_LISTED = "not on the deliver_only list"
    NO_ADDRESS = "no address"  # it went away after the decision
    UNWANTED = "its run has ended by a goal or an exit"
    NO_CODE = "no code"  # a code that its template shows is not there
    DRY_RUN = "dry run"
    SAME_ADDRESS = "same address"  # another customer got the same message there within a day


class IgnoredReason(StrEnum):
    """Why a start came to nothing: what refused starts are counted by."""

    WHO = "who"  # the journey is not for this customer
    AGAIN = "again"  # a run is active, or it is too soon or never for another one
    HOLDOUT = "holdout"  # kept out to be compared with; such a run is measured and gets nothing
    CAP = "cap"  # journeys cause one another's starts without end
    GOAL = "goal"  # already reached
    EXIT = "exit_if"  # already true
    LATE = "late"  # heard of too long after it happened
    STATE = "state"  # the journey takes nobody at present: paused, closing, stopped
    NO_KEY = "no key"  # what its `per` names is missing in the event
    CHANGED = "changed"  # the journey does not start so any more
    LEFT = "left"  # no longer in the segment whose members were to be taken
    OVER = "over"  # what was collected for it does not hold any more


class SkipReason(StrEnum):
    """Why a message step was over without a message."""

    UNREACHABLE = "unreachable"  # no channel reaches the customer
    TOO_LATE = "too late"
    CAPPED = "capped"
    SILENCED = "silenced"  # the customer is inside a journey during which its policy is silent
    ON_A_BREAK = "on a break"  # the customer asked for quiet until `break_until`
    NO_CODE = "no code"
    DRY_RUN = "dry run"
    SAME_ADDRESS = "same address"  # another customer who has it got the same message within a day
    # What the run began with is over: the price of its product rose again, nothing is left, or enough is.
    DEARER = "dearer"
    SOLD_OUT = "sold out"
    RESTOCKED = "restocked"


class HoldReason(StrEnum):
    """What a message step waits for."""

    QUIET_HOURS = "quiet hours"
    QUIET_DAY = "quiet day"  # its policy lets nothing leave on this day of the week
    CAPPED = "capped"
    CHANGED = "changed"  # nothing: its journey was published anew, and its rules are asked again
