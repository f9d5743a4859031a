"""`keygrove app`: apps that companies connect, and the operator's review of them."""

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from keygrove.cli.consent import Yes, confirm
from keygrove.cli.keys import scopes_of
from keygrove.cli.output import CommandFailed, Json, WronglyUsed, members, show, table, time_text
from keygrove.cli.work import find_company, with_management

if TYPE_CHECKING:
    from keygrove.management.app_details import AppDetails
    from keygrove.management.apps import App, AppState, NewApp
    from keygrove.management.context import Actor, Management
    from keygrove.protocol.client import ApplicationType

commands = typer.Typer(
    help="Apps that companies connect, and their review.", no_args_is_help=True, rich_markup_mode=None
)
ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The app's Client ID.")]
_STATES = ("draft", "in_review", "live", "suspended")


def _option(name: str, text: str) -> Any:
    return typer.Option(f"--{name}", metavar="TEXT", help=text)


def value_of(app: "App") -> dict[str, Any]:
    """An app as JSON has it."""
    return {
        "client_id": app.client_id,
        "name": app.name,
        "state": app.state,
        "company_id": app.company_id,
        "audience": app.audience,
        "permissions": list(app.scope.tokens),
        "optional_permissions": list(app.optional_scope.tokens),
        "reasons": dict(app.reasons),
        "application_type": app.application_type,
        "public": app.public,
        "signs": app.jwks is not None,
        "require_pkce": app.require_pkce,
        "redirect_uris": list(app.redirect_uris),
        "post_logout_redirect_uris": list(app.post_logout_redirect_uris),
        "backchannel_logout_uri": app.backchannel_logout_uri,
        "description": app.description,
        "logo_uri": app.logo_uri,
        "policy_uri": app.policy_uri,
        "tos_uri": app.tos_uri,
        "owner": app.owner,
        "contact_email": app.contact_email,
        "created_at": time_text(app.created_at_s),
        "created_by": app.created_by,
        "updated_at": time_text(app.updated_at_s),
        "submitted_at": time_text(app.submitted_at_s),
        "verified_at": time_text(app.verified_at_s),
    }


def text_of(app: "App") -> str:
    """An app as people read it: all that a review needs."""
    kind = "native" if app.application_type == "native" else "web"
    lines = [
        ("Name", app.name),
        ("Client ID", app.client_id),
        ("State", _state(app)),
        ("Company", app.company_id),
        ("Kind", f"{kind}, {'public' if app.public else 'confidential' if app.has_secret else 'signs'}"),
        ("PKCE", "required" if app.require_pkce else "not required"),
        ("API", app.audience),
        *(("Permission", _permission(app, scope)) for scope in app.scope.tokens),
        *(("Optional", _permission(app, scope)) for scope in app.optional_scope.tokens),
        *(("Redirect URI", uri) for uri in app.redirect_uris),
        ("Description", app.description),
        ("Logo", app.logo_uri or ""),
        ("Privacy policy", app.policy_uri or ""),
        ("Terms", app.tos_uri or ""),
        ("Owner", app.owner),
        ("Contact", app.contact_email),
        ("Created", f"{time_text(app.created_at_s)} by {app.created_by}"),
        ("Submitted", time_text(app.submitted_at_s) or ""),
        ("Verified", time_text(app.verified_at_s) or ""),
    ]
    return members([(name, value) for name, value in lines if value])


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
        require_pkce=not pkce_optional,
        description=description,
        logo_uri=logo_uri,
        policy_uri=policy_uri,
        tos_uri=tos_uri,
        owner=owner,
        contact_email=contact_email,
    )

    kind: ApplicationType = "native" if native else "web"
    how = {"application_type": kind, "public": public, "jwks": _keys_in(jwks, public), "live": live}
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
            each.state.replace("_", " "),
            each.company_id,
            " ".join(each.scope.tokens),
        )
        for each in found
    ]
    headings = ["NAME", "CLIENT ID", "STATE", "COMPANY", "PERMISSIONS"]
    show(
        as_json,
        {"apps": [value_of(each) for each in found]},
        table(headings, rows) if rows else "No apps.",
    )


@commands.command("show")
def show_app(client_id: ClientId, as_json: Json = False) -> None:
    """Show all that is said about an app. Its secret cannot be shown again."""
    from keygrove.management import apps

    app = with_management(lambda m: apps.of_operator(m, client_id), create=False)
    show(as_json, value_of(app), text_of(app))


@commands.command("update")
def update(
    client_id: ClientId,
    name: Annotated[str | None, typer.Option("--name", metavar="N", help="The new name.")] = None,
    permission: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="The new permissions, all of them; repeat.")
    ] = None,
    redirect_uri: Annotated[
        list[str] | None, typer.Option(metavar="URI", help="The new redirect URIs, all of them; repeat.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change an app's name, permissions or redirect URIs, also of one that is live."""
    if name is None and not permission and not redirect_uri:
        raise CommandFailed("nothing to change: give --name, --permission or --redirect-uri")

    async def change(m: "Management") -> "App":
        from dataclasses import replace

        from keygrove.management import apps
        from keygrove.management.app_details import details_of
        from keygrove.management.context import OPERATOR

        app = await apps.of_operator(m, client_id)
        details = details_of(app)
        details = details if name is None else replace(details, name=name)
        details = replace(details, redirect_uris=redirect_uri) if redirect_uri else details
        if permission:
            details = replace(details, permissions=scopes_of(permission), optional_permissions=())
        return await apps.update(m, OPERATOR, app.company_id, client_id, details)

    app = with_management(change, create=False)
    show(as_json, value_of(app), text_of(app))


@commands.command("approve")
def approve(client_id: ClientId, as_json: Json = False) -> None:
    """Let every company connect an app."""
    from keygrove.management import apps

    _move(client_id, as_json, apps.approve, "is live: every company can connect it.")


@commands.command("suspend")
def suspend(client_id: ClientId, as_json: Json = False) -> None:
    """Stop an app until it is resumed: it gets no tokens."""
    from keygrove.management import apps

    _move(client_id, as_json, apps.suspend, "is suspended: it gets no tokens.")


@commands.command("resume")
def resume(client_id: ClientId, as_json: Json = False) -> None:
    """Let a suspended app work again, as it did before."""
    from keygrove.management import apps

    _move(client_id, as_json, apps.resume, "works again.")


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


def _move(
    client_id: str,
    as_json: bool,
    change: "Callable[[Management, Actor, str], Coroutine[Any, Any, App]]",
    words: str,
) -> None:
    from keygrove.management.context import OPERATOR

    app = with_management(lambda m: change(m, OPERATOR, client_id), create=False)
    show(as_json, value_of(app), f"{app.name} {words}")


def _state(app: "App") -> str:
    return app.state.replace("_", " ")


def _permission(app: "App", scope: str) -> str:
    reason = app.reasons.get(scope, "")
    return f"{scope}: {reason}" if reason else scope


def _reason(text: str) -> tuple[str, str]:
    scope, equals, words = text.partition("=")
    if not equals:
        raise WronglyUsed(f"--reason: {text!r} is not SCOPE=TEXT")
    return scope.strip(), words.strip()
