"""`./run` is plain POSIX shell and starts the right thing from anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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
    for name in ("run", "uv.lock", "requirements.lock"):
        shutil.copy(ROOT / name, house / name)
    (house / "main.py").write_text(PROGRAM)
    python = house / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (house / ".venv" / "bin" / "pytest").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "{house}/main.py" "$@"\n'
    )
    (house / ".venv" / "bin" / "pytest").chmod(0o755)
    stamp = subprocess.run(
        "cat uv.lock requirements.lock | cksum", shell=True, cwd=house, capture_output=True, check=True
    )
    (house / ".venv" / ".lock-stamp").write_bytes(stamp.stdout)
    return house


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
    for tool in ("dirname", "cat", "cksum", "id", "sh", "rm"):
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


def test_a_changed_lock_prepares_the_environment_again(house: Path, tmp_path: Path) -> None:
    """With a `uv` that only tells how it was called."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text('#!/bin/sh\necho "uv $*" >&2\n')
    (tools / "uv").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    with (house / "uv.lock").open("a") as lock:
        lock.write("\n")
    first, second = call(house, "check", PATH=path), call(house, "check", PATH=path)
    assert "uv sync --frozen" in first.stderr
    assert second.stderr == ""
    assert first.stdout == second.stdout


def test_as_root_on_debian_it_installs_what_is_missing(house: Path, tmp_path: Path) -> None:
    """With an `apt-get` that only tells how it was called and puts a Python there."""
    shutil.rmtree(house / ".venv")
    path = Path(without_python(tmp_path))
    (path / "id").unlink()
    python = f'#!/bin/sh\\nexec "{sys.executable}" "$@"\\n'
    scripts = {
        "id": "echo 0",
        "apt-get": f"""echo "apt-get $*"; printf '{python}' >"{path}/python3"; PATH={os.environ["PATH"]} chmod +x "{path}/python3\"""",
        "uv": f"""PATH={os.environ["PATH"]}; mkdir -p .venv/bin; cp "{path}/python3" .venv/bin/python""",
    }
    for name, script in scripts.items():
        (path / name).write_text(f"#!/bin/sh\n{script}\n")
        (path / name).chmod(0o755)
    done = call(house, "demo", PATH=str(path))
    assert "install -y -qq python3 python3-venv" in done.stderr
    assert done.stdout == f"['demo'] {house} {house}\n"
