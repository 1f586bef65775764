"""packaging/vscode/ starts the language server as its README says; nothing is downloaded for that."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "packaging/vscode"

# The two modules that VS Code and npm bring, as far as the extension asks for them
STAND_INS = """
const Module = require("module");
const settings = JSON.parse(process.argv[2]);
const load = Module._load;
const made = [];
class LanguageClient {
  constructor(id, name, server, options) {
    made.push({ id, name, server, options: { ...options, workspaceFolder: options.workspaceFolder.name } });
  }
  async start() {
    if (settings.broken) throw new Error("no such program");
    made.at(-1).started = true;
  }
  async stop() { made.at(-1).stopped = true; }
}
const said = [];
const vscode = {
  workspace: {
    workspaceFolders: [{ name: "shop", uri: { scheme: "file", fsPath: settings.folder } }],
    getConfiguration: () => ({ get: (name, otherwise) => settings[name] ?? otherwise }),
    onDidChangeWorkspaceFolders: () => ({}),
    onDidChangeConfiguration: () => ({}),
  },
  extensions: { getExtension: () => (settings.yaml ? {} : undefined) },
  commands: { registerCommand: (name) => ({ name }) },
  window: { showErrorMessage: (text) => said.push(text) },
};
const modules = { vscode, "vscode-languageclient/node": { LanguageClient } };
Module._load = (name, ...more) => modules[name] ?? load(name, ...more);
const extension = require(settings.extension);
const context = { subscriptions: [] };
extension.activate(context).then(async () => {
  await extension.deactivate();
  console.log(JSON.stringify({ made, said, commands: context.subscriptions.map((each) => each.name) }));
});
"""


def activated(folder: Path, tmp_path: Path, **settings: Any) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    script = tmp_path / "stand_ins.js"
    script.write_text(STAND_INS)
    asked = {"folder": str(folder), "extension": str(FOLDER / "extension.js"), **settings}
    done = subprocess.run([node, script, json.dumps(asked)], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_starts_the_server_of_the_folder(tmp_path: Path) -> None:
    said = activated(ROOT, tmp_path)
    (client,) = said["made"]
    assert client["server"] == {
        "command": str(ROOT / "run"), "args": ["lsp"], "options": {"cwd": str(ROOT)}
    }  # fmt: skip
    assert client["options"]["initializationOptions"] == {"completion": True}
    patterns = [each["pattern"] for each in client["options"]["documentSelector"]]
    assert f"{ROOT}/**/journeys/**/*.{{yaml,yml}}" in patterns
    assert client["started"]
    assert client["stopped"]
    assert said["said"] == []
    assert said["commands"][0] == "perennial.restart"


def test_settings_name_another_program_and_leave_completion_to_the_schemas(tmp_path: Path) -> None:
    said = activated(tmp_path, tmp_path, command=["/opt/x/run", "-v", "lsp"], yaml=True)
    (client,) = said["made"]
    assert (client["server"]["command"], client["server"]["args"]) == ("/opt/x/run", ["-v", "lsp"])
    assert client["options"]["initializationOptions"] == {"completion": False}
    (client,) = activated(tmp_path, tmp_path)["made"]
    assert client["server"]["command"] == "perennial"


def test_a_server_that_does_not_start_is_told(tmp_path: Path) -> None:
    (text,) = activated(tmp_path, tmp_path, broken=True)["said"]
    assert "no such program" in text
    assert "perennial.command" in text


def test_the_manifest_names_what_the_extension_has() -> None:
    manifest = json.loads((FOLDER / "package.json").read_text())
    source, readme = (FOLDER / "extension.js").read_text(), (FOLDER / "README.md").read_text()
    assert (FOLDER / manifest["main"]).is_file()
    for setting in manifest["contributes"]["configuration"]["properties"]:
        assert f'get("{setting.removeprefix("perennial.")}"' in source
        assert f"`{setting}`" in readme
    commands = {command["command"] for command in manifest["contributes"]["commands"]}
    assert commands == set(re.findall(r'registerCommand\("([^"]+)"', source))
    modules = set(re.findall(r'require\("([^"]+)"\)', source)) - {"fs", "path", "vscode"}
    assert {module.partition("/")[0] for module in modules} == set(manifest["dependencies"])
