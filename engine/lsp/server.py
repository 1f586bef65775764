"""The server: what the editor says and asks, over the protocol of pygls.

Texts are taken whole (`TextDocumentSyncKind.Full`): a journey is small, and no line ending or character of
the editor can set its text and ours apart. Work is done on one thread of its own, one piece after the other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import structlog
from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from engine.clock import Clock
from engine.compiler.formatter import Formatter, has_canonical_form
from engine.language.acceptance import accepting
from engine.lsp import protocol
from engine.lsp.analysis import ProjectAnalysis, project_of, projects_in
from engine.lsp.completions import completions
from engine.lsp.cross_file_fixes import CrossFileFix
from engine.lsp.document import Document, DocumentEdit, Units, replacement
from engine.lsp.fixes import QuickFix
from engine.lsp.hovers import hover
from engine.lsp.names import UsedName, definitions, name_at
from engine.lsp.open_project import OpenProject
from engine.lsp.segment_sizes import segment_sizes
from engine.lsp.symbols import outline
from engine.problem import Problem, split_lines
from engine.project_files import AUTHORED, LARGEST
from engine.simulate.stories.accept import accept
from engine.simulate.stories.run_story import StoryResult
from engine.version import program

PAUSE = 0.2
"""Seconds without a keystroke before a changed text is looked at."""

_MOST_PROBLEMS = 20  # of the selected lines, whose fixes are tried out


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file of a project in the editor."""

    uri: str
    project: OpenProject
    file: str  # its path in the project
    text: str
    version: int | None


