"""The command line: one file per command, output in one place."""


def main() -> None:
    """Start it. Imported late, so that the package itself costs nothing."""
    from engine.cli.app import main as run

    run()
