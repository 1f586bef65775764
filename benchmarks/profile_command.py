"""`./run profile COMMAND ...`: runs a command of main.py under cProfile and tells at the end where its time
went."""

from __future__ import annotations

import cProfile
import pstats
import sys
import threading
from collections import Counter
from pathlib import Path

from engine.cli import main

ROOT = Path(__file__).parents[1]
SHOWN = 25


def profiled() -> pstats.Stats:
    """Runs the command of `sys.argv` to its end, every thread measured."""
    profiles: list[cProfile.Profile] = []
    run_thread = threading.Thread.run

    def run_measured(thread: threading.Thread) -> None:
        profile = cProfile.Profile()
        try:
            profile.enable()
        except ValueError:  # Python 3.12 and later measure all threads with the first profile
            run_thread(thread)
            return
        profiles.append(profile)
        try:
            run_thread(thread)
        finally:
            profile.disable()

    threading.Thread.run = run_measured  # type: ignore[method-assign, assignment]
    whole = cProfile.Profile()
    whole.enable()
    try:
        main()
    except SystemExit:
        pass  # every command leaves so; what it found is not our subject
    finally:
        whole.disable()
        threading.Thread.run = run_thread  # type: ignore[method-assign]
    stats = pstats.Stats(whole, stream=sys.stderr)
    for profile in profiles:
        profile.create_stats()
        if profile.stats:  # a thread that did nothing cannot be added
            stats.add(profile)
    return stats


def home(file: str) -> str:
    """To whom a line of the profile belongs: a package of ours, a library, or Python."""
    path = Path(file)
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1].removesuffix(".py")
    if path.is_relative_to(ROOT):
        return "/".join(path.relative_to(ROOT).parts[:2])
    return "Python itself"


def tell(stats: pstats.Stats) -> None:
    """By home, then by function: own time, and with everything that it calls."""
    seconds: Counter[str] = Counter()
    for (file, _, _), (_, _, own, _, _) in stats.stats.items():  # type: ignore[attr-defined]
        seconds[home(file)] += own
    print(
        "\nWhere the time went, in seconds (measuring makes everything about twice as slow):", file=sys.stderr
    )
    for name, own in seconds.most_common(15):
        print(f"  {own:8.3f}  {name}", file=sys.stderr)
    stats.sort_stats("tottime").print_stats(SHOWN)
    stats.sort_stats("cumulative").print_stats(str(ROOT / "engine"), SHOWN)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: ./run profile COMMAND ...   for example  ./run profile check")
    tell(profiled())
