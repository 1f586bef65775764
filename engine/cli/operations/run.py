"""`run`: the daemon."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.app import RUN, Session, app
from engine.errors import UsageError
from engine.runtime.workers.cluster_view import Role


@app.command(rich_help_panel=RUN)
def run(
    context: typer.Context,
    dry: Annotated[bool, typer.Option("--dry", help="decide and record, hand nothing over")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="reload when a file changes")] = False,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="take over a copy or a restored backup; hold what may have been sent"),
    ] = False,
    role: Annotated[
        Role,
        typer.Option(
            help="all, worker (decides and sends) or http (takes in, shows pages); many of each on PostgreSQL"
        ),
    ] = Role.ALL,
    lease: Annotated[
        float,
        typer.Option(
            min=3, max=600, help="seconds of silence after which the other processes take this one for dead"
        ),
    ] = 10,
    figures: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="where a worker answers /healthz, /readyz and /metrics")
    ] = "",
    logs: Annotated[str, typer.Option("--logs", help="text or json")] = "text",
) -> None:
    """Publish the folder and run it until SIGTERM or Ctrl-C. SIGHUP reads the files again."""
    session = Session.of(context)
    from engine.cli.logs import set_up
    from engine.daemon import Daemon, DaemonOptions
    from engine.runtime.process import event_loop

    set_up(as_json=logs == "json", level=session.log)
    options = DaemonOptions(
        dry=dry, watch=watch, adopt=adopt, role=role, figures=_place(figures, role), lease=int(lease * 1000)
    )
    event_loop.run(Daemon(session.folder, options=options).run())


def _place(text: str, role: Role) -> tuple[str, int] | None:
    """Raises UsageError for what is no address, and for a process that answers at `http.listen`."""
    if not text:
        return None
    if role is not Role.WORKER:
        raise UsageError(f"--role {role.value} answers at http.listen of config.yaml:", "leave --figures out")
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise UsageError(f'"{text}" is no address to answer at:', "write  --figures 127.0.0.1:9101")
    return host.strip("[]"), int(port)
