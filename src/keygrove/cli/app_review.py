"""`keygrove app submit`, `approve`, `suspend` and `resume`: what the operator decides about an app."""

import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keygrove.cli.app_shown import state_of, text_of, value_of
from keygrove.cli.consent import ask
from keygrove.cli.output import CommandFailed, Json, WronglyUsed, show
from keygrove.cli.work import with_management

if TYPE_CHECKING:
    from keygrove.management.apps import App
    from keygrove.management.context import Actor, Management

ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The app's Client ID.")]


def submit(client_id: ClientId, as_json: Json = False) -> None:
    """Hand a draft in for review, for its maker. What a review needs must be there."""
    from keygrove.management import app_review, apps

    async def hand_in(m: "Management", actor: "Actor", client_id: str) -> "App":
        app = await apps.of_operator(m, client_id)
        await app_review.submit(m, actor, app.company_id, client_id)
        return await apps.of_operator(m, client_id)

    _move(client_id, as_json, hand_in, "is in review.")


def approve(
    client_id: ClientId,
    revision: Annotated[
        str | None,
        typer.Argument(
            metavar="REVISION", help="What you looked at: `show` names it. Needed where there is no terminal."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Let every company connect an app that is in review, if it says still what you looked at.

    Without REVISION you look at it now: it is shown, and you are asked.
    """
    from keygrove.management import app_review
    from keygrove.management.context import OPERATOR

    seen = revision or _looked_at(client_id)
    app = with_management(lambda m: app_review.approve(m, OPERATOR, client_id, revision=seen), create=False)
    show(
        as_json,
        value_of(app),
        f"You approved this, and every company can connect it:\n\n{text_of(app)}",
    )


def _looked_at(client_id: str) -> str:
    """Show an app that is in review on the terminal; the revision to which the operator says yes.

    Raises WronglyUsed without a terminal, CommandFailed, typer.Abort on a no, NotFound.
    """
    from keygrove.management import apps
    from keygrove.management.app_details import revision_of

    app = with_management(lambda m: apps.of_operator(m, client_id), create=False)
    if app.state != "in_review":
        raise CommandFailed(f"the app's state is {state_of(app)}: only what is in review can be approved")
    if not sys.stdin.isatty():
        raise WronglyUsed("there is no terminal to ask on: add the REVISION that `keygrove app show` names")
    print(f"{text_of(app)}\n", file=sys.stderr)
    ask("Let every company connect this?")
    return revision_of(app)


def suspend(client_id: ClientId, as_json: Json = False) -> None:
    """Stop an app until it is resumed: it gets no tokens."""
    from keygrove.management import app_review

    _move(client_id, as_json, app_review.suspend, "is suspended: it gets no tokens.")


def resume(client_id: ClientId, as_json: Json = False) -> None:
    """Let a suspended app work again, as it did before."""
    from keygrove.management import app_review

    _move(client_id, as_json, app_review.resume, "works again.")


def _move(
    client_id: str,
    as_json: bool,
    change: "Callable[[Management, Actor, str], Coroutine[Any, Any, App]]",
    words: str,
) -> None:
    from keygrove.management.context import OPERATOR

    app = with_management(lambda m: change(m, OPERATOR, client_id), create=False)
    show(as_json, value_of(app), f"{app.name} {words}")
