"""An authorization request under way, sealed: it lives in its pages and not in the database (RFC 9700 §4.7).

Nothing in it is secret from the person whose browser carries it; the seal says that we wrote it, for this
browser. Somebody else's, an edited one and one that is too old are all the same: not ours.
"""

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hmac import compare_digest

import msgspec

from keygrove.management.context import Management
from keygrove.protocol.claims import CLOCKS_DIFFER_S
from keygrove.protocol.consent import Interaction, Reason
from keygrove.web.visits import Stranger

LIFETIME_S = 30 * 60
_VERSION = 1


class NotOurs(Exception):
    """A sealed request that this browser did not get from us, or not within the half hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a page asked the person to allow, and for which company: a yes means this and nothing else.

    They may leave out the `optional` ones.
    """

    company_id: str
    scopes: tuple[str, ...]
    optional: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A request as it came (`method` and its `parameters`, still encoded), and what was done about it since.

    `id` is random. `made_at_s` is in epoch seconds. `why` is why the page that carries it asks to sign in.
    """

    id: str
    method: str
    parameters: bytes = field(repr=False)
    made_at_s: int
    done: Interaction = field(default_factory=Interaction)
    offer: Offer | None = None
    why: Reason | None = None


def hold(method: str, parameters: bytes, *, now: int) -> Held:
    """A request that has just come."""
    return Held(id=secrets.token_hex(16), method=method, parameters=parameters, made_at_s=now)


def seal(m: Management, held: Held, visitor: Stranger) -> str:
    """The request as a form field, for this browser only."""
    text = urlsafe_b64encode(_encoder.encode((_VERSION, held))).rstrip(b"=").decode()
    return f"{text}.{_seal_of(m, text, visitor)}"


def unseal(m: Management, field_text: str, visitor: Stranger) -> Held:
    """The request in a form field. Raises NotOurs."""
    text, _, presented = field_text.partition(".")
    if not compare_digest(presented.encode(), _seal_of(m, text, visitor).encode()):
        raise NotOurs
    try:
        version, held = _decoder.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, msgspec.DecodeError):
        # Of another version of Keygrove.
        raise NotOurs from None
    # Another node's clock may be ahead of ours.
    if version != _VERSION or not -CLOCKS_DIFFER_S <= m.now() - held.made_at_s < LIFETIME_S:
        raise NotOurs
    return held


def _seal_of(m: Management, text: str, visitor: Stranger) -> str:
    return m.digests.of("interaction", f"{visitor.cookie}.{text}")


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[int, Held])
