"""The frame of the small pages that customers see: no script, nothing from elsewhere, readable on a phone."""

from __future__ import annotations

from html import escape

CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

_STYLE = (
    "body{font:17px/1.5 system-ui,sans-serif;color:#222;background:#f6f4f1;margin:0;padding:8vh 1rem}"
    "main{max-width:28rem;margin:auto;background:#fff;border-radius:12px;padding:2rem;box-shadow:0 1px 6px #0002}"
    "h1{font-size:1.4rem;margin:0 0 .5rem}label{display:block;margin:.6rem 0;text-transform:capitalize}"
    "button{margin-top:1rem;font:inherit;padding:.6rem 1.2rem;border:0;border-radius:8px;background:#2d5b45;color:#fff}"
    "input{width:1.1rem;height:1.1rem;vertical-align:-2px;margin-right:.5rem}"
)


def page(title: str, body: str) -> str:
    """A whole page around `body`, which is HTML already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{CSP.replace("; frame-ancestors " + chr(39) + "none" + chr(39), "")}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )
