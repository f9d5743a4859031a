"""`keygrove app`: apps that companies connect, and the operator's review of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from keygrove.cli import app_review
from keygrove.cli.app_review import ClientId
from keygrove.cli.app_shown import missed_text, missed_value, state_of, text_of, value_of
from keygrove.cli.consent import Yes, confirm
from keygrove.cli.keys import scopes_of
from keygrove.cli.output import CommandFailed, Json, WronglyUsed, members, show, table, time_text
from keygrove.cli.work import find_company, with_management

if TYPE_CHECKING:
    from keygrove.management.app_details import AppDetails
    from keygrove.management.apps import App, AppState, NewApp
    from keygrove.management.context import Management
    from keygrove.management.missed_sign_outs import MissedSignOut
    from keygrove.protocol.client import ApplicationType

commands = typer.Typer(
    help="Apps that companies connect, and their review.", no_args_is_help=True, rich_markup_mode=None
)
_STATES = ("draft", "in_review", "live", "suspended")


def _option(name: str, text: str) -> Any:
    return typer.Option(f"--{name}", metavar="TEXT", help=text)


def _change(name: str, text: str) -> Any:
    return typer.Option(f"--{name}", metavar="TEXT", help=f"{text[:-1]}, from now on.")


def _all_of(name: str, metavar: str, what: str) -> Any:
    return typer.Option(f"--{name}", metavar=metavar, help=f"The new {what}, all of them; repeat.")


@commands.command("create")
def create(
    company: Annotated[str, typer.Option("--company", metavar="ID", help="Its maker's id or slug.")],
    name: Annotated[str, typer.Option("--name", metavar="N", help="The name that people see.")],
    redirect_uri: Annotated[list[str], typer.Option(metavar="URI", help="Where codes go; repeat for more.")],
    permission: Annotated[list[str], typer.Option(metavar="SCOPE", help="A scope; repeat for more.")],
    optional_permission: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="One it gets only when it asks; repeat.")
    ] = None,
    reason: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE=TEXT", help="Why it needs a scope; repeat.")
    ] = None,
    post_logout_redirect_uri: Annotated[
        list[str] | None, typer.Option(metavar="URI", help="Where people go after signing out; repeat.")
    ] = None,
    backchannel_logout_uri: Annotated[
        str, typer.Option(metavar="URI", help="Where it is told of sign-outs.")
    ] = "",
    public: Annotated[bool, typer.Option("--public", help="It cannot keep a secret, and has none.")] = False,
    jwks: Annotated[
        typer.FileText | None, typer.Option(metavar="FILE", help="Its public keys (JWKS): it signs instead.")
    ] = None,
    native: Annotated[bool, typer.Option("--native", help="It runs on people's own devices.")] = False,
    pkce_optional: Annotated[
        bool, typer.Option("--pkce-optional", help="Do not require PKCE of it.")
    ] = False,
    live: Annotated[bool, typer.Option("--live", help="Approve it at once.")] = False,
    description: Annotated[str, _option("description", "What it does.")] = "",
    logo_uri: Annotated[str, _option("logo-uri", "The address of its logo.")] = "",
    policy_uri: Annotated[str, _option("policy-uri", "The address of its privacy policy.")] = "",
    tos_uri: Annotated[str, _option("tos-uri", "The address of its terms.")] = "",
    owner: Annotated[str, _option("owner", "Who looks after it.")] = "",
    contact_email: Annotated[str, _option("contact-email", "Where to write to.")] = "",
    as_json: Json = False,
) -> None:
    """Register an app, as a draft or live. Its secret is printed, this once."""
    from keygrove.management.app_details import AppDetails

    details = AppDetails(
        name=name,
        permissions=scopes_of(permission),
        optional_permissions=scopes_of(optional_permission or []),
        reasons=dict(_reason(each) for each in reason or []),
        redirect_uris=redirect_uri,
        post_logout_redirect_uris=post_logout_redirect_uri or [],
        backchannel_logout_uri=backchannel_logout_uri,
        jwks=_keys_in(jwks, public),
        require_pkce=not pkce_optional,
        description=description,
        logo_uri=logo_uri,
        policy_uri=policy_uri,
        tos_uri=tos_uri,
        owner=owner,
        contact_email=contact_email,
    )

    kind: ApplicationType = "native" if native else "web"
    how = {"application_type": kind, "public": public, "live": live}
    new = with_management(lambda m: _register(m, company, details, how), create=False)
    _show_new(new, as_json)


@commands.command("list")
def list_apps(
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help=f"Only those in one: {', '.join(_STATES)}.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List every company's apps, by name. Those that wait for you: --state in_review."""
    if state is not None and state not in _STATES:
        raise WronglyUsed(f"--state: {state!r} is not one of {', '.join(_STATES)}")

    async def read_all(m: "Management") -> "tuple[App, ...]":
        from typing import cast

        from keygrove.management import apps

        return await apps.every(m, state=cast("AppState | None", state))

    found = with_management(read_all, create=False)
    rows = [
        (
            each.name,
            each.client_id,
            state_of(each),
            each.company_id,
            " ".join(each.scope.tokens),
            time_text(each.submitted_at_s),
        )
        for each in found
    ]
    headings = ["NAME", "CLIENT ID", "STATE", "COMPANY", "PERMISSIONS", "SUBMITTED"]
    show(
        as_json,
        {"apps": [value_of(each) for each in found]},
        table(headings, rows) if rows else "No apps.",
    )


