"""The language server: what `check` says, in an editor, while somebody writes. It needs pygls (the extra
`lsp`), so only the command that starts it imports these modules."""

EXTRA = "lsp"
INSTALL = "install it:  uv sync --extra lsp  or  pip install 'perennial[lsp]'"
