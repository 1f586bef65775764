"""`codes`: how pools of promo codes stand, `codes import` fills one, `codes check` tells of a single code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.app import PROBLEMS, RUN, Session, app
from engine.cli.output import (
    Format,
    FormatOption,
    complain,
    counted,
    progress,
    say,
    say_head,
    say_json,
    say_plain,
    say_rows,
)
from engine.command_hints import command
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.config import Config
    from engine.runtime.publish.pool_files import ImportedCodes
    from engine.store.incentives.code_report import CodeCounts, PoolReport

_HEAD = ["pool", "kind", "free", "reserved", "used", "given back", "expired", "waiting", "orders", "value"]


@app.command(rich_help_panel=RUN)
def codes(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[POOL | import POOL FILE | check CODE]",
            help="one pool; or fill a pool from a file; or a single code",
            show_default=False,
        ),
    ] = None,
    form: FormatOption = Format.text,
) -> None:
    """Pools of promo codes: free, reserved, used, given back, expired, and what was bought with them."""
    session = Session.of(context)
    match words or []:
        case []:
            _overview(session, "", form)
        case ["import", pool, file]:
            _import(session, pool, Path(file), form)
        case ["check", code]:
            _check(session, code, form)
        case [pool] if pool not in ("import", "check"):
            _overview(session, pool, form)
        case _:
            raise UsageError(
                "this is nothing that can be done with codes:",
                "write  codes,  codes POOL,  codes import POOL FILE  or  codes check CODE",
            )


# --- pools --------------------------------------------------------------------------------------------------


def _overview(session: Session, only: str, form: Format) -> None:
    from engine.cli.stores import look_into_store
    from engine.project import load_config
    from engine.store.incentives import code_report

    config = load_config(session.folder)
    with look_into_store(session.folder) as conn:
        found = code_report.report(conn, session.clock.now())
    names = list(dict.fromkeys((*config.codes, *found)))
    if only and only not in names and only not in config.offers:
        known = ", ".join([*names, *config.offers]) or "none"
        raise UsageError(f'there is no pool "{only}":', f"there are: {known}")
    choice = config.offers.get(only)
    if choice is not None:
        wanted = list(dict.fromkeys(line.pool.value for line in choice.lines if line.pool))
    else:
        wanted = [only] if only else names
    reports = {name: found.get(name, code_report.PoolReport()) for name in wanted}
    if choice is not None:
        reports = {name: _asked_as(one, only) for name, one in reports.items()}
    if form is Format.json:
        say_json([_as_json(name, one, config) for name, one in reports.items()])
        return
    if not reports:
        say("there are no pools; config.yaml makes them under  codes:")
        return
    say_rows([_HEAD, *(_row(name, one, config) for name, one in reports.items())], indent=0)
    if only:
        _detail(reports)
    else:
        for name, each in config.offers.items():
            pools = dict.fromkeys(line.pool.value for line in each.lines if line.pool)
            say_plain(f"{name} chooses by {each.subject.value}: {', '.join(pools)}")


def _asked_as(one: PoolReport, name: str) -> PoolReport:
    """Only what was given under this name: another journey may take from the same pool."""
    from engine.store.incentives.code_report import CodeCounts, PoolReport

    mine = {place: counts for place, counts in one.by_journey.items() if place[1] == name}
    total = CodeCounts()
    for counts in mine.values():
        total.add(counts)
    return PoolReport(total, one.size, one.free, one.waiting, one.wrong, mine)


def _detail(reports: dict[str, PoolReport]) -> None:
    rows = [
        [journey or "(no journey)", name, f"{each.reserved + each.used + each.expired:,}", f"{each.used:,}",
         f"{each.given_back:,}", f"{each.orders:,}", _value(each)]
        for one in reports.values()
        for (journey, name), each in sorted(one.by_journey.items())
    ]  # fmt: skip
    if rows:
        say_head("By journey")
        say_rows([["journey", "asked as", "given", "used", "given back", "orders", "value"], *rows])
    wrong = [
        [name, why, f"{times:,}"] for name, one in reports.items() for why, times in sorted(one.wrong.items())
    ]
    if wrong:
        say_head("Shown and not counted")
        say_rows(wrong)


def _row(name: str, one: PoolReport, config: Config) -> list[str]:
    pool = config.codes.get(name)
    kind = pool.kind if pool is not None else "gone"
    free = f"{one.free:,} of {one.size:,}" if kind == "file" or one.size else "no end"
    each = one.counts
    return [
        name, kind, free, f"{each.reserved:,}", f"{each.used:,}", f"{each.given_back:,}", f"{each.expired:,}",
        f"{one.waiting:,}", f"{each.orders:,}", _value(each),
    ]  # fmt: skip


def _value(counts: CodeCounts) -> str:
    return " + ".join(f"{amount:,.2f} {currency}" for currency, amount in sorted(counts.value.items())) or "-"


def _as_json(name: str, one: PoolReport, config: Config) -> dict[str, Any]:
    pool = config.codes.get(name)
    is_file = (pool is not None and pool.kind == "file") or bool(one.size)
    return {
        "pool": name, "kind": pool.kind if pool is not None else None,
        "free": one.free if is_file else None, "size": one.size if is_file else None,
        **_counts_as_json(one.counts), "waiting": one.waiting, "not_counted": dict(sorted(one.wrong.items())),
        "by_journey": [
            {"journey": journey or None, "asked_as": asked, **_counts_as_json(each)}
            for (journey, asked), each in sorted(one.by_journey.items())
        ],
    }  # fmt: skip


def _counts_as_json(counts: CodeCounts) -> dict[str, Any]:
    value = {currency: f"{amount.normalize():f}" for currency, amount in sorted(counts.value.items())}
    return {
        "reserved": counts.reserved, "used": counts.used, "given_back": counts.given_back,
        "expired": counts.expired, "orders": counts.orders, "value": value,
    }  # fmt: skip


# --- import -------------------------------------------------------------------------------------------------


def _import(session: Session, pool: str, file: Path, form: Format) -> None:
    from engine.cli.stores import project_store
    from engine.project import load_config
    from engine.runtime.publish.pool_files import import_codes

    config = load_config(session.folder)
    known = config.codes.get(pool)
    if known is None or known.kind != "file":
        files = ", ".join(name for name, each in config.codes.items() if each.kind == "file") or "none"
        what = f'there is no pool "{pool}"' if known is None else f'the pool "{pool}" makes its codes itself'
        raise UsageError(f"{what}:", f"pools of files are: {files}; config.yaml makes one with  kind: file")
    with project_store(session.folder) as store, progress() as bar:
        task = bar.add_task("importing", total=None)
        done = import_codes(store, pool, file, session.clock.now(), lambda lines: bar.advance(task, lines))
    _tell_imported(pool, done, form)
    if done.refused_count:
        raise typer.Exit(PROBLEMS)


def _tell_imported(pool: str, done: ImportedCodes, form: Format) -> None:
    if form is Format.json:
        say_json({
            "pool": pool, "added": done.added, "known": done.known_count, "refused": done.refused_count,
            "known_codes": [{"code": code, "pool": other} for code, other in done.known],
            "refused_lines": [{"line": line, "why": why} for line, why in done.refused],
        })  # fmt: skip
        return
    say_plain(f"{counted(done.added, 'code')} added to {pool}")
    if done.known_count:
        say_plain(f"{counted(done.known_count, 'code')} not added: there already, or given out before")
        say_rows([[code, f"in {other}"] for code, other in done.known])
    for line, why in done.refused:
        complain(f"line {line:,} is no code: {why}")
    if done.refused_count > len(done.refused):
        complain(f"and {done.refused_count - len(done.refused):,} more lines")


# --- one code -----------------------------------------------------------------------------------------------


def _check(session: Session, code: str, form: Format) -> None:
    from engine.cli.stores import look_into_store
    from engine.project import load_config
    from engine.store.incentives import code_uses
    from engine.values import iso

    now, config = session.clock.now(), load_config(session.folder)
    with look_into_store(session.folder) as conn:
        found = code_uses.find(conn, code[:200])
        shown = code_uses.uses_of(conn, found.value) if found is not None else []
    if found is None:
        raise UsageError(
            f'nobody has the code "{code}", and no file holds it:', f"{command('codes')}  lists the pools"
        )
    verdict = found.verdict("", now)
    pool = config.codes.get(found.pool)
    worth = found.worth(pool.text if pool is not None else "")
    if form is Format.json:
        say_json({
            "code": found.value, "pool": found.pool, "kind": found.kind, "worth": worth,
            "state": verdict.value if verdict.value != "used" else "good", "customer": found.customer or None,
            "journey": found.journey or None,
            "given_at": iso(found.given_at) if found.given_at is not None else None,
            "expires": iso(found.expires) if found.expires is not None else None,
            "used_at": iso(found.used_at) if found.used_at is not None else None,
            "shown": [
                {"at": iso(at), "customer": who or None, "where": where, "order_id": order or None,
                 "verdict": said.value}
                for at, who, where, order, said in shown
            ],
        })  # fmt: skip
        return
    state = "good" if verdict.value == "used" else "used" if verdict.value == "used twice" else verdict.value
    say_rows(
        [
            [found.value, state],
            ["pool", found.pool + (f" ({worth})" if worth else "")],
            ["customer", found.customer or "everybody" if found.kind == "shared" else found.customer or "-"],
            ["journey", found.journey or "-"],
            ["given", iso(found.given_at) if found.given_at is not None else "-"],
            ["good until", iso(found.expires) if found.expires is not None else "-"],
            ["used", iso(found.used_at) if found.used_at is not None else "-"],
        ],
        indent=0,
    )
    if shown:
        say_head("Shown")
        say_rows(
            [[iso(at), who or "-", where, order or "-", said.value] for at, who, where, order, said in shown]
        )
