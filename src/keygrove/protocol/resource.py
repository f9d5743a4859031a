"""Which API a token is for: `resource` (RFC 8707) and its older twin `audience`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from keygrove.protocol.errors import InvalidTarget

TokenType = Literal["at+jwt", "JWT"]
SigningAlgorithm = Literal["RS256", "ES256"]
LIFETIME_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A resource server: its audience, the scopes it knows and how its tokens are marked.

    `token_type` is the JWT header `typ`: `at+jwt` (RFC 9068 §2.1), or `JWT` for verifiers that
    know nothing else. `signing_algorithm` is a JWS `alg` (RFC 7518 §3.1). `lifetime_s` is the life of its
    access tokens in seconds. Of its scopes, the `sensitive` ones are given to an app only by somebody who
    proved lately who they are.
    """

    audience: str
    scopes: frozenset[str]
    token_type: TokenType = "at+jwt"  # noqa: S105 - a media type
    signing_algorithm: SigningAlgorithm = "RS256"
    lifetime_s: int = LIFETIME_S
    sensitive: frozenset[str] = frozenset()


def choose_api(asked: tuple[str, ...], own: str, apis: Mapping[str, Api]) -> Api:
    """The API a token will be for: the one asked for, else the client's own.

    `asked` holds every `audience` and `resource` value. A trailing slash is forgiven, as it is
    by the servers our clients come from. Raises InvalidTarget when an API is unknown, is not
    the client's, or more than one is asked for (RFC 8707 §2).
    """
    for target in asked:
        if target.removesuffix("/") != own.removesuffix("/"):
            raise InvalidTarget(
                "The audience is not one that this client may get tokens for.",
                detail=f"asked for {target[:200]!r}, the client's API is {own!r}",
            )
    if own not in apis:
        raise InvalidTarget("The client's API is not offered any more.", detail=f"{own!r} is not configured")
    return apis[own]


def split_targets(audience: str | None, resources: tuple[str, ...]) -> tuple[str, ...]:
    """Every API a request names: `audience` is a blank-separated list, `resource` may repeat."""
    return (*(audience or "").split(), *resources)
