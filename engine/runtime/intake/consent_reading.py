"""What somebody agreed to or took back, as senders write it: per channel a word, or an object with proof."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from engine.runtime.intake.contact import channels_of
from engine.runtime.intake.items import ConsentGiven, RefusedItem

STATES = ("none", "asked", "given", "withdrawn")

_NO = frozenset(
    ("false", "no", "revoked", "denied", "declined", "unsubscribed", "opt_out", "opted_out", "withdraw")
)
"""Other words for a withdrawal. There are none for `given`: a yes that was guessed is a letter to somebody
who did not ask for it, a no that was guessed costs a letter."""

_FLAT = "consent."
"""Before the channel, where a sender has one level of names: `consent.email`."""

_LONGEST = 2_000
_PROOF = ("when", "where", "text")
_ABOUT = frozenset(("state", "purpose", *_PROOF))


def is_consent(name: str) -> bool:
    """Whether what goes by this name among the values of a customer is said of consents."""
    return name == "consent" or name.startswith(_FLAT)


def take_consent(values: dict[str, Any]) -> Any:
    """Takes what is said of consents out of the values of a customer: as one object, or as `consent.email`
    beside them. Where both speak of a channel, a withdrawal counts."""
    said = values.pop("consent", None)
    flat = {name[len(_FLAT) :]: values.pop(name) for name in list(values) if is_consent(name)}
    if not flat or _state(said) == "withdrawn":
        return said
    if not isinstance(said, dict):
        return flat
    return {**flat, **{name: word for name, word in said.items() if not is_withdrawal(flat.get(name))}}


def read_consents(
    given: Any, item: int, channels: Collection[str], purposes: Collection[str]
) -> tuple[list[ConsentGiven], list[RefusedItem]]:
    """The consents that are right, and what is wrong with the others. A withdrawal is taken whatever else is
    wrong with it: of a purpose that nobody can read, every purpose of the channel is withdrawn."""
    if given is None or given == "":
        return [], []
    if not isinstance(given, dict):
        why = 'write it per channel, for example {"email": "given"}'
        everywhere = [
            ConsentGiven(channel, "withdrawn", purpose)
            for channel in channels
            for purpose in purposes
            if _state(given) == "withdrawn"
        ]
        return everywhere, [] if everywhere else [RefusedItem(item, "consent", why)]
    consents: list[ConsentGiven] = []
    refused: list[RefusedItem] = []
    for name, said in given.items():
        for part in _of_channel(str(name), said, item, channels, purposes):
            (consents if isinstance(part, ConsentGiven) else refused).append(part)  # type: ignore[arg-type]
    return consents, refused


def _of_channel(
    name: str, said: Any, item: int, channels: Collection[str], purposes: Collection[str]
) -> Iterator[ConsentGiven | RefusedItem]:
    by_purpose = _by_purpose(name, said, channels)
    if by_purpose:
        # Proof that stands beside the purposes is that of each
        beside = {part: said[part] for part in _PROOF if part in said} if isinstance(said, dict) else {}
        for channel, purpose, word in by_purpose:
            proof = {**beside, **(word if isinstance(word, dict) else {"state": word}), "purpose": purpose}
            yield from _of_channel(channel, proof, item, channels, purposes)
        return
    proof = said if isinstance(said, dict) else {"state": said}
    path, state = f"consent.{name}", _state(proof.get("state"))
    own = _channel(name)
    reached = [own] if own in channels else channels_of(own, channels)
    # `phone` is a number and not a channel: who takes back a consent for it means all that ring there
    if not reached or (own not in channels and state != "withdrawn"):
        yield RefusedItem(item, path, f"there is no such channel; there are: {', '.join(channels)}")
        return
    if state is None:
        yield RefusedItem(item, path, f"a consent is one of: {', '.join(STATES)}")
        return
    named, why = _purposes(proof.get("purpose"), purposes)
    if why:
        yield RefusedItem(item, f"{path}.purpose", why)
        if state != "withdrawn":
            return
        named = named or list(purposes)
    words = {part: str(proof[part])[:_LONGEST] for part in _PROOF if proof.get(part)}
    for channel in reached:
        for purpose in named:
            yield ConsentGiven(channel, state, purpose, **words)


def _by_purpose(name: str, said: Any, channels: Collection[str]) -> list[tuple[str, str, Any]]:
    """Channel, purpose and word, where each purpose has a word of its own (`{"email": {"news": "withdrawn"}}`
    or `consent.email.news`). Empty: it has one for all."""
    if isinstance(said, dict) and "state" not in said:
        return [(name, str(purpose), word) for purpose, word in said.items() if purpose not in _ABOUT]
    channel, dot, purpose = name.partition(".")
    return [(channel, purpose, said)] if dot and _channel(channel) in channels else []


def _channel(name: str) -> str:
    own = name.strip().casefold()
    return "email" if own == "e-mail" else own


def _state(said: Any) -> str | None:
    """`true` is none of them: nobody knows whether somebody agreed or may be asked."""
    if said is False:
        return "withdrawn"
    word = str(said).strip().casefold().replace("-", "_").replace(" ", "_") if isinstance(said, str) else ""
    if word in _NO:
        return "withdrawn"
    return word if word in STATES else None


def is_withdrawal(said: Any) -> bool:
    """Whether what is said of a channel or of one purpose takes a consent back."""
    return _state(said.get("state") if isinstance(said, dict) else said) == "withdrawn"


def _purposes(said: Any, known: Collection[str]) -> tuple[list[str], str]:
    """The purposes that are meant, and what is wrong with the words for them."""
    if said is None or said == "":
        return ["marketing"], ""
    named = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    right = [purpose.strip() for purpose in named if isinstance(purpose, str) and purpose.strip() in known]
    if isinstance(said, str) and right:
        return right, ""
    return right, f"a purpose is one of: {', '.join(known)}"