class JourneyLanguageServer(LanguageServer):
    """Knows what is open. Everything here runs on the event loop."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(protocol.SOURCE, program()[0], text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.was_shut_down = False
        self.completes = True
        self._clock = clock
        self._worker = ThreadPoolExecutor(1, "check")
        self._store = ThreadPoolExecutor(1, "store")  # one that does not answer holds up no check
        self._opened: dict[str, _Opened] = {}  # by URI
        self._projects: dict[Path, OpenProject] = {}

    @property
    def units(self) -> Units:
        """In what this editor counts characters."""
        encoding = self.workspace.position_encoding
        return cast("Units", str(getattr(encoding, "value", encoding) or "utf-16"))

    def project(self, root: Path) -> OpenProject:
        """The project in a folder, opened with the first question for it."""
        if root not in self._projects:
            self._projects[root] = OpenProject(root, self._clock, self._worker, self.show, self.report_bug)
        return self._projects[root]

    def projects_above(self, uri: str) -> Iterator[OpenProject]:
        """The open projects that a file on the disk is a part of."""
        path = _path(uri)
        for root, project in self._projects.items():
            if path is not None and path.is_relative_to(root):
                yield project

    # --- what the editor says --------------------------------------------------------------------

    def put(self, uri: str, text: str, version: int | None, after: float, *, stories: bool) -> None:
        """The text of a file in the editor, which counts from now on."""
        path = _path(uri)
        root = project_of(path) if path is not None else None
        if path is None or root is None:
            self._opened.pop(uri, None)
            return
        project, file = self.project(root), path.relative_to(root).as_posix()
        self._opened[uri] = _Opened(uri, project, file, text, version)
        project.unsaved[file] = text
        project.change(after, stories=stories)

    def save(self, uri: str) -> None:
        """What lies on the disk is what the editor has."""
        if uri in self._opened:
            self._opened[uri].project.change(0, stories=True)

    def close(self, uri: str) -> None:
        """What lies on the disk counts again, which may be nothing."""
        opened = self._opened.pop(uri, None)
        if opened is not None:
            opened.project.unsaved.pop(opened.file, None)
            opened.project.change(0)

    def stop(self) -> None:
        """Begins nothing new."""
        for executor in (self._worker, self._store):
            executor.shutdown(wait=False, cancel_futures=True)

    # --- what the editor asks --------------------------------------------------------------------

    async def opened(self, uri: str) -> tuple[_Opened, ProjectAnalysis] | None:
        """A file and what holds for its text of now. None: it is no part of a project, or is closed."""
        if uri not in self._opened:
            return None
        analysis = await self._opened[uri].project.fresh()
        opened = self._opened.get(uri)
        return None if opened is None or analysis is None else (opened, analysis)

    def document(self, opened: _Opened) -> Document:
        """Its text, as the editor counts."""
        return Document(opened.text, self.units)

    def document_of(self, project: OpenProject, file: str, analysis: ProjectAnalysis) -> tuple[Document, str]:
        """A file of a project and its URI: as the editor has it, else as it lies there ("")."""
        for opened in self._opened.values():
            if opened.project is project and opened.file == file:
                return self.document(opened), opened.uri
        # editors show no byte order mark
        return Document(analysis.project.sources.get(file, "").removeprefix("\ufeff"), self.units), ""

    async def name_at(self, uri: str, at: lsp.Position) -> tuple[_Opened, ProjectAnalysis, UsedName] | None:
        """The name under the cursor."""
        found = await self.opened(uri)
        if found is None:
            return None
        opened, analysis = found
        document = self.document(opened)
        line, column = document.line(at.line), document.character(at) + 1
        used = await opened.project.run(
            partial(name_at, analysis.project, opened.file, at.line + 1, column, line)
        )
        return (opened, analysis, used) if used is not None else None

    async def hover(self, params: lsp.HoverParams) -> lsp.Hover | None:
        """What the name under the cursor means."""
        found = await self.name_at(params.text_document.uri, params.position)
        if found is None:
            return None
        opened, analysis, used = found
        look = partial(hover, analysis.project, used, segment_sizes)
        text = await opened.project.run_beside(look, self._store)
        if text is None:
            return None
        content = lsp.MarkupContent(lsp.MarkupKind.Markdown, text)
        return lsp.Hover(content, self.document(opened).range(used.span))

    async def definition(self, params: lsp.DefinitionParams) -> list[lsp.Location]:
        """Where the name under the cursor is defined."""
        found = await self.name_at(params.text_document.uri, params.position)
        if found is None:
            return []
        opened, analysis, used = found
        spans = await opened.project.run(partial(definitions, analysis.project, used))
        places = []
        for span in spans:
            document, uri = self.document_of(opened.project, span.file, analysis)
            places.append(protocol.location(opened.project.root, span, document, uri))
        return places

    async def actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """The fixes of the selected lines, and what happened in a story as what is expected of it."""
        found = await self.opened(params.text_document.uri)
        if found is None:
            return []
        opened, analysis = found
        document, first, last = self.document(opened), params.range.start.line + 1, params.range.end.line + 1
        here = [
            problem
            for problem in analysis.problems
            if problem.span.file == opened.file and first <= problem.span.line <= last
        ]
        actions = []
        for problem in here[:_MOST_PROBLEMS]:
            fixes = await opened.project.fixes(problem, analysis)
            if self._opened.get(opened.uri) is not opened:
                return []  # its places are those of another text
            for fix in fixes:
                action = self._fix(fix, opened, analysis, problem)
                if action is not None:
                    action.is_preferred = len(fixes) == 1
                    actions.append(action)
            if not problem.is_error:
                title, edit = (
                    f"accept {problem.code}: then write why it is meant so",
                    _acceptance(opened, problem),
                )
                actions.append(protocol.quick_fix(title, opened.uri, edit, document, problem))
        for result, problem in zip(analysis.failed, analysis.failed_as, strict=True):
            if problem.span.file == opened.file and first <= problem.span.line <= last:
                actions += self._accepted(opened, result, problem, document)
        return actions

    def _fix(
        self, fix: QuickFix | CrossFileFix, opened: _Opened, analysis: ProjectAnalysis, problem: Problem
    ) -> lsp.CodeAction | None:
        """None: it makes a file or edits another one, and this editor cannot be told so."""
        document = self.document(opened)
        if isinstance(fix, QuickFix):
            return protocol.quick_fix(fix.title, opened.uri, fix.edit, document, problem)
        workspace = self.client_capabilities.workspace
        knows = workspace.workspace_edit if workspace is not None else None
        kinds = (knows.resource_operations or ()) if knows is not None else ()
        makes_files = any(each.is_new for each in fix.edits)
        if knows is None or not knows.document_changes:
            return None
        if makes_files and lsp.ResourceOperationKind.Create not in kinds:
            return None
        changes: list[protocol.FileChange] = []
        for each in fix.edits:
            text, uri = self.document_of(opened.project, each.file, analysis)
            uri = uri or (opened.project.root / each.file).as_uri()
            changes += protocol.file_changes(each, uri, text)
        return protocol.fix_of_files(fix.title, changes, document, problem)

    def _accepted(
        self, opened: _Opened, result: StoryResult, problem: Problem, document: Document
    ) -> list[lsp.CodeAction]:
        lines = document.lines
        accepted = accept("\n".join(lines), opened.file, [result])
        edit = replacement(lines, split_lines(accepted))
        title = "expect what happens now"
        return [protocol.quick_fix(title, opened.uri, edit, document, problem)] if edit is not None else []

    async def formatted(self, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        """The edit that `fmt` would make."""
        found = await self.opened(params.text_document.uri)
        if found is None or not has_canonical_form(found[0].file) or len(found[0].text) > LARGEST:
            return []
        opened, analysis = found
        text, document = opened.text.removeprefix("\ufeff"), self.document(opened)
        formatter = Formatter.of(analysis.project.catalogue)
        after = await opened.project.run(partial(formatter.format, text, opened.file))
        if after is None or self._opened.get(opened.uri) is not opened:
            return []
        edit = replacement(document.lines, split_lines(after))
        return [protocol.text_edit(edit, document)] if edit is not None else []

    async def symbols(self, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        """The outline of a file."""
        opened = self._opened.get(params.text_document.uri)
        if opened is None or len(opened.text) > LARGEST or not opened.file.endswith((".yaml", ".yml")):
            return []
        found = await opened.project.run(partial(outline, opened.text, opened.file))
        return protocol.document_symbols(found, self.document(opened))

    async def completed(self, params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        """What may be typed at the cursor. The names are those of the last look: nobody waits for a check
        at every letter."""
        opened = self._opened.get(params.text_document.uri)
        if not self.completes or opened is None or len(opened.text) > LARGEST:
            return []
        analysis = opened.project.analysis or await opened.project.fresh()
        if analysis is None:
            return []
        document, at = self.document(opened), params.position
        look = partial(
            completions, analysis.project, opened.file, document.lines, at.line, document.character(at)
        )
        return protocol.completion_items(await opened.project.run(look))

    # --- what the editor is told -----------------------------------------------------------------

    def show(self, project: OpenProject) -> None:
        """All that is wrong in a project, and that nothing is wrong any more in a file where something
        was."""
        analysis = project.analysis
        found = analysis.by_file() if analysis is not None else {}
        open_files = {o.file: o for o in self._opened.values() if o.project is project}
        for file in sorted({*found, *project.shown, *open_files}):
            opened = open_files.get(file)
            document, uri = (
                self.document_of(project, file, analysis)
                if analysis is not None
                else (Document("", self.units), "")
            )
            self.text_document_publish_diagnostics(
                lsp.PublishDiagnosticsParams(
                    uri or (project.root / file).as_uri(),
                    [protocol.diagnostic(problem, document) for problem in found.get(file, ())],
                    version=opened.version if opened is not None else None,
                )
            )
        project.shown = set(found)

    def report_bug(self, bug: BaseException) -> None:
        """A look at a project failed by a mistake of ours: the editor stays, the next change tries again."""
        structlog.get_logger().error("check failed", exc_info=(type(bug), bug, bug.__traceback__))
        text = f"This is a mistake in Perennial, not in your files: {type(bug).__name__}: {bug}"
        self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Error, text))


def _acceptance(opened: _Opened, problem: Problem) -> DocumentEdit:
    """The comment that accepts a warning. The reason is its author's: until it stands there, that is an
    error."""
    put = accepting(opened.text, problem, "")
    return DocumentEdit(put.line - 1, put.column - 1, put.line - 1, put.column - 1, put.text)


def _path(uri: str) -> Path | None:
    """Of a file on this machine; a text that was never saved has none."""
    path = to_fs_path(uri)
    return Path(os.path.normpath(path)) if path and "\0" not in path else None


def make_server(clock: Clock) -> JourneyLanguageServer:
    """With a handler for each thing that an editor says or asks."""
    server = JourneyLanguageServer(clock)
    _hear(server)
    _answer(server)
    return server


def _hear(server: JourneyLanguageServer) -> None:
    @server.feature(lsp.INITIALIZE)
    def begin(params: lsp.InitializeParams) -> None:
        options: Any = params.initialization_options
        server.completes = not isinstance(options, dict) or options.get("completion") is not False

    @server.feature(lsp.INITIALIZED)
    async def begun(_: lsp.InitializedParams) -> None:
        folders = (_path(folder.uri) for folder in server.workspace.folders.values())
        root = _path(server.workspace.root_uri or "")
        for folder in projects_in(path for path in (*folders, root) if path is not None):
            server.project(folder).change(0, stories=True)
        workspace = server.client_capabilities.workspace
        watched = workspace.did_change_watched_files if workspace is not None else None
        if watched is not None and watched.dynamic_registration:
            globs = [f"**/{name}**" if name.endswith("/") else f"**/{name}" for name in AUTHORED]
            watchers = [lsp.FileSystemWatcher(glob) for glob in globs]
            options = lsp.DidChangeWatchedFilesRegistrationOptions(watchers)
            method = lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES
            registered = lsp.Registration("files", method, options)
            await server.client_register_capability_async(lsp.RegistrationParams([registered]))

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: lsp.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        server.put(document.uri, document.text, document.version, 0, stories=True)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: lsp.DidChangeTextDocumentParams) -> None:
        document = params.text_document
        text = server.workspace.get_text_document(document.uri).source
        server.put(document.uri, text, document.version, PAUSE, stories=False)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: lsp.DidSaveTextDocumentParams) -> None:
        server.save(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: lsp.DidCloseTextDocumentParams) -> None:
        server.close(params.text_document.uri)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_files(params: lsp.DidChangeWatchedFilesParams) -> None:
        for project in {p for change in params.changes for p in server.projects_above(change.uri)}:
            project.change(PAUSE, stories=True)

    @server.feature(lsp.SHUTDOWN)
    def shut_down(_: None) -> None:
        server.was_shut_down = True
        server.stop()


def _answer(server: JourneyLanguageServer) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    async def hovered(params: lsp.HoverParams) -> lsp.Hover | None:
        return await server.hover(params)

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    async def defined(params: lsp.DefinitionParams) -> list[lsp.Location]:
        return await server.definition(params)

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    async def formatted(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        return await server.formatted(params)

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    async def outlined(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        return await server.symbols(params)

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix]))
    async def mended(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        return await server.actions(params)

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=[" ", ":", "-", "{"])
    )
    async def completed(params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        return await server.completed(params)


def serve(clock: Clock) -> bool:
    """Talks to one editor over stdin and stdout until it says goodbye, or goes. True: it said goodbye."""
    # The protocol alone may write there: whatever else prints goes where an editor keeps the log
    answering = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    server = make_server(clock)
    try:
        server.start_io(sys.stdin.buffer, answering)
    finally:
        server.stop()
    return server.was_shut_down
