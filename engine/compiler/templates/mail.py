"""An e-mail's HTML, made once per template: MJML to HTML, CSS into the elements, and a plain text beside
it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html import unescape

import css_inline
import lxml.html
import mrml
from inscriptis import get_text
from inscriptis.model.config import ParserConfig
from lxml import etree

from engine.compiler.templates.layout import wrong
from engine.compiler.templates.markup import LINK
from engine.problem import nearest

MJML_TAGS = frozenset(
    [
        "mjml",
        "mj-head",
        "mj-body",
        "mj-attributes",
        "mj-all",
        "mj-class",
        "mj-breakpoint",
        "mj-font",
        "mj-html-attributes",
        "mj-selector",
        "mj-html-attribute",
        "mj-preview",
        "mj-style",
        "mj-title",
        "mj-accordion",
        "mj-accordion-element",
        "mj-accordion-title",
        "mj-accordion-text",
        "mj-button",
        "mj-carousel",
        "mj-carousel-image",
        "mj-column",
        "mj-divider",
        "mj-group",
        "mj-hero",
        "mj-image",
        "mj-navbar",
        "mj-navbar-link",
        "mj-raw",
        "mj-section",
        "mj-social",
        "mj-social-element",
        "mj-spacer",
        "mj-table",
        "mj-text",
        "mj-wrapper",
    ]
)
_TAG = re.compile(
    r"<!--.*?-->|<(/?)(mj[a-z-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*?)(/?)>", re.DOTALL | re.IGNORECASE
)
_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_HIDDEN = (
    '<div style="display:none;font-size:1px;color:#ffffff;line-height:1px;'
    "max-height:0px;max-width:0px;opacity:0;"
    'overflow:hidden;">'
)
_STATEMENT = re.compile(r"<!--(jnj\d+q)-->")
_OPEN_TABLE = re.compile(r"(<table\b[^>]*>)(\s*<!--jnj\d+q-->)", re.IGNORECASE)
"""A loop over rows: without a <tbody> of its own HTML would open one inside the loop."""
_LINE_END = re.compile(r"(</tr>|</td>|</th>|<tr\b[^>]*>|<tbody>|</tbody>|</table>|</head>)(?=<)")
"""Where a line may end without a visible blank: lines of mail have at most 998 characters."""
_LABELLED = re.compile(r"\[([^\]]*)\]\(lnk(\d+)q\)")
_SCRIPT = re.compile(r"<\s*(script|iframe|object|embed|form)\b", re.IGNORECASE)


def check_mjml(file: str, source: str, first_line: int = 1) -> None:
    """Raises TemplateProblem for an mj- tag that nobody knows (mrml would print it as it stands) or that
    has no end."""
    open_tags: list[tuple[str, int]] = []
    for match in _TAG.finditer(source):
        closing, name, _, alone = match.groups()
        if name is None:
            continue
        line = first_line + source.count("\n", 0, match.start())
        if name not in MJML_TAGS:
            near = nearest(name, MJML_TAGS)
            raise wrong(
                file,
                line,
                "T08",
                f'there is no MJML element called "{name}"',
                "it would be left out of the mail without a word",
                f'did you mean "{near}"?' if near else "see the elements at documentation.mjml.io",
            )
        if alone:
            continue
        if not closing:
            open_tags.append((name, line))
        elif not open_tags or open_tags[-1][0] != name:
            inner = (
                f"<{open_tags[-1][0]}> of line {open_tags[-1][1]} is still open"
                if open_tags
                else "nothing is open"
            )
            raise wrong(
                file,
                line,
                "T08",
                f"</{name}> ends here, but {inner}",
                "",
                "close the elements in the reverse order",
            )
        else:
            open_tags.pop()
    if open_tags:
        name, line = open_tags[-1]
        raise wrong(file, line, "T08", f"<{name}> has no end", "", f"add  </{name}>")


def mjml_to_html(file: str, source: str, language: str) -> str:
    """The HTML of MJML; no font is fetched from anybody's server unless the template asks with mj-font."""
    check_mjml(file, source)
    try:
        options = mrml.RenderOptions(disable_comments=False, fonts={})
        html = mrml.to_html(source, render_options=options).content
    except OSError as mistake:
        raise wrong(
            file,
            1,
            "T08",
            f"this is no MJML: {str(mistake).split(' in root')[0]}",
            "",
            "close every element and quote every attribute",
        ) from mistake
    return html.replace('lang="und"', f'lang="{language}"')


