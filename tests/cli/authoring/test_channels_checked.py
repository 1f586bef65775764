"""A channel that no daemon could open is a mistake of config.yaml, and `check` says where."""

from __future__ import annotations

import pytest

from engine.config.file import read_config
from tests.cli.conftest import Shop
from tests.conftest import Golden

SMTP = 'via: smtp, host: 127.0.0.1, from: "Bean There <hello@shop.example>"'


def _with_channel(shop: Shop, options: str, name: str = "email") -> None:
    config = shop.folder / "config.yaml"
    lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("  email:"))
    lines[at] = f"  {name}: {{{options}}}\n" + ("" if name == "email" else lines[at])
    config.write_text("".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ('via: smtp, host: 127.0.0.1, from: "Müller, Söhne <x@y.example>"', '"from" of the channel "email"'),
        ('via: outbox, from: "Müller, Söhne <x@y.example>"', '"from" of the channel "email" is no address'),
        (f'{SMTP}, reply_to: "nobody"', '"reply_to" of the channel "email" is no address'),
        (f'{SMTP}, hello: "a b"', '"hello" of the channel "email" is no host name'),
        (f"{SMTP}, certificates: nowhere.pem, tls: starttls", "certificates of the channel"),
        (f"{SMTP}, dkim_selector: s1", "is to sign its mail"),
        (f'{SMTP}, headers: {{Subject: "x"}}', "cannot have a header Subject of its own"),
        (f"{SMTP}, user: shop, password: env:NOT_SET_HERE, return_path: nobody", '"return_path"'),
    ],
)
def test_what_no_daemon_could_open_is_an_error_with_its_place(
    small_shop: Shop, options: str, what: str
) -> None:
    _with_channel(small_shop, options)
    answer = small_shop.run("check")
    assert answer.code == 1
    assert "error E96" in answer.out
    assert "config.yaml:" in answer.out
    assert what in answer.out
    refused = small_shop.run("deploy")
    assert refused.code == 1
    assert "the project cannot be published, it has 1 error, config.yaml:" in refused.err


def test_the_fix_keeps_the_name_of_the_sender_and_passes(small_shop: Shop, golden: Golden) -> None:
    _with_channel(small_shop, 'via: outbox, from: "Müller, Söhne <x@y.example>"')
    said = small_shop.run("check").out
    golden("golden/check_sender.txt", said)
    fix = next(line for line in said.splitlines() if "fix:" in line).partition("from: ")[2]
    _with_channel(small_shop, f"via: outbox, from: {fix}")
    assert small_shop.run("check").code == 0


def test_what_only_this_machine_lacks_is_none_of_its_mistakes(small_shop: Shop) -> None:
    _with_channel(small_shop, f"{SMTP}, user: shop, password: env:NOT_SET_HERE, tls: starttls")
    assert small_shop.run("check").code == 0


@pytest.mark.parametrize("tls", ["none", "offered"])
def test_a_password_does_not_go_unprotected(small_shop: Shop, tls: str) -> None:
    _with_channel(small_shop, f"{SMTP}, user: shop, password: env:NOT_SET_HERE, tls: {tls}")
    answer = small_shop.run("check")
    assert answer.code == 1
    assert f"with tls: {tls} the password would be sent unprotected" in answer.out


@pytest.mark.parametrize(
    ("written", "clicks", "opens"),
    [
        ("clicks: true", True, "never"),
        ("clicks: no, opens: always", False, "always"),
        ("clicks: False, opens: false", False, "never"),
        ("clicks: on, opens: off", True, "never"),
    ],
)
def test_true_and_false_are_yes_and_no(written: str, clicks: bool, opens: str) -> None:
    config, problems = read_config(f"tracking: {{{written}}}\n")
    assert not problems
    assert (config.tracking.clicks, config.tracking.opens) == (clicks, opens)


def test_whether_readers_are_asked_has_to_be_said() -> None:
    _, (problem,) = read_config("tracking: {opens: true}\n")
    assert "with consent" in problem.fix
    assert "always" in problem.fix
