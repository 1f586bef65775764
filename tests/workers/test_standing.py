"""Who takes which buckets, and who may still send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.runtime.workers.cluster_view import ALONE, ClusterView, shares, uptime

WORKERS = st.integers(1, 12).map(lambda count: tuple(f"w{number}" for number in range(count)))
BUCKETS = st.sets(st.integers(0, 63), max_size=12).map(sorted)


@given(WORKERS)
def test_every_bucket_is_the_share_of_one_worker_and_shares_differ_by_one_at_most(
    workers: tuple[str, ...],
) -> None:
    divided = shares(64, workers)
    assert sorted(bucket for part in divided.values() for bucket in part) == list(range(64))
    sizes = [len(part) for part in divided.values()]
    assert max(sizes) - min(sizes) <= 1


@given(WORKERS, BUCKETS)
def test_a_worker_takes_its_own_share_first_and_helps_where_it_has_nothing_to_do(
    workers: tuple[str, ...], ready: list[int]
) -> None:
    divided = shares(64, workers)
    for worker in workers:
        order = ClusterView(worker, workers).in_order(ready)
        own = [bucket for bucket in ready if bucket in divided[worker]]
        assert order == own if own else sorted(order) == ready


@given(BUCKETS)
def test_who_is_not_among_the_workers_takes_nothing(ready: list[int]) -> None:
    assert ClusterView("page", ("w0", "w1")).in_order(ready) == []
    assert ALONE.in_order(ready) == ready


def test_a_message_is_sent_only_by_who_was_never_taken_for_dead_since_its_hand_over() -> None:
    fresh = ClusterView("w0", ("w0",), burials=1, fresh_until=uptime() + 60)
    assert fresh.may_send(1)
    assert not fresh.may_send(0)
    assert not ClusterView("w0", ("w0",), burials=1, fresh_until=uptime() - 0.1).may_send(1)
    assert ALONE.may_send(0)
