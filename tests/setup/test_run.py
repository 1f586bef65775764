"""`./run` is plain POSIX shell and starts the right thing from anywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = "import os, sys; print(sys.argv[1:], os.getcwd(), os.environ.get('PERENNIAL_PROJECT', '-'))\n"


def call(house: Path, *args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "PERENNIAL_PROJECT"}
    return subprocess.run(
        [house / "run", *args],
        cwd=cwd or house,
        env=inherited | env,
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository with `run`, locks, a program that tells how it was called, and a ready environment."""
    house = tmp_path / "a house"
    (house / ".venv" / "bin").mkdir(parents=True)
    for name in ("run", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, house / name)
    (house / "main.py").write_text(PROGRAM)
    python = house / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (house / ".venv" / "bin" / "pytest").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "{house}/main.py" "$@"\n'
    )
    (house / ".venv" / "bin" / "pytest").chmod(0o755)
    (house / ".venv" / ".dev-stamp").write_text(stamp_of(house / "requirements-dev.lock"))
    return house


def stamp_of(lock: Path) -> str:
    return subprocess.run(
        ["cksum"], input=lock.read_text(), text=True, capture_output=True, check=True
    ).stdout


@pytest.mark.parametrize("shell", [["dash", "-n"], ["sh", "-n"]])
def test_it_is_plain_shell(shell: list[str]) -> None:
    if not shutil.which(shell[0]):
        pytest.skip(f"no {shell[0]} on this machine")
    assert subprocess.run([*shell, ROOT / "run"], capture_output=True, check=False).stderr == b""


def test_a_command_goes_to_the_program(house: Path) -> None:
    done = call(house, "check", "a b", "--format", "json")
    assert done.stdout == f"['check', 'a b', '--format', 'json'] {house} {house}\n"
    assert done.stderr == ""


def test_elsewhere_paths_are_the_callers_and_the_project_is_ours(house: Path, tmp_path: Path) -> None:
    assert call(house, "check", cwd=tmp_path).stdout == f"['check'] {tmp_path} {house}\n"


def test_in_another_project_commands_mean_that_one(house: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    assert call(house, "check", cwd=tmp_path).stdout == f"['check'] {tmp_path} -\n"
    assert call(house, "check", PERENNIAL_PROJECT="/mine").stdout.endswith(" /mine\n")


def test_tools_run_in_the_repository(house: Path, tmp_path: Path) -> None:
    assert call(house, "pytest", "-x", cwd=tmp_path).stdout == f"['-x'] {house} {house}\n"


def test_the_exit_code_is_the_programs(house: Path) -> None:
    (house / "main.py").write_text("raise SystemExit(4)\n")
    assert call(house, "plan").returncode == 4


def without_python(tmp_path: Path) -> str:
    """A PATH with what `run` needs, but no Python and nothing to install one with."""
    bare = tmp_path / "bare"
    bare.mkdir()
    for tool in ("dirname", "cat", "cksum", "id", "sh", "rm", "mkdir"):
        found = shutil.which(tool)
        assert found
        (bare / tool).symlink_to(found)
    return str(bare)


def test_without_python_it_says_what_to_install(house: Path, tmp_path: Path) -> None:
    shutil.rmtree(house / ".venv")
    done = call(house, "demo", PATH=without_python(tmp_path))
    assert done.returncode == 1
    assert "apt-get install python3 python3-venv" in done.stderr
    assert done.stdout == ""


def test_without_venv_it_says_what_to_install(house: Path, tmp_path: Path) -> None:
    """Debian's Python without python3-venv: `import ensurepip` fails."""
    shutil.rmtree(house / ".venv")
    path = Path(without_python(tmp_path))
    broken = path / "python3"
    broken.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    broken.chmod(0o755)
    done = call(house, "demo", PATH=str(path))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert done.returncode == 1
    assert f"apt-get install python{version}-venv" in done.stderr


@pytest.fixture
def with_uv(tmp_path: Path) -> str:
    """A PATH with a `uv` that only tells how it was called."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text('#!/bin/sh\necho "uv $*" >&2\n')
    (tools / "uv").chmod(0o755)
    return f"{tools}:{os.environ['PATH']}"


def test_a_changed_lock_prepares_the_environment_again(house: Path, with_uv: str) -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        with (house / lock).open("a") as text:
            text.write("\n")
    first, second = call(house, "check", PATH=with_uv), call(house, "check", PATH=with_uv)
    assert "uv sync --frozen --all-extras --no-dev" in first.stderr
    assert second.stderr == ""
    assert first.stdout == second.stdout


def test_the_developers_tools_come_with_the_first_command_that_needs_one(house: Path, with_uv: str) -> None:
    (house / ".venv" / ".dev-stamp").unlink()
    (house / ".venv" / ".run-stamp").write_text(stamp_of(house / "requirements.lock"))
    assert call(house, "check", PATH=with_uv).stderr == ""
    first, second = call(house, "pytest", PATH=with_uv), call(house, "pytest", PATH=with_uv)
    assert "uv sync --frozen --all-extras --quiet" in first.stderr
    assert second.stderr == ""
    assert call(house, "check", PATH=with_uv).stderr == ""


SLOW_PIP = """#!/bin/sh
case "$*" in
  *"pip --version"*) exit 0 ;;
  *"pip install"*) sleep 3; echo "Collecting everything"; echo "$*" >>"{log}"; exit {code} ;;
