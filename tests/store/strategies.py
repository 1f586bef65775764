"""Made-up values, happenings and enrollments for property tests of the store."""

from __future__ import annotations

import datetime as dt

from hypothesis import strategies as st

from engine.core.enrollment import (
    AwaitingCode,
    AwaitingReaction,
    AwaitingSend,
    Deferred,
    Due,
    Enrollment,
    Relocating,
    SentMessage,
    TakenCode,
    Waiting,
)
from engine.core.happening import (
    CodeTaken,
    Event,
    MemberAdmitted,
    MessageOutcome,
    MessageReturned,
    MessageSent,
    Occurrence,
    ProductChanged,
    ProfileChanged,
    Reaction,
    SegmentChanged,
)
from engine.core.reasons import HoldReason, ReturnReason, SkipReason
from engine.values import Birthday, Instant, Money

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAME = TEXT.filter(bool)
INSTANT = st.integers(0, 2**45).map(Instant)
DATE = st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31))
DECIMAL = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9)
MONEY = st.builds(Money, DECIMAL, st.sampled_from(["EUR", "BGN"]))
BIRTHDAY = st.builds(
    lambda day, year: Birthday(day.month, day.day, day.year if year else None), DATE, st.booleans()
)
SIMPLE = st.one_of(
    TEXT, st.integers(-(2**53), 2**53), DECIMAL, st.booleans(), MONEY, DATE, BIRTHDAY, st.none()
)
ITEM = st.dictionaries(NAME, SIMPLE, max_size=3)
VALUE = st.one_of(SIMPLE, st.lists(TEXT, max_size=3).map(tuple), st.lists(ITEM, max_size=2))
VALUES = st.dictionaries(TEXT, VALUE, max_size=5)
STEP = st.sampled_from(["hello", "before_offer", "if#1:x"])

REST = st.one_of(
    st.none(),
    st.builds(Waiting, STEP, INSTANT, st.integers(0, 10**9)),
    st.builds(
        Deferred,
        STEP,
        TEXT,
        st.sampled_from(HoldReason),
        INSTANT,
        st.lists(TEXT).map(tuple),
        st.none() | INSTANT,
    ),
    st.builds(AwaitingSend, STEP, TEXT, TEXT, INSTANT, st.lists(TEXT).map(tuple), st.booleans()),
    st.builds(AwaitingReaction, STEP, TEXT, INSTANT, st.lists(TEXT).map(tuple), st.booleans()),
    st.builds(AwaitingCode, STEP),
    st.builds(Relocating, st.none() | STEP, STEP),
)
PART = st.builds(
    SentMessage,
    TEXT,
    TEXT,
    TEXT,
    INSTANT,
    st.integers(0, 10**9),
    st.none() | INSTANT,
    st.none() | INSTANT,
    st.booleans(),
)
CODE = st.builds(TakenCode, NAME, TEXT, INSTANT, DATE, st.booleans())
CAUSES = st.dictionaries(NAME, st.integers(1, 10), max_size=2)
RUN = st.builds(
    Enrollment,
    id=NAME, journey=NAME, key=TEXT, started_at=INSTANT, started_number=st.integers(0, 10**9),
    first_started_at=INSTANT, clock=INSTANT, trigger=VALUES, product_id=st.none() | TEXT,
    occurrence=st.none() | DATE, holdout=st.booleans(), seq=st.integers(0, 99), state=REST,
    due=st.none() | st.builds(Due, INSTANT, st.none() | st.datetimes(), st.none() | st.just("Europe/Berlin")),
    window_at=INSTANT, window_number=st.integers(0, 10**9), paths=st.dictionaries(NAME, TEXT, max_size=2),
    codes=st.lists(CODE, max_size=2, unique_by=lambda code: code.pool).map(
        lambda codes: {code.pool: code for code in codes}
    ),
    sent=st.dictionaries(NAME, st.lists(PART, max_size=2).map(tuple), max_size=2),
    skipped=st.dictionaries(NAME, st.sampled_from(SkipReason), max_size=2), done=st.sets(TEXT, max_size=3),
    goal_at=st.none() | INSTANT,
    outcome=st.none(), ended_at=st.none(), watch_until=st.none() | INSTANT, commit=TEXT, causes=CAUSES,
)  # fmt: skip

NUMBER = st.integers(1, 10**9)
HAPPENING = st.one_of(
    st.builds(Event, NUMBER, TEXT, NAME, INSTANT, INSTANT, VALUES, st.booleans(), CAUSES),
    st.builds(
        ProfileChanged, NUMBER, INSTANT, VALUES, st.dictionaries(NAME, st.none() | TEXT, max_size=2),
        st.dictionaries(st.tuples(NAME, NAME), st.sampled_from(["asked", "given", "withdrawn"]), max_size=2),
        st.dictionaries(NAME, st.none() | st.just("all"), max_size=2), st.booleans(),
    ),
    st.builds(
        ProductChanged, NUMBER, INSTANT, TEXT, VALUES, VALUES,
        st.dictionaries(st.sampled_from(["viewed", "bought"]), INSTANT, min_size=1, max_size=2),
        st.none() | MONEY,
    ),
    st.builds(SegmentChanged, NUMBER, INSTANT, TEXT, st.booleans(), st.booleans()),
    st.builds(MemberAdmitted, NUMBER, INSTANT, TEXT, TEXT),
    st.builds(Occurrence, NUMBER, TEXT, INSTANT, DATE),
    st.builds(MessageSent, NUMBER, INSTANT, TEXT, TEXT),
    st.builds(MessageReturned, NUMBER, INSTANT, TEXT, TEXT, st.sampled_from(ReturnReason)),
    st.builds(MessageOutcome, NUMBER, INSTANT, TEXT, TEXT, st.just("bounced"), TEXT, TEXT),
    st.builds(Reaction, NUMBER, INSTANT, TEXT, TEXT, st.just("clicked")),
    st.builds(CodeTaken, NUMBER, INSTANT, TEXT, TEXT, st.none() | TEXT),
)  # fmt: skip