def inlined(file: str, html: str) -> str:
    """The HTML with its CSS in the elements (mail programs drop <style>); `@media` and the like stay."""
    script = _SCRIPT.search(html)
    if script:
        line = html.count("\n", 0, script.start()) + 1
        raise wrong(
            file,
            line,
            "T07",
            f"<{script[1].lower()}> has no place in a mail",
            "mail programs remove it or call it spam",
            "remove it",
        )
    try:
        made = _inliner().inline(_OPEN_TABLE.sub(r"\1<tbody>\2", html))
    except css_inline.InlineError as mistake:
        raise wrong(file, 1, "T08", f"the CSS cannot be read: {mistake}") from mistake
    return _LINE_END.sub(r"\1\n", made)


@lru_cache(maxsize=1)
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def preheader_of(html: str) -> str:
    """The preheader of a mail that `with_preheader` wrote, as text; "" where it has none."""
    _, found, rest = html.partition(_HIDDEN)
    return " ".join(unescape(rest.partition("</div>")[0]).split()) if found else ""


def with_preheader(html: str, preheader: str) -> str:
    """The line that inboxes show beside the subject, hidden at the top of the mail."""
    match = _BODY.search(html)
    at = match.end() if match else 0
    return f"{html[:at]}{_HIDDEN}{preheader}</div>{html[at:]}"


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NUMBERED = re.compile(r"&#(?:[xX]([0-9a-fA-F]{1,8})|([0-9]{1,10}));?")


def _no_character(written: re.Match[str]) -> str:
    """`&#0;` and `&#27;` are characters in HTML that no XML holds: lxml would raise for them."""
    number = int(written[1], 16) if written[1] else int(written[2])
    held = 0 < number < 0x110000 and not _CONTROL.fullmatch(chr(number))
    return written[0] if held else ""


def text_of(html: str) -> str:
    """The plain text of a mail: links behind their labels, layout tables gone, statements still in their
    places."""
    characters = _NUMBERED.sub(_no_character, _CONTROL.sub("", _STATEMENT.sub(r"\1", html)))
    tree = lxml.html.document_fromstring(characters)
    for element in list(tree.iter()):
        _flatten(element)
    targets: list[str] = []
    for element in tree.iter():
        # inscriptis decodes `&copy` once more in what is decoded already, and lxml writes links anew: texts
        # are written so that they come out as they are, and a word stands for each link until then
        if isinstance(element.tag, str):
            element.text = _encoded(element.text)
            if element.tag == "a" and (target := element.get("href")):
                element.set("href", f"lnk{len(targets)}q")
                targets.append(target.strip())
        element.tail = _encoded(element.tail)
    written = get_text(lxml.html.tostring(tree, encoding="unicode"), ParserConfig(display_links=True))
    text = _LABELLED.sub(lambda found: _label(found, targets), written)
    # the lines again, each stripped; one that holds only statements makes no line of its own
    lines = text.splitlines()
    statements = frozenset(_STATEMENT.findall(html))
    lines_of_text = []
    for line in lines:
        words = line.split()
        lines_of_text.append(
            line.strip() if not words or not statements.issuperset(words) else "".join(words) + "\x03"
        )
    text = "\n".join(lines_of_text).replace("\x03\n", "").replace("\x03", "")
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _flatten(element: lxml.html.HtmlElement) -> None:
    """Layout tables are boxes; rows of other tables are lines."""
    if not isinstance(element.tag, str):
        _drop(element)
        return
    if element.tag in ("table", "tbody", "thead", "tfoot", "tr"):
        element.tag = "div"
    elif element.tag in ("td", "th"):
        table = next((one for one in element.iterancestors() if one.get("cellpadding") is not None), None)
        is_data = table is not None and table.get("role") != "presentation"
        element.tag = "span" if is_data else "p"  # a cell of the layout is a paragraph
        if is_data:
            element.tail = " " + (element.tail or "")
    elif element.tag in ("style", "head", "title"):
        _drop(element)
    if element.get("style") and "display:none" not in element.get("style", "").replace(" ", ""):
        del element.attrib["style"]


def _encoded(text: str | None) -> str | None:
    return (text or "").replace("&", "&amp;") or None


def _drop(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        before = element.getprevious()
        if element.tail:
            if before is not None:
                before.tail = (before.tail or "") + element.tail
            else:
                parent.text = (parent.text or "") + element.tail
        parent.remove(element)


def _label(match: re.Match[str], targets: Sequence[str]) -> str:
    number = int(match[2])
    if number >= len(targets):
        return match[0]  # these very words in the text of the author
    label, target = match[1].strip(), targets[number]
    if not target or target.startswith("#"):
        return label
    marked = f"{LINK}{target}" if target.startswith("jnj") else target
    return marked if label in ("", target) else f"{label}: {marked}"