esac
exec "{python}" "$@"
"""


def with_a_slow_pip(house: Path, code: int = 0) -> Path:
    """An environment whose pip takes three seconds, tells that it was called, and installs nothing."""
    log = house / "pip.log"
    (house / ".venv" / ".dev-stamp").unlink()
    python = house / ".venv" / "bin" / "python"
    python.write_text(SLOW_PIP.format(log=log, code=code, python=sys.executable))
    return log


def without_uv() -> str:
    return os.pathsep.join(
        folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "uv").exists()
    )


def test_two_starts_at_once_install_once(house: Path) -> None:
    log = with_a_slow_pip(house)
    with ThreadPoolExecutor() as threads:
        starts = list(threads.map(lambda _: call(house, "check", PATH=without_uv()), range(2)))
    assert [start.returncode for start in starts] == [0, 0]
    assert log.read_text().count("pip install") == 1
    assert sum("Another ./run is preparing" in start.stderr for start in starts) == 1


def test_the_first_start_says_where_how_much_and_how_long_in_one_line(house: Path) -> None:
    with_a_slow_pip(house)
    done = call(house, "check", PATH=without_uv())
    assert re.fullmatch(
        rf"Preparing the environment in {house}/.venv: \d+ packages, once, about a minute:( \d0%)* done in "
        rf"\d+ s\.\n",
        done.stderr,
    )


def test_a_failed_installation_is_told_and_taken_up_again(house: Path) -> None:
    log = with_a_slow_pip(house, code=1)
    cut_off = house / ".venv/lib/python3.11/site-packages/half-1.0.dist-info"
    cut_off.mkdir(parents=True)
    first, second = (call(house, "check", PATH=without_uv()) for _ in range(2))
    assert first.returncode == second.returncode == 1
    assert "Collecting everything" in first.stderr
    assert "goes on from here" in first.stderr
    assert first.stdout == ""
    assert log.read_text().count("pip install") == 2
    assert not cut_off.exists()


def test_where_the_checkout_cannot_be_written_the_environment_goes_to_the_cache(
    house: Path, tmp_path: Path, with_uv: str
) -> None:
    """A file in the place of `.venv` stops even root, who may write everywhere."""
    shutil.rmtree(house / ".venv")
    (house / ".venv").touch()
    cache = tmp_path / "cache"
    tool = f"""#!/bin/sh
mkdir -p "$UV_PROJECT_ENVIRONMENT/bin"; ln -s "{sys.executable}" "$UV_PROJECT_ENVIRONMENT/bin/python"
"""
    (tmp_path / "tools" / "uv").write_text(tool)
    first, second = (call(house, "check", PATH=with_uv, XDG_CACHE_HOME=str(cache)) for _ in range(2))
    assert (
        f"{house} cannot be written: the environment goes to {cache}/perennial/environment-" in first.stderr
    )
    assert first.stdout == second.stdout == f"['check'] {house} {house}\n"
    assert second.stderr == ""


def test_as_root_on_debian_it_installs_what_is_missing(house: Path, tmp_path: Path) -> None:
    """With an `apt-get` that only tells how it was called and puts a Python there."""
    shutil.rmtree(house / ".venv")
    path = Path(without_python(tmp_path))
    (path / "id").unlink()
    python = f'#!/bin/sh\\nexec "{sys.executable}" "$@"\\n'
    scripts = {
        "id": "echo 0",
        "apt-get": f"""echo "apt-get $*"; printf '{python}' >"{path}/python3"; \
PATH={os.environ["PATH"]} chmod +x "{path}/python3\"""",
        "uv": f"""PATH={os.environ["PATH"]}; mkdir -p .venv/bin; cp "{path}/python3" .venv/bin/python""",
    }
    for name, script in scripts.items():
        (path / name).write_text(f"#!/bin/sh\n{script}\n")
        (path / name).chmod(0o755)
    done = call(house, "demo", PATH=str(path))
    assert "install -y -qq python3 python3-venv" in done.stderr
    assert done.stdout == f"['demo'] {house} {house}\n"