@commands.command("show")
def show_app(client_id: ClientId, as_json: Json = False) -> None:
    """Show all that is said about an app, and what it missed. Its secret cannot be shown again."""

    async def look(m: "Management") -> "tuple[App, tuple[MissedSignOut, ...]]":
        from keygrove.management import apps
        from keygrove.management.missed_sign_outs import missed_sign_outs

        app = await apps.of_operator(m, client_id)
        return app, await missed_sign_outs(m, client_id)

    app, missed = with_management(look, create=False)
    value = value_of(app) | {"missed_sign_outs": [missed_value(each) for each in missed]}
    show(as_json, value, "\n".join((text_of(app), *missed_text(missed))))


@commands.command("update")
def update(
    client_id: ClientId,
    name: Annotated[str | None, _change("name", "The name.")] = None,
    permission: Annotated[list[str] | None, _all_of("permission", "SCOPE", "permissions")] = None,
    optional_permission: Annotated[
        list[str] | None, _all_of("optional-permission", "SCOPE", "optional permissions")
    ] = None,
    reason: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE=TEXT", help="Why it needs a scope; the others stay.")
    ] = None,
    redirect_uri: Annotated[list[str] | None, _all_of("redirect-uri", "URI", "redirect URIs")] = None,
    post_logout_redirect_uri: Annotated[
        list[str] | None, _all_of("post-logout-redirect-uri", "URI", "addresses after signing out")
    ] = None,
    backchannel_logout_uri: Annotated[
        str | None, _change("backchannel-logout-uri", "Where it is told of sign-outs.")
    ] = None,
    jwks: Annotated[
        typer.FileText | None, typer.Option(metavar="FILE", help="The new public keys of an app that signs.")
    ] = None,
    require_pkce: Annotated[
        bool | None, typer.Option("--pkce-required/--pkce-optional", help="Whether PKCE is required of it.")
    ] = None,
    description: Annotated[str | None, _change("description", "What it does.")] = None,
    logo_uri: Annotated[str | None, _change("logo-uri", "The address of its logo.")] = None,
    policy_uri: Annotated[str | None, _change("policy-uri", "The address of its privacy policy.")] = None,
    tos_uri: Annotated[str | None, _change("tos-uri", "The address of its terms.")] = None,
    owner: Annotated[str | None, _change("owner", "Who looks after it.")] = None,
    contact_email: Annotated[str | None, _change("contact-email", "Where to write to.")] = None,
    as_json: Json = False,
) -> None:
    """Change what is said about an app, whatever its state. An empty text takes away what may be left out."""
    given = {
        "name": name,
        "permissions": None if permission is None else scopes_of(permission),
        "optional_permissions": None if optional_permission is None else scopes_of(optional_permission),
        "redirect_uris": redirect_uri,
        "post_logout_redirect_uris": post_logout_redirect_uri,
        "backchannel_logout_uri": backchannel_logout_uri,
        "jwks": None if jwks is None else jwks.read(),
        "require_pkce": require_pkce,
        "description": description,
        "logo_uri": logo_uri,
        "policy_uri": policy_uri,
        "tos_uri": tos_uri,
        "owner": owner,
        "contact_email": contact_email,
    }
    changes = {member: value for member, value in given.items() if value is not None}
    reasons = dict(_reason(each) for each in reason or [])
    if not changes and not reasons:
        raise CommandFailed("nothing to change: see keygrove app update --help")
    app = with_management(lambda m: _update(m, client_id, changes, reasons), create=False)
    show(as_json, value_of(app), text_of(app))


