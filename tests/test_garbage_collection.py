"""The collector passes by what a deployment holds, and what the one before it held is collected."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from engine.garbage_collection import (
    BLOCKS_WITHOUT_FULL,
    freeze_long_lived,
    without_full_collections,
    without_garbage_collection,
)


class Deployment:
    """It holds itself, as templates and environments do."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_a_deployment_held_goes_with_the_next_one() -> None:
    first = Deployment()
    known = weakref.ref(first)
    freeze_long_lived()
    del first
    gc.collect()
    assert known() is not None  # passed by
    freeze_long_lived()
    assert known() is None


def test_collections_go_on_when_the_last_block_of_all_threads_ends() -> None:
    first, second = without_garbage_collection(), without_garbage_collection()
    with first:
        second.__enter__()
    assert not gc.isenabled()  # the second one has begun inside the first, and lasts longer
    second.__exit__(None, None, None)
    assert gc.isenabled()


def test_collections_go_on_after_what_makes_no_garbage() -> None:
    with without_garbage_collection():
        with without_garbage_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), without_garbage_collection():
        _ = 1 / 0
    assert gc.isenabled()


def test_what_is_made_to_last_is_not_walked_as_young() -> None:
    with without_garbage_collection(makes_what_lasts=True):
        made = [Deployment() for _ in range(10)]
    young = [each for generation in (0, 1) for each in gc.get_objects(generation) if each is made[0]]
    assert young == []
    assert any(each is made[0] for each in gc.get_objects(2))


def test_what_is_frozen_stays_so_beside_what_is_made_to_last() -> None:
    held = Deployment()
    freeze_long_lived()
    with without_garbage_collection(makes_what_lasts=True):
        pass
    assert not any(each is held for each in gc.get_objects())  # what is frozen is in no generation


def test_beside_large_bodies_only_what_is_young_is_collected() -> None:
    first, second, usual = without_full_collections(), without_full_collections(), gc.get_threshold()
    full, young = collections(2), collections(0)
    with first:
        second.__enter__()
    held: list[dict[str, list[int]]] = [
        {str(number): []} for number in range(200_000)
    ]  # several full ones without the block
    assert collections(0) > young
    assert collections(2) == full
    second.__exit__(None, None, None)
    assert gc.get_threshold() == usual
    assert len(held) == 200_000


def test_garbage_goes_although_large_bodies_overlap_without_end() -> None:
    gone = Deployment()
    known = weakref.ref(gone)
    # old, as what outlived the young collections
    gc.collect()
    del gone
    full = collections(2)
    opened: AbstractContextManager[None] = without_full_collections()
    opened.__enter__()
    for _ in range(3 * BLOCKS_WITHOUT_FULL):
        following = without_full_collections()
        following.__enter__()
        opened.__exit__(None, None, None)
        opened = following
    seen = collections(2)
    opened.__exit__(None, None, None)
    assert known() is None
    assert seen == full + 3


def collections(generation: int) -> int:
    return int(gc.get_stats()[generation]["collections"])
