"""`keygrove signing-key`: the issuer's own keys, with which it signs tokens."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keygrove.cli.consent import Yes, confirm
from keygrove.cli.output import CommandFailed, Json, members, show, table, time_text
from keygrove.cli.work import with_house, with_management

if TYPE_CHECKING:
    from keygrove.house import House
    from keygrove.management.signing_keys import KeyListing, Revocation, Rotation

# Until a verifier fetches the key set again, whatever we do: docs/divergences.md, "Signing keys".
_BELIEVED = """\
Servers publish it no more within 15 seconds. APIs refuse its tokens once they have fetched the keys again: \
within 15 minutes with Keygrove's SDK, an hour with others that obey max-age. After those 15 seconds, \
restart the APIs that must not wait."""

commands = typer.Typer(
    help="Signing keys: what the issuer signs tokens with.", no_args_is_help=True, rich_markup_mode=None
)


def value_of(key: "KeyListing") -> dict[str, Any]:
    """A signing key as JSON has it."""
    return {
        "kid": key.kid,
        "algorithm": key.algorithm,
        "state": key.state,
        "created_at": time_text(key.created_at_s),
        "signs_from": time_text(key.signs_from_s),
        "published_until": time_text(key.published_until_s),
        "revoked_at": time_text(key.revoked_at_s),
    }


@commands.command("list")
def list_keys(as_json: Json = False) -> None:
    """List every signing key there ever was, newest first."""
    from keygrove.management import signing_keys

    found = with_management(signing_keys.listing, create=False)
    rows = [
        (
            key.kid,
            key.algorithm,
            key.state,
            time_text(key.signs_from_s),
            time_text(key.published_until_s),
            time_text(key.revoked_at_s),
        )
        for key in found
    ]
    text = table(["KID", "ALGORITHM", "STATE", "SIGNS FROM", "PUBLISHED UNTIL", "REVOKED"], rows)
    show(as_json, {"signing_keys": [value_of(key) for key in found]}, text)


@commands.command("rotate")
def rotate(
    immediately: Annotated[
        bool, typer.Option("--now", help="Sign with the new key at once, instead of publishing it first.")
    ] = False,
    algorithm: Annotated[
        str, typer.Option("--algorithm", metavar="ALG", help="RS256 or ES256; otherwise all in use.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Let a new key take over. It is published for two hours before it signs."""

    async def turn(house: "House") -> "list[Rotation]":
        from keygrove.management import signing_keys
        from keygrove.management.context import OPERATOR

        used = house.management.catalogue.signing_algorithms()
        if algorithm and algorithm not in used:
            raise CommandFailed(f"no API's tokens are signed with {algorithm!r}; in use: {', '.join(used)}")
        return [
            await signing_keys.rotate(
                house.management, OPERATOR, house.vault, algorithm=each, immediately=immediately
            )
            for each in ([algorithm] if algorithm else used)
        ]

    turned = with_house(turn, create=False)
    value = {"rotations": [value_of(each.key) | {"made": each.made} for each in turned]}
    show(as_json, value, "\n".join(_told(each) for each in turned))


def _told(rotation: "Rotation") -> str:
    key = rotation.key
    signs = "signs from now on" if key.state == "current" else f"signs from {time_text(key.signs_from_s)}"
    already = "" if rotation.made else ", as somebody decided before"
    return f"The {key.algorithm} key {key.kid} {signs}{already}."


# A kid may begin with a dash.
@commands.command("revoke", context_settings={"ignore_unknown_options": True})
def revoke(
    kid: Annotated[str, typer.Argument(metavar="KID", help="The key's name; see: keygrove signing-key list")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take a signing key back, for good.

    Servers publish it no more within 15 seconds. APIs refuse its tokens once they have
    fetched the keys again: within 15 minutes with Keygrove's SDK, an hour with others
    that obey max-age. When it is the one that signs, the next one takes over at once,
    or a new one. On a terminal this asks first.
    """
    confirm(
        f"Revoke the signing key {kid}? APIs refuse its tokens once they have fetched the keys again.",
        yes=yes,
    )

    async def take_back(house: "House") -> "Revocation":
        from keygrove.management import signing_keys
        from keygrove.management.context import OPERATOR

        return await signing_keys.revoke(house.management, OPERATOR, house.vault, kid)

    done = with_house(take_back, create=False)
    lines = [("Revoked", kid)]
    if done.successor is not None:
        lines.append(("Signs now", done.successor.kid))
    value = {
        "revoked": value_of(done.key),
        "successor": value_of(done.successor) if done.successor is not None else None,
    }
    show(as_json, value, f"{members(lines)}\n\n{_BELIEVED}")
