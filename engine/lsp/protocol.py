"""What is found in a project, in the words of the protocol: diagnostics, edits, outlines, completions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from lsprotocol import types as lsp

from engine.lsp.completions import Completion, CompletionKind
from engine.lsp.cross_file_fixes import FileEdit
from engine.lsp.document import Document, DocumentEdit
from engine.lsp.symbols import Symbol, SymbolKind
from engine.problem import Problem, Span

SOURCE = "perennial"

_SYMBOLS = {
    SymbolKind.part: lsp.SymbolKind.Property,
    SymbolKind.step: lsp.SymbolKind.Function,
    SymbolKind.branch: lsp.SymbolKind.Operator,
    SymbolKind.story: lsp.SymbolKind.Method,
}
_OFFERED = {
    CompletionKind.key: lsp.CompletionItemKind.Property,
    CompletionKind.name: lsp.CompletionItemKind.Reference,
    CompletionKind.word: lsp.CompletionItemKind.EnumMember,
}


def diagnostic(problem: Problem, document: Document) -> lsp.Diagnostic:
    """With why it matters and what to type, as `check` says it."""
    lines = [problem.what]
    if problem.why:
        lines.append(problem.why if "\n" in problem.why else f"why: {problem.why}")
    if problem.fix:
        lines.append(f"fix: {problem.fix}")
    level = lsp.DiagnosticSeverity.Error if problem.is_error else lsp.DiagnosticSeverity.Warning
    return lsp.Diagnostic(
        document.range(problem.span), "\n".join(lines), severity=level, code=problem.code, source=SOURCE
    )


def text_edit(edit: DocumentEdit, document: Document) -> lsp.TextEdit:
    """In the units of the editor."""
    start = document.position(edit.line, edit.start)
    return lsp.TextEdit(lsp.Range(start, document.position(edit.last_line, edit.end)), edit.text)


def quick_fix(
    title: str, uri: str, edit: DocumentEdit, document: Document, problem: Problem
) -> lsp.CodeAction:
    """An action beside the problem that it mends."""
    return lsp.CodeAction(
        title,
        kind=lsp.CodeActionKind.QuickFix,
        diagnostics=[diagnostic(problem, document)],
        edit=lsp.WorkspaceEdit(changes={uri: [text_edit(edit, document)]}),
    )


FileChange = lsp.TextDocumentEdit | lsp.CreateFile | lsp.RenameFile | lsp.DeleteFile


def file_changes(made: FileEdit, uri: str, text: Document) -> list[FileChange]:
    """The steps of an edit of another file; `text`: what stands there now."""
    named = lsp.OptionalVersionedTextDocumentIdentifier(uri)
    edited: list[FileChange] = [lsp.TextDocumentEdit(named, [text_edit(made.edit, text)])]
    if not made.is_new:
        return edited
    return [lsp.CreateFile(uri, options=lsp.CreateFileOptions(ignore_if_exists=True)), *edited]


def fix_of_files(
    title: str, changes: list[FileChange], document: Document, problem: Problem
) -> lsp.CodeAction:
    """An action that edits or makes other files. `document`: where the problem stands."""
    return lsp.CodeAction(
        title,
        kind=lsp.CodeActionKind.QuickFix,
        diagnostics=[diagnostic(problem, document)],
        edit=lsp.WorkspaceEdit(document_changes=changes),
    )


def location(root: Path, span: Span, document: Document, uri: str) -> lsp.Location:
    """A place in a file of the project that lies in `root`; `uri`: "" where no editor has it open."""
    return lsp.Location(uri or (root / span.file).as_uri(), document.range(span))


def document_symbols(symbols: Iterable[Symbol], document: Document) -> list[lsp.DocumentSymbol]:
    """As the editor draws an outline."""
    found = []
    for symbol in symbols:
        name, last = document.range(symbol.name), document.range(symbol.last)
        inside = document_symbols(symbol.inside, document)
        ends = [name.end, last.end, *(each.range.end for each in inside)]
        end = max(ends, key=lambda place: (place.line, place.character))
        around = lsp.Range(name.start, end)
        found.append(
            lsp.DocumentSymbol(symbol.words, _SYMBOLS[symbol.kind], around, name, children=inside or None)
        )
    return found


def completion_items(offered: Sequence[Completion]) -> list[lsp.CompletionItem]:
    """In our order, which is that of the language and of the catalogue."""
    return [
        lsp.CompletionItem(
            each.text,
            kind=_OFFERED[each.kind],
            detail=each.about or None,
            sort_text=f"{place:05}",
            insert_text=f"{each.text}: " if each.kind is CompletionKind.key else each.text,
        )
        for place, each in enumerate(offered)
    ]
