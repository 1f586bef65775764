// Starts `lsp` beside each folder that is opened, and shows what it says. All that is known of journeys is in
// the server; nothing is checked here.
"use strict";

const fs = require("fs");
const path = require("path");
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

const YAML_EXTENSION = "redhat.vscode-yaml";
const FILES = [
  "**/journeys/**/*.{yaml,yml}",
  "**/schemas/*.yaml",
  "**/config.yaml",
  "**/templates/**/*.{mjml,html,txt,yaml,yml}",
];

let clients = [];

function serverCommand(folder) {
  const named = vscode.workspace.getConfiguration("perennial", folder.uri).get("command", []);
  if (named.length > 0) {
    return named;
  }
  const run = path.join(folder.uri.fsPath, "run");
  return fs.existsSync(run) ? [run, "lsp"] : ["perennial", "lsp"];
}

function completes(folder) {
  const wanted = vscode.workspace.getConfiguration("perennial", folder.uri).get("completion", "auto");
  return wanted === "auto" ? vscode.extensions.getExtension(YAML_EXTENSION) === undefined : wanted === "on";
}

function clientFor(folder) {
  const [command, ...args] = serverCommand(folder);
  // the protocol takes patterns as texts alone
  const inFolder = (pattern) => `${folder.uri.fsPath}/${pattern}`;
  return new LanguageClient(
    "perennial",
    `Perennial (${folder.name})`,
    { command, args, options: { cwd: folder.uri.fsPath } },
    {
      documentSelector: FILES.map((pattern) => ({ scheme: "file", pattern: inFolder(pattern) })),
      workspaceFolder: folder,
      initializationOptions: { completion: completes(folder) },
    },
  );
}

async function start() {
  const folders = (vscode.workspace.workspaceFolders ?? []).filter((folder) => folder.uri.scheme === "file");
  clients = folders.map(clientFor);
  const started = await Promise.allSettled(clients.map((client) => client.start()));
  for (const failed of started.filter((each) => each.status === "rejected")) {
    vscode.window.showErrorMessage(
      `The language server did not start: ${failed.reason}. The setting perennial.command says how it starts.`,
    );
  }
}

async function stop() {
  const stopping = clients;
  clients = [];
  await Promise.allSettled(stopping.map((client) => client.stop()));
}

async function restart() {
  await stop();
  await start();
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("perennial.restart", restart),
    vscode.workspace.onDidChangeWorkspaceFolders(restart),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("perennial")) {
        restart();
      }
    }),
  );
  await start();
}

module.exports = { activate, deactivate: stop };
