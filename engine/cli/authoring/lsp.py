"""`lsp`: the language server that an editor starts."""

from __future__ import annotations

import importlib.util

import typer

from engine.cli.app import PROBLEMS, WRITE, Session, app
from engine.errors import InstallationError


@app.command(rich_help_panel=WRITE)
def lsp(context: typer.Context) -> None:
    """What `check` says, in an editor while you write: started by the editor, it speaks the Language Server
    Protocol on stdin and stdout."""
    from engine.lsp import EXTRA, INSTALL

    if importlib.util.find_spec("pygls") is None:
        raise InstallationError(f'the language server needs the extra "{EXTRA}":', INSTALL)
    from engine.lsp.server import serve

    if not serve(Session.of(context).clock):
        raise typer.Exit(PROBLEMS)