commands.command("submit")(app_review.submit)
commands.command("approve")(app_review.approve)
commands.command("suspend")(app_review.suspend)
commands.command("resume")(app_review.resume)


@commands.command("secret")
def secret(client_id: ClientId, yes: Yes = False, as_json: Json = False) -> None:
    """Give an app a new secret, printed this once; the old one ends. On a terminal this asks first."""
    confirm(f"End the secret of the app {client_id}?", yes=yes)

    async def renew(m: "Management") -> "NewApp":
        from keygrove.management import apps
        from keygrove.management.context import OPERATOR

        app = await apps.of_operator(m, client_id)
        return await apps.renew_secret(m, OPERATOR, app.company_id, client_id)

    _show_new(with_management(renew, create=False), as_json)


@commands.command("remove")
def remove(client_id: ClientId, yes: Yes = False, as_json: Json = False) -> None:
    """Remove an app for good: it gets no token from now on. On a terminal this asks first."""
    confirm(f"Remove the app {client_id}?", yes=yes)

    async def take_away(m: "Management") -> None:
        from keygrove.management import apps
        from keygrove.management.context import OPERATOR

        app = await apps.of_operator(m, client_id)
        await apps.remove(m, OPERATOR, app.company_id, client_id)

    with_management(take_away, create=False)
    show(as_json, {"client_id": client_id, "removed": True}, f"The app {client_id} is removed.")


async def _update(
    m: "Management", client_id: str, changes: Mapping[str, Any], reasons: Mapping[str, str]
) -> "App":
    from dataclasses import replace

    from keygrove.management import apps
    from keygrove.management.app_details import details_of
    from keygrove.management.context import OPERATOR

    app = await apps.of_operator(m, client_id)
    before = details_of(app)
    if "permissions" in changes and "optional_permissions" not in changes:
        # What is needed now is optional no more; the rest stays so.
        left = tuple(each for each in before.optional_permissions if each not in changes["permissions"])
        changes = {**changes, "optional_permissions": left}
    details = replace(before, **changes, reasons={**before.reasons, **reasons})
    return await apps.update(m, OPERATOR, app.company_id, client_id, details)


async def _register(m: "Management", company: str, details: "AppDetails", how: Mapping[str, Any]) -> "NewApp":
    from keygrove.management import apps
    from keygrove.management.context import OPERATOR

    maker = await find_company(m, company)
    return await apps.register(m, OPERATOR, maker.id, details, **how)


def _keys_in(jwks: TextIO | None, public: bool) -> str:
    """The key set in a file that was given."""
    if jwks is None:
        return ""
    if public:
        raise WronglyUsed("--public: an app that signs is not public")
    return jwks.read()


def _show_new(new: "NewApp", as_json: bool) -> None:
    """An app with its new secret, if it has one."""
    app, value = new.app, value_of(new.app)
    if new.client_secret is None:
        show(as_json, value, text_of(app))
        return
    secret = new.client_secret.reveal()
    shown = {"client_id": app.client_id, "client_secret": secret, **value}
    show(as_json, shown, f"{text_of(app)}\n\n{members([('Secret Key', secret)])}\n\nIt is shown this once.")


def _reason(text: str) -> tuple[str, str]:
    scope, equals, words = text.partition("=")
    if not equals:
        raise WronglyUsed(f"--reason: {text!r} is not SCOPE=TEXT")
    return scope.strip(), words.strip()
