"""A message as a page for people: phone and desktop width, plain text, headers. Nothing in it runs, nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from engine.channels.base import Message

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; form-action 'none'; base-uri 'none'"
"""The Content-Security-Policy of every page made here; the frames of a mail inherit it and are sandboxed besides."""

WITH_IMAGES = POLICY.replace("img-src data:", "img-src data: https:")
"""For a preview on the author's own machine: the pictures of the mail are fetched from where they lie."""

CLIPPED = 102 * 1024
"""Gmail shows no more of a mail than so many bytes."""

_STYLE = Markup("""
:root { color-scheme: light dark; --ink: #1d2623; --soft: #5d6b66; --line: #dbe2de; --paper: #fff; --back: #f3f6f4; --accent: #1f7a5c }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ece9; --soft: #9aa8a2; --line: #33403a; --paper: #1a211e; --back: #121715; --accent: #58c49b } }
* { box-sizing: border-box } body { margin: 0; font: 15px/1.5 system-ui, "Segoe UI", sans-serif; color: var(--ink); background: var(--back) }
main { max-width: 1180px; margin: 0 auto; padding: 24px 20px 60px } header.top { border-bottom: 1px solid var(--line); background: var(--paper) }
header.top div { max-width: 1180px; margin: 0 auto; padding: 14px 20px; display: flex; gap: 16px; align-items: baseline; flex-wrap: wrap }
header.top b { font-size: 17px } header.top span, .soft { color: var(--soft) } a { color: var(--accent) } h1 { font-size: 22px; margin: 0 0 4px; overflow-wrap: anywhere }
h2 { font-size: 13px; text-transform: uppercase; letter-spacing: .06em; color: var(--soft); margin: 30px 0 10px }
.badge { display: inline-block; padding: 1px 8px; border: 1px solid var(--line); border-radius: 99px; font-size: 13px; background: var(--paper); white-space: nowrap }
.warn { border-left: 3px solid #d08700; padding: 6px 12px; background: var(--paper); margin: 10px 0 }
.frames { display: flex; gap: 24px; flex-wrap: wrap; align-items: flex-start } figure { margin: 0; max-width: 100% } figcaption { color: var(--soft); font-size: 13px; margin-bottom: 6px }
iframe { border: 1px solid var(--line); border-radius: 10px; background: #fff; max-width: 100%; display: block } .desktop iframe { width: 700px; height: 760px } .phone iframe { width: 375px; height: 760px; border-radius: 22px }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; white-space: pre-wrap; overflow-wrap: anywhere; font: 13.5px/1.55 ui-monospace, "DejaVu Sans Mono", monospace; margin: 0 }
.bubble { background: var(--paper); border: 1px solid var(--line); border-radius: 16px 16px 16px 4px; padding: 12px 16px; max-width: 420px; white-space: pre-wrap; overflow-wrap: anywhere }
.bubble b { display: block } table { border-collapse: collapse; width: 100%; background: var(--paper); border: 1px solid var(--line) } th, td { text-align: left; padding: 8px 12px; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600; color: var(--soft); font-size: 13px } td { overflow-wrap: anywhere } table.fields th { width: 170px; white-space: nowrap } td.when { white-space: nowrap; font-variant-numeric: tabular-nums }
nav.tabs { display: flex; gap: 8px; flex-wrap: wrap; margin: 12px 0 } .scroll { overflow-x: auto }
""")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One message on the page. `title`: what it is called in the navigation, for example its language."""

    message: Message
    title: str = ""
    at: str = ""
    raw: str = ""
    warnings: Sequence[str] = ()


def page(title: str, body: Markup, aside: str = "", policy: str = POLICY) -> str:
    """A whole page in the house's own style; everything in `body` is escaped already."""
    return str(
        Markup(
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta http-equiv="Content-Security-Policy" content="{policy}"><meta name="referrer" content="no-referrer"><title>{title}</title><style>{style}</style></head>'
            '<body><header class="top"><div><b>Perennial</b><span>{aside}</span></div></header><main>{body}</main></body></html>'
        ).format(policy=policy, title=title, style=_STYLE, aside=aside or title, body=body)
    )


def preview(title: str, sheets: Iterable[Sheet]) -> str:
    """The page of `main.py preview`: one message in every language that was asked for."""
    shown = list(sheets)
    tabs = Markup("")
    if len(shown) > 1:
        links = Markup("").join(
            Markup('<a class="badge" href="#m{}">{}</a>').format(n, one.title) for n, one in enumerate(shown)
        )
        tabs = Markup('<nav class="tabs">{}</nav>').format(links)
    parts = Markup("").join(
        Markup('<section id="m{}">{}</section>').format(n, sheet(one)) for n, one in enumerate(shown)
    )
    return page(title, tabs + parts, title, WITH_IMAGES)


def sheet(one: Sheet) -> Markup:
    """One message with everything that can be seen of it."""
    message = one.message
    made = [
        _head(one),
        *(Markup('<p class="warn">{}</p>').format(text) for text in (*one.warnings, *_notes(message))),
    ]
    if message.html:
        made.append(_frames(message.html))
    if message.html or message.channel == "email":
        made += [Markup("<h2>Plain text</h2><pre>{}</pre>").format(message.body)]
    else:
        made.append(_bubble(message))
    made.append(_table("Headers and fields", {**_headers(message), **message.fields}))
    if one.raw:
        made.append(
            Markup("<h2>As it was sent</h2><details><summary>source</summary><pre>{}</pre></details>").format(
                one.raw
            )
        )
    return Markup("").join(made)


def _head(one: Sheet) -> Markup:
    message = one.message
    badges = [message.channel, message.language, message.purpose or "no consent needed", one.title, one.at]
    return Markup("<h1>{}</h1><p>{}</p>").format(
        message.subject or message.fields.get("title", "") or message.template,
        Markup(" ").join(
            Markup('<span class="badge">{}</span>').format(text) for text in dict.fromkeys(badges) if text
        ),
    )


def _frames(html: str) -> Markup:
    """The mail itself: in frames without scripts, forms or a way out."""
    frame = Markup(
        '<figure class="{}"><figcaption>{}</figcaption><iframe sandbox="" srcdoc="{}" title="{}" loading="lazy"></iframe></figure>'
    )
    return Markup('<h2>Mail</h2><div class="frames">{}{}</div>').format(
        frame.format("desktop", "desktop, 700 pixels", html, "the mail at desktop width"),
        frame.format("phone", "phone, 375 pixels", html, "the mail at phone width"),
    )


def _bubble(message: Message) -> Markup:
    title = message.fields.get("title", "")
    head = Markup("<b>{}</b>").format(title) if title else Markup("")
    return Markup('<h2>Message</h2><div class="bubble">{}{}</div>').format(head, message.body)


def _headers(message: Message) -> dict[str, str]:
    fields = {
        "Template": message.template, "From": message.sender, "To": message.address, "Subject": message.subject,
        "Reply-To": message.reply_to, **message.headers, "Key": message.key,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value}


def _notes(message: Message) -> list[str]:
    size = len(message.html.encode())
    if size > CLIPPED:
        return [f"The HTML has {size // 1024} KB; Gmail cuts a mail after 102 KB."]
    return []


def _table(title: str, fields: Mapping[str, str]) -> Markup:
    rows = Markup("").join(
        Markup("<tr><th>{}</th><td>{}</td></tr>").format(name, value) for name, value in fields.items()
    )
    return Markup('<h2>{}</h2><table class="fields">{}</table>').format(escape(title), rows)
