"""Whoever gets hold of a dump of the database can use nothing that is in it."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from endpoints.connecting import CALLBACK, TOKEN, Connection, connect_app, refused_grant, tokens
from hostile_rules import assert_silent, holding
from keygrove.management import sign_in
from running import PASSWORD, running_server
from stores import everything_in, store_at

TOKENS = ("access_token", "id_token", "refresh_token")


def values_in(dump: str) -> list[str]:
    """Every value that could be sent as a secret, a code or a token."""
    words = {value for line in dump.splitlines() for value in line.partition(": ")[2].split(" | ")}
    return sorted(word for word in words if re.fullmatch(r"[!-~]{20,}", word) and "://" not in word)


def test_r17_a_dump_has_no_usable_token_code_secret_or_session(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    """Neither as they are, nor is any value that is stored taken for one."""
    with running_server(tmp_path, database=new_database()) as server, holding(server) as rules:
        app = connect_app(rules)
        spent, waiting = app.new_code(), app.new_code()
        first = tokens(app.redeem(spent))
        second = tokens(app.refresh(first["refresh_token"]))
        session = server.manage(
            lambda m: sign_in.sign_in(m, email=app.person.email, password=PASSWORD, address="192.0.2.1")
        )
        secrets = {
            app.client_secret,
            spent.code,
            waiting.code,
            session.token.reveal(),
            rules.good_key.client_secret,
            PASSWORD,
            *(answer[name] for answer in (first, second) for name in TOKENS),
        }
        with store_at(server.environ["KEYGROVE_DATABASE"]) as store:
            dump = everything_in(store)
        assert app.app.client_id in dump
        assert waiting.grant.grant_id in dump
        assert_silent(dump, secrets, shows=("$argon2",))
        for value in values_in(dump):
            assert_it_opens_nothing(app, value)
            assert server.manage(partial(sign_in.find_session, token=value)) is None
        assert tokens(app.redeem(waiting))["scope"] == first["scope"]
        assert tokens(app.refresh(second["refresh_token"]))["scope"] == first["scope"]


def assert_it_opens_nothing(app: Connection, value: str) -> None:
    """Also a thief who has the app's secret beside the dump gets no further with what is in it."""
    code = {"grant_type": "authorization_code", "code": value, "redirect_uri": CALLBACK}
    refused_grant(app.post(TOKEN, code))
    refused_grant(app.refresh(value))
    assert app.userinfo(value).status_code in (400, 401)
    with_it = {"grant_type": "refresh_token", "refresh_token": "x", "client_secret": value}
    assert app.post(TOKEN, with_it).status_code == 401
