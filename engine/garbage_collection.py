"""Python's collector of cycles, kept away from what makes no garbage: it walks all objects, finds nothing,
and holds the interpreter for it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_inside: list[None] = []
"""One for each block of `without_garbage_collection` that is open, in whatever thread."""


@contextmanager
def without_garbage_collection(*, makes_what_lasts: bool = False) -> Iterator[None]:
    """Inside the block nothing is collected: for work that makes very many objects and no circles of them.
    For the whole process; what forms circles meanwhile is collected when the last such block of all threads
    ends. `makes_what_lasts`: what is there at the end is old at once, else the next collection of what is
    young walks all of it."""
    # Counted before it is put off, and off the count before it is put on: whatever another thread does in
    # between, the last one to leave puts it on. Were it remembered whether it was on, a thread that looked
    # while another one was inside could leave it off for good.
    _inside.append(None)
    try:
        gc.disable()
        yield
    finally:
        # What is frozen stays so: it would be old as well, and no longer passed by
        if makes_what_lasts and not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        _inside.pop()
        if not _inside:
            gc.enable()


_USUAL = gc.get_threshold()
_RARELY = 1_000_000_000
_held: list[None] = []
"""One for each block of `without_full_collections` that is open."""

BLOCKS_WITHOUT_FULL = 100
"""So many blocks of `without_full_collections` end before a full collection comes all the same."""

_ended: list[None] = []
"""One for each block of `without_full_collections` that ended since then."""


@contextmanager
def without_full_collections() -> Iterator[None]:
    """Inside the block only what is young is collected, a millisecond at a time: for very many objects that
    live until their request is answered. A full collection would walk them all, find nothing, and hold the
    interpreter for some 80 ms. For the whole process, and for coroutines as for threads. An import
    has blocks that overlap, or follow one another at once, for hours: one full collection comes after every
    `BLOCKS_WITHOUT_FULL` of them, else nothing old that holds itself would go before the import is through.
    """
    _held.append(None)
    try:
        gc.set_threshold(*_USUAL[:2], _RARELY)
        yield
    finally:
        # As above: off the count first
        _held.pop()
        _ended.append(None)
        if not _held:
            gc.set_threshold(*_USUAL)
        if len(_ended) >= BLOCKS_WITHOUT_FULL:
            _ended.clear()
            gc.collect()


def freeze_long_lived() -> None:
    """Later collections pass by everything that is there now. Called after each deployment.

    Programs, schemas and journeys are some hundred thousand objects. A full collection walks them for 120 ms
    with the sample journeys, in which the event loop answers nobody. It comes whenever there are a quarter
    more of them, so one large body was enough.
    """
    if gc.get_freeze_count():
        # What the deployment before this one leaves behind is garbage only now
        gc.unfreeze()
        gc.collect()
    gc.freeze()
