"""`keygrove app submit`, `approve`, `suspend` and `resume`: what the operator decides about an app."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keygrove.cli.app_shown import text_of, value_of
from keygrove.cli.output import Json, show
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
        typer.Argument(metavar="REVISION", help="What you looked at: `show` names it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Let every company connect an app that is in review.

    With REVISION only if it says still what you looked at; without, whatever is in review at this moment.
    """
    from keygrove.management import app_review
    from keygrove.management.context import OPERATOR

    app = with_management(
        lambda m: app_review.approve(m, OPERATOR, client_id, revision=revision), create=False
    )
    show(
        as_json,
        value_of(app),
        f"You approved this, and every company can connect it:\n\n{text_of(app)}",
    )


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
