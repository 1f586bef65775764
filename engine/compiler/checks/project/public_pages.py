"""E87, W04, W21 and W22: what customers reach of the daemon: its sign-up forms, and where the links of
messages lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from engine.compiler.check_input import ProjectCheckInput
from engine.config import SignupList
from engine.language import syntax
from engine.language.wording import quoted
from engine.problem import Problem, did_you_mean


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Events of sign-up forms that nobody knows or nobody waits for; mail whose one-click link is not over
    https."""
    signup = checked.world.config.signup
    problems = [problem for one in signup.lists.values() for problem in _list(one, checked)]
    if signup.lists:
        problems.extend(
            _unknown(
                signup.confirmed,
                checked,
                "a confirmation appends it",
                "  or name another:  signup: {confirmed: EVENT}",
            )
        )
    return [*problems, *_public_url(checked)]


def _list(signup: SignupList, checked: ProjectCheckInput) -> Iterator[Problem]:
    # Whoever agrees has to understand to what (GDPR, article 7(2)); the text of config.yaml is taken to be in
    # the first language
    key = f"list_{signup.name}"
    lacking = [
        language
        for language in checked.world.config.languages[1:]
        if not re.search(
            rf"(?m)^{re.escape(key)}\s*:", checked.sources.get(f"templates/_pages/{language}.yaml", "")
        )
    ]
    if lacking:
        yield Problem(
            checked.place_in_config(signup.name), "W04",
            f"what people agree to on the list {quoted(signup.name)} is not written in {', '.join(lacking)}",
            "the form speaks the language of its reader, the consent does not",
            f"write it in  templates/_pages/{lacking[0]}.yaml:  {key}: ...", "warning",
        )  # fmt: skip
    unknown = list(_unknown(signup.event, checked))
    yield from unknown
    if unknown:
        return
    wanted = checked.world.catalogue.event_name(signup.event)
    starts = {
        checked.world.catalogue.event_name(start.event.value)
        for file in checked.files
        for start in file.starts
        if isinstance(start, syntax.EventStart)
    }
    if wanted not in starts:
        yield Problem(
            checked.place_in_config(signup.event), "W21",
            f"no journey begins with {quoted(signup.event)}, so nobody on the list {quoted(signup.name)} "
            f"is asked to confirm",
            "a form only notes a wish: the consent comes with the confirmation",
            f"write a journey that starts with  event: {signup.event}"
            "  and sends a letter with  {{ links.confirm }}", "warning",
        )  # fmt: skip


def _unknown(
    event: str, checked: ProjectCheckInput, why: str = "a sign-up form appends it", otherwise: str = ""
) -> Iterator[Problem]:
    catalogue = checked.world.catalogue
    if catalogue.event_fields(catalogue.event_name(event)) is None:
        yield Problem(
            checked.place_in_config(event), "E87", f"there is no event called {quoted(event)}",
            why, did_you_mean(event, catalogue.event_names(),
            f"declare it in schemas/events.yaml{otherwise}"),
        )  # fmt: skip


def _public_url(checked: ProjectCheckInput) -> Iterator[Problem]:
    config = checked.world.config
    parts = urlsplit(config.http.public_url)
    if "email" not in config.channels or parts.scheme == "https" or _is_here(parts.hostname or ""):
        return
    yield Problem(
        checked.place_in_config(config.http.public_url), "W22", "links in messages begin with http",
        "mail programs offer one-click unsubscribe over https only, and large mailbox providers ask for it",
        f"write  public_url: https://{parts.netloc}", "warning",
    )  # fmt: skip


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
