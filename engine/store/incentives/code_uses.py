"""Codes that people show, in orders and at the till: each is noted with what it comes to, and the first right
one marks the code as used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace
from sqlalchemy import Connection

from engine.core.code_verdict import KnownCode, Verdict
from engine.store.amounts import stored
from engine.store.serialization import dump
from engine.store.sql import change, ids, insert_many, rows
from engine.values import Instant, Money

NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class ShownCode:
    """A code that somebody shows. `order`: what tells one use from the next, an id of the order or of the
    event; "" where there is none. `source`: `order` or `till`."""

    value: str
    customer: str
    at: Instant
    source: str
    order: str = ""
    total: Money | None = None


def note(conn: Connection, shown: Sequence[ShownCode], shared: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """Notes the codes that events show, in a fixed number of statements; the pool of each that is ours.
    `shared`: codes that everybody gets, with their pools, also of those that nobody has yet."""
    known = _known(conn, shown)
    for value in {each.value for each in shown if each.value in shared}:
        known.setdefault(value, {"": KnownCode(value, shared[value], "shared")})
    if not known:
        return {}
    ours = [each for each in shown if each.value in known]
    lines = dump([[each.value, each.order] for each in ours])
    # A till that named no order is followed by the order itself.
    sql = (
        "SELECT u.value, u.order_id, u.customer FROM {lines} CROSS JOIN code_use u WHERE u.value = {cell0}"
        " AND u.order_id IN ({cell1}, '') AND u.verdict = 'used'"
    )
    told = {(value, order, customer) for value, order, customer in rows(conn, sql, (lines,))}
    judged: list[tuple[ShownCode, str, Verdict]] = []
    completed: list[ShownCode] = []
    for each in ours:
        of_value = known[each.value]
        code = of_value.get(each.customer) or of_value[""]
        verdict = code.verdict(each.customer, each.at)
        who = ("", each.customer)
        if each.order and any((each.value, each.order, name) in told for name in who):
            continue
        if open_uses := {(each.value, "", name) for name in who} & told:
            if each.order:
                completed.append(each)
                told -= open_uses
                told.add((each.value, each.order, each.customer))
            continue
        judged.append((each, code.pool, verdict))
        if verdict in (Verdict.USED, Verdict.ENDED):
            whose = each.customer if code.kind == "shared" else ""
            known[each.value][whose] = replace(code, used_at=each.at)
            told.add((each.value, each.order, each.customer))
    _write(conn, judged)
    _complete(conn, completed)
    _mark(conn, [each for each, _, verdict in judged if verdict in (Verdict.USED, Verdict.ENDED)])
    return {value: next(iter(codes.values())).pool for value, codes in known.items()}


def find(conn: Connection, value: str, customer: str = "") -> KnownCode | None:
    """What is known of a code; of one that everybody gets what this customer has. Written as a person types
    it: if there is no such code, in capitals."""
    for text in dict.fromkeys((value.strip(), value.strip().upper())):
        known = _known(conn, [ShownCode(text, customer, Instant(0), "till")])
        if known:
            return known[text].get(customer) or known[text][""]
    return None


def use(conn: Connection, code: KnownCode, shown: ShownCode) -> tuple[Verdict, KnownCode]:
    """Uses a code at the till, if it may be used; of many at once one gets it. What it came to is noted, also
    a refusal."""
    # The order of this very use, told before without a key of its own.
    earlier = rows(
        conn,
        "SELECT at FROM code_use WHERE value = ? AND order_id = ? AND verdict = 'used'"
        " AND customer IN (?, '') LIMIT 1",
        (code.value, shown.order, shown.customer or code.customer),
    )
    if shown.order and earlier:
        return Verdict.SAME, replace(code, used_at=Instant(earlier[0][0]))
    verdict = code.verdict(shown.customer, shown.at)
    if verdict is Verdict.USED and code.given_at is not None:
        taken = change(
            conn,
            "UPDATE code SET used_at = ? WHERE value = ? AND customer = ? AND used_at IS NULL"
            " AND given_back_at IS NULL",
            (shown.at, code.value, code.customer or shown.customer),
        )
        verdict = verdict if taken else Verdict.TWICE
    who = shown.customer or code.customer
    _write(
        conn,
        [(ShownCode(code.value, who, shown.at, shown.source, shown.order, shown.total), code.pool, verdict)],
    )
    return verdict, replace(code, used_at=shown.at) if verdict is Verdict.USED else code


def uses_of(conn: Connection, value: str, most: int = 20) -> list[tuple[Instant, str, str, str, Verdict]]:
    """The latest times that a code was shown, the latest first: moment, customer, where, order, verdict."""
    found = rows(
        conn,
        "SELECT at, customer, source, order_id, verdict FROM code_use WHERE value = ? ORDER BY number DESC"
        " LIMIT ?",
        (value, most),
    )
    return [
        (Instant(at), customer, source, order, Verdict(said)) for at, customer, source, order, said in found
    ]


def _known(conn: Connection, shown: Iterable[ShownCode]) -> dict[str, dict[str, KnownCode]]:
    """value -> customer -> code. Under "" what counts for everybody: the one who holds it, else what is known
    of the text at all."""
    shown = list(shown)
    asked = ids({each.value for each in shown})
    known: dict[str, dict[str, KnownCode]] = {}
    columns = (
        "c.value, c.pool, COALESCE(c.kind, 'generated'), c.customer, c.journey, c.taken_at, c.expires_at,"
        " c.used_at, c.given_back_at IS NOT NULL, c.text"
    )
    # At most one row of each value, by the index `code_held`.
    held = rows(
        conn,
        f"SELECT {columns} FROM {{ids}} CROSS JOIN code c WHERE c.value = j.value AND c.kind <> 'shared'"  # noqa: S608
        " AND c.given_back_at IS NULL",
        (asked,),
    )
    for row in held:
        known[row[0]] = {"": _code(row)}
    pairs = dump(sorted({(each.value, each.customer) for each in shown if each.value not in known}))
    own = rows(
        conn,
        f"SELECT {columns} FROM {{lines}} CROSS JOIN code c WHERE c.value = {{cell0}}"  # noqa: S608
        " AND c.customer = {cell1} ORDER BY c.given_back_at IS NOT NULL, c.used_at IS NOT NULL,"
        " c.expires_at DESC",
        (pairs,),
    )
    for row in own:
        known.setdefault(row[0], {}).setdefault(row[3], _code(row))
    rest = ids({each.value for each in shown if "" not in known.get(each.value, {})})
    # One row of each, for a code that everybody gets has very many.
    anybody = rows(
        conn,
        "SELECT j.value, (SELECT COALESCE(c.kind, 'generated') || ' ' || c.pool FROM code c"
        " WHERE c.value = j.value LIMIT 1), (SELECT s.pool FROM code_stock s WHERE s.value = j.value)"
        " FROM {ids}",
        (rest,),
    )
    for value, given, stock in anybody:
        kind, _, pool = given.partition(" ") if given else ("file", "", stock or "")
        if pool:
            code = KnownCode(value, pool, kind, given_back=bool(given) and kind != "shared")
            known.setdefault(value, {}).setdefault("", code)
    return known


def _code(row: Sequence[object]) -> KnownCode:
    value, pool, kind, customer, journey, given_at, expires, used_at, back, text = row
    return KnownCode(
        str(value), str(pool), str(kind), str(customer), str(journey),
        Instant(given_at), Instant(expires),  # type: ignore[arg-type]  # columns that are never NULL
        None if used_at is None else Instant(used_at),  # type: ignore[arg-type]  # a number
        bool(back),
        None if text is None else str(text),
    )  # fmt: skip


def _write(conn: Connection, judged: Iterable[tuple[ShownCode, str, Verdict]]) -> None:
    insert_many(
        conn,
        "code_use",
        [
            {
                "value": each.value, "pool": pool, "customer": each.customer, "at": each.at,
                "source": each.source, "order_id": each.order,
                "amount": stored(each.total.amount if each.total else None),
                "currency": each.total.currency if each.total else "", "verdict": verdict.value,
            }
            for each, pool, verdict in judged
        ],
    )  # fmt: skip


def _complete(conn: Connection, orders: Sequence[ShownCode]) -> None:
    """The order of a use that was told without one: by the till, or by the cart before it."""
    if orders:
        lines = dump([
            [each.value, each.customer, each.order,
             str(stored(each.total.amount if each.total else None) or 0),
             each.total.currency if each.total else ""]
            for each in orders
        ])  # fmt: skip
        sql = (
            "UPDATE code_use SET order_id = {cell2}, amount = CAST({cell3} AS BIGINT), currency = {cell4}"
            " FROM {lines} WHERE code_use.value = {cell0} AND code_use.order_id = ''"
            " AND code_use.verdict = 'used' AND code_use.customer IN ({cell1}, '')"
        )
        change(conn, sql, (lines,))


def _mark(conn: Connection, used: Sequence[ShownCode]) -> None:
    if used:
        lines = dump([[each.value, each.customer, str(each.at)] for each in used])
        sql = (
            "UPDATE code SET used_at = CAST({cell2} AS BIGINT) FROM {lines} WHERE code.value = {cell0}"
            " AND code.customer = {cell1} AND code.used_at IS NULL"
        )
        change(conn, sql, (lines,))
