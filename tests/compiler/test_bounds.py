"""No file of an author holds anybody up: what is too much is refused before anything is made of it, whatever
the bytes are, and of a file with very many mistakes a hundred are told."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compiler.templates.message import CompiledTemplate, compile_template
from engine.compiler.templates.template_file import read_template
from engine.config.file import read_config
from engine.language.parse import parse_journey, parse_segment
from engine.problem import Problem
from engine.project import load

CASES = Path(__file__).parent.parent / "cases"
HEAD = "journey: a\nstart: {event: x}\nagain: never\ngoal: {event: y}\nsteps:\n"
BEARABLE = 20.0  # seconds on a machine that does much else; without a bound these take minutes

YAMLS = {
    "50,000 maps": HEAD + "  - {a: b}\n" * 50_000,
    "30,000 misplaced steps": HEAD + "  - {wait: 3d, zzz: 1}\n" * 30_000,
    "30,000 waits without ids": HEAD + "  - wait: 3 days\n" * 30_000,
    "endless brackets": "a: " + "[" * 300_000,
    "endless braces": "{a: " * 200_000,
    "endless dashes": "- " * 400_000,
    "80,000 unknown keys": "".join(f"k{i}: 1\n" for i in range(80_000)),
    "lines without a colon": "a b\n" * 200_000,
}
TEMPLATES = {
    "60,000 expressions": "{{ a }}" * 60_000,
    "nested questions": "{% if a %}" * 900 + "{% endif %}" * 900,
    "opened and never closed": "{{ " * 100_000,
    "endless brackets": "{{ " + "(" * 50_000 + " }}",
    "900 brackets": "{{ " + "(" * 900 + "a" + ")" * 900 + " }}",
    "endless filters": "{{ a" + "|upper" * 300 + " }}",
}


@pytest.mark.parametrize("name", YAMLS)
def test_a_yaml_of_any_size_is_read_or_refused_at_once(name: str) -> None:
    begin = time.perf_counter()
    for read in (parse_journey, parse_segment):
        assert read(YAMLS[name], "journeys/a.yaml")[1]
    assert read_config(YAMLS[name])[1]
    assert time.perf_counter() - begin < BEARABLE


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_of_any_size_is_compiled_or_refused_at_once(name: str) -> None:
    begin = time.perf_counter()
    assert isinstance(compiled(TEMPLATES[name].encode()), Problem | CompiledTemplate)
    assert time.perf_counter() - begin < BEARABLE


def compiled(body: bytes, ext: str = "html") -> CompiledTemplate | Problem | None:
    text = "---\nsubject: x\n---\n" + body.decode("utf-8", "replace")
    template, _ = read_template(f"templates/a.email.{ext}", text)
    return None if template is None else compile_template(template, {}, "en", "EUR")


PIECES = st.sampled_from(
    [b"journey: a\n", b"steps:\n", b"  - ", b"wait: ", b"{", b"}", b"[", b"]", b": ", b"\n", b"\t", b"'",
     b'"', b"&a ", b"*a", b"!!str ", b"? ", b"| ", b"> ", b"---\n", b"%", b"#", b"\xff", b"\xe2\x80\x9c",
     b"\xc2\xa0", b"tests:\n", b"who:\n", b"  or: ", b"at least ", b"20,50 EUR", b"{{ ", b" }}",
     b"{% if ", b" %}", b"{% include ", b"<a href=", b"<!--", b"</p>", b"\x00", b"&#0;", b"&#x1b;"]
)  # fmt: skip
BYTES = st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=60).map(b"".join))


@settings(deadline=None, max_examples=150)
@given(BYTES)
def test_no_bytes_make_a_reader_raise(data: bytes) -> None:
    for read in (parse_journey, parse_segment):
        assert isinstance(read(data, "journeys/a.yaml")[1], list)
    assert isinstance(read_config(data)[1], list)
    for ext in ("html", "txt"):
        compiled(data, ext)


def test_of_a_file_with_very_many_mistakes_a_hundred_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(CASES / "project", folder)
    text = (folder / "journeys/welcome.yaml").read_text()
    wrong = "steps:\n" + "".join(f"  - send: no_such_{i:03}\n" for i in range(350))
    (folder / "journeys/welcome.yaml").write_text(text.replace("steps:\n", wrong, 1))
    problems = [p for p in load(folder).problems if p.span.file == "journeys/welcome.yaml"]
    assert len(problems) == 101
    assert (problems[-1].code, problems[-1].level) == ("E23", "error")
    assert problems[-1].what == "and 250 more mistakes in this file"
