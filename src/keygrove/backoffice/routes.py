"""Every address of Backoffice and its page."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from keygrove.backoffice import (
    account,
    app_detail,
    app_form,
    app_secret,
    connect,
    connected_apps,
    key_detail,
    key_new,
    key_remove,
    keys,
    log_out,
    password_reset,
    setup,
    sign_in,
)
from keygrove.backoffice.apps import app_list
from keygrove.backoffice.companies import start
from keygrove.backoffice.integrations import integrations_page
from keygrove.backoffice.static_files import serve
from keygrove.backoffice.theme import choose_theme
from keygrove.backoffice.ui_kit import ui_kit_page

Page = Callable[[Request], Awaitable[Response]]
_INTEGRATIONS = "/c/{slug}/settings/integrations"
_KEYS = f"{_INTEGRATIONS}/keys"
_KEY = f"{_KEYS}/{{client_id}}"
_CONNECTED = f"{_INTEGRATIONS}/apps/{{client_id}}"
_APPS = "/c/{slug}/settings/apps"
_APP = f"{_APPS}/{{client_id}}"


def routes() -> list[BaseRoute]:
    """The addresses, in the order they are tried. Pages find the platform in the application's state."""
    return [
        _route("/", get=start),
        _route("/sign-in", get=sign_in.sign_in_page, post=sign_in.sign_in_now),
        _route("/sign-out", get=sign_in.sign_out_page, post=sign_in.sign_out_now),
        _route("/account", get=account.account_page, post=account.change_password_now),
        _route("/account/sign-out", post=account.sign_out_now),
        _route("/reset-password", get=password_reset.reset_page, post=password_reset.reset_now),
        _route("/setup", get=setup.setup_page, post=setup.setup_now),
        _route("/oauth2/auth", get=connect.authorize_page, post=connect.authorize_page),
        _route("/oauth2/auth/continue", post=connect.continue_now),
        _route("/oauth2/sessions/logout", get=log_out.log_out_page, post=log_out.log_out_page),
        _route("/oauth2/sessions/logout/confirm", post=log_out.log_out_now),
        _route("/theme", post=choose_theme),
        _route(_INTEGRATIONS, get=integrations_page),
        _route(_KEYS, get=keys.key_list),
        _route(f"{_KEYS}/new", get=key_new.new_key_page, post=key_new.create_now),
        _route(_KEY, get=key_detail.overview_page, post=key_detail.rename_now),
        _route(
            f"{_KEY}/permissions", get=key_detail.permissions_page, post=key_detail.change_permissions_now
        ),
        _route(f"{_KEY}/remove", get=key_remove.remove_page, post=key_remove.remove_now),
        _route(_CONNECTED, get=connected_apps.connected_page),
        _route(
            f"{_CONNECTED}/disconnect", get=connected_apps.disconnect_page, post=connected_apps.disconnect_now
        ),
        _route(_APPS, get=app_list),
        _route(f"{_APPS}/new", get=app_form.new_app_page, post=app_form.register_now),
        _route(_APP, get=app_detail.overview_page),
        _route(f"{_APP}/edit", get=app_form.edit_page, post=app_form.edit_now),
        _route(f"{_APP}/review", post=app_detail.review_now),
        _route(f"{_APP}/secret", get=app_secret.secret_page, post=app_secret.renew_now),
        _route(f"{_APP}/remove", get=app_detail.remove_page, post=app_detail.remove_now),
        _route("/ui-kit", get=ui_kit_page),
        _route("/static/{digest}/{path:path}", get=serve),
    ]


def _route(path: str, *, get: Page | None = None, post: Page | None = None) -> Route:
    """One route for all methods of a path, so that a wrong method is told every right one."""
    pages = {
        method: page for method, page in (("GET", get), ("HEAD", get), ("POST", post)) if page is not None
    }

    async def answer(request: Request) -> Response:
        return await pages[request.method](request)

    return Route(path, answer, methods=list(pages))
