"""The refresh token grant at a running server: RFC 6749 §6, RFC 9700 §4.14, OpenID Connect Core §12."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from json import loads

import pytest

from endpoints.asking import refused, refused_client
from endpoints.connecting import (
    SCOPE,
    Connection,
    claims_in,
    connect_app,
    digests_of,
    refused_grant,
    tokens,
)
from endpoints.neighbor import ask_neighbor
from hostile_rules import Rules
from keygrove.crypto.secrets import read_refresh_token, refresh_token
from keygrove.management import people
from keygrove.management.context import OPERATOR
from keygrove.protocol.grants.refresh_token import RefreshPolicy
from keygrove.storage import consents, grants
from stores import everything_in, store_at

DAY_S = 86_400


@pytest.fixture
def app(rules: Rules) -> Connection:
    """A confidential app, connected."""
    return connect_app(rules)


def age(app: Connection, grant_id: str, *, unused_s: int = 0, family_s: int = 0) -> None:
    """Let so much time have passed since the last refresh, and since the grant."""
    app.change(
        """
        update grants set refreshed_at_s = refreshed_at_s - $2, created_at_s = created_at_s - $3
        where grant_id = $1
        """,
        grant_id,
        unused_s,
        family_s,
    )


def form_of(app: Connection, refresh_token: str) -> dict[str, str]:
    """The form that presents a refresh token."""
    return {**app.credentials(), "grant_type": "refresh_token", "refresh_token": refresh_token}


def test_a_refresh_token_gives_a_new_one(app: Connection) -> None:
    """And an access token of the same grant, and an ID token of the same sign-in (OIDC Core §12.2)."""
    first = app.connect()
    second = tokens(app.refresh(first["refresh_token"]))
    assert list(second) == list(first)
    assert second["scope"] == SCOPE
    assert second["refresh_token"] != first["refresh_token"]
    old, new = (claims_in(members["access_token"]) for members in (first, second))
    assert {name: new[name] for name in ("sub", "company_id", "grant_id", "client_id", "aud")} == {
        name: old[name] for name in ("sub", "company_id", "grant_id", "client_id", "aud")
    }
    assert new["jti"] != old["jti"]
    old, new = (claims_in(members["id_token"]) for members in (first, second))
    assert (new["sub"], new["auth_time"], new["sid"]) == (old["sub"], old["auth_time"], old["sid"])
    assert "nonce" not in new


def test_a_public_app_refreshes_without_a_secret(rules: Rules) -> None:
    """Its tokens rotate all the same (RFC 9700 §4.14.2)."""
    public = connect_app(rules, public=True)
    first = public.connect()["refresh_token"]
    second = tokens(public.refresh(first))["refresh_token"]
    assert tokens(public.refresh(second))
    refused_client(public.refresh(second, client_secret="kg_sk_wrong"))


def test_r01_an_old_token_ends_the_family_and_is_in_the_journal(app: Connection) -> None:
    """`invalid_grant`, also for the youngest from then on; one line in the journal, however often."""
    first = app.connect()
    second = tokens(app.refresh(first["refresh_token"]))
    third = tokens(app.refresh(second["refresh_token"]))
    grant_id = claims_in(first["access_token"])["grant_id"]
    for replayed in (first, first, second, third):
        refused_grant(app.refresh(replayed["refresh_token"]))
    assert app.userinfo(third["access_token"]).status_code == 401
    lines = app.write(
        lambda tx: tx.all("select * from journal where action = 'grant.revoked' and target_id = $1", grant_id)
    )
    (line,) = lines
    assert (line["actor_kind"], line["actor_id"]) == ("client", app.app.client_id)
    assert line["company_id"] == app.company_id
    assert loads(line["detail"]) == {"reason": "the refresh token was used before"}
    assert "the refresh token was used before" in app.server.log_text()


def test_r02_fifty_at_once(app: Connection) -> None:
    """On one node and on two: all get the same child, the only living descendant."""
    first = app.connect()["refresh_token"]
    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda _: tokens(app.refresh(first)), range(50)))
    (second,) = {members["refresh_token"] for members in answers}
    with ThreadPoolExecutor(26) as pool:
        elsewhere = pool.submit(ask_neighbor, app.server, form_of(app, second), 25)
        here = list(pool.map(lambda _: tokens(app.refresh(second))["refresh_token"], range(25)))
    (third,) = {*here, *(loads(answer.body)["refresh_token"] for answer in elsewhere.result())}
    assert tokens(app.refresh(third))


def test_r02_fifty_at_once_without_a_grace(app: Connection) -> None:
    """One succeeds; the others are replays, and the family ends."""
    first = app.connect()["refresh_token"]
    answers = ask_neighbor(app.server, form_of(app, first), 50, policy=RefreshPolicy(grace_s=0))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 49
    (child,) = [loads(answer.body)["refresh_token"] for answer in answers if answer.status == 200]
    refused_grant(app.refresh(child))


def test_r03_a_lost_answer(app: Connection) -> None:
    """The same child again within the grace; later, and when the grace is off, the family ends."""
    first = app.connect()
    second = tokens(app.refresh(first["refresh_token"]))
    again = tokens(app.refresh(first["refresh_token"]))
    assert again["refresh_token"] == second["refresh_token"]
    assert again["access_token"] != second["access_token"]
    age(app, claims_in(first["access_token"])["grant_id"], unused_s=10)
    refused_grant(app.refresh(first["refresh_token"]))
    refused_grant(app.refresh(second["refresh_token"]))
    strict = RefreshPolicy(grace_s=0)
    third = app.connect()["refresh_token"]
    statuses = [ask_neighbor(app.server, form_of(app, third), policy=strict)[0].status for _ in range(2)]
    assert statuses == [200, 400]


def test_r05_narrower_and_whole_again(app: Connection) -> None:
    """Never wider than what was allowed (RFC 6749 §6)."""
    token = app.connect("openid marketing.read offline")["refresh_token"]
    for wider in ("openid marketing.read booking.read", "profile", "event.read", "Marketing.read"):
        refused(app.refresh(token, scope=wider), "invalid_scope")
    narrow = tokens(app.refresh(token, scope="marketing.read"))
    assert (narrow["scope"], "id_token" in narrow) == ("marketing.read", False)
    whole = tokens(app.refresh(narrow["refresh_token"]))
    assert whole["scope"] == "openid marketing.read offline"


def test_r06_another_target(app: Connection) -> None:
    """`invalid_target`, by either name; the token is still good (RFC 8707 §2.2)."""
    token = app.connect()["refresh_token"]
    for name in ("audience", "resource"):
        refused(app.refresh(token, **{name: "https://other.example"}), "invalid_target")
    assert tokens(app.refresh(token))


GONE: dict[str, Callable[[Connection], object]] = {
    "disabled": lambda app: app.server.manage(lambda m: people.disable(m, OPERATOR, app.person.id)),
    "left": lambda app: app.change("delete from members where person_id = $1", app.person.id),
    "not an admin": lambda app: app.change(
        "update members set role = 'auditor' where person_id = $1", app.person.id
    ),
    "withdrawn": lambda app: app.write(lambda tx: consents.withdraw(tx, app.app.client_id, app.company_id)),
    "password": lambda app: app.server.manage(
        lambda m: people.set_password(m, OPERATOR, app.person.id, "another clearing in a forest")
    ),
    "company suspended": lambda app: app.change(
        "update companies set suspended_at_s = 1 where company_id = $1", app.company_id
    ),
    "revoked": lambda app: app.write(
        lambda tx: grants.revoke_of_app(tx, app.app.client_id, app.company_id, at_s=1)
    ),
}


@pytest.mark.parametrize("what", GONE)
def test_r07_what_is_not_allowed_any_more(app: Connection, what: str) -> None:
    """Disabled, left, another role, withdrawn, another password: no token and no claim from then on."""
    first = app.connect()
    second = tokens(app.refresh(first["refresh_token"]))
    GONE[what](app)
    refused_grant(app.refresh(second["refresh_token"]))
    refused_grant(app.refresh(first["refresh_token"]))
    assert app.userinfo(second["access_token"]).status_code == 401


def test_r07_a_suspended_app(app: Connection) -> None:
    """It is no client any more; in review it serves its own company only."""
    token = app.connect()["refresh_token"]
    app.change("update apps set state = 'in_review' where client_id = $1", app.app.client_id)
    refused_grant(app.refresh(token))
    app.change("update apps set state = 'suspended' where client_id = $1", app.app.client_id)
    refused_client(app.refresh(token))


def test_r07_a_scope_that_the_app_lost(app: Connection) -> None:
    """The next token lacks it at once, and says so."""
    token = app.connect("openid marketing.read booking.read offline")["refresh_token"]
    app.change("update clients set scope = 'booking.read' where client_id = $1", app.app.client_id)
    assert tokens(app.refresh(token))["scope"] == "openid booking.read offline"


def test_r09_idle_and_absolute_lives(app: Connection) -> None:
    """30 days without use, 365 days in all."""
    first = app.connect()
    grant_id = claims_in(first["access_token"])["grant_id"]
    age(app, grant_id, unused_s=29 * DAY_S, family_s=364 * DAY_S)
    second = tokens(app.refresh(first["refresh_token"]))["refresh_token"]
    age(app, grant_id, family_s=DAY_S)
    refused_grant(app.refresh(second))
    other = app.connect()
    age(app, claims_in(other["access_token"])["grant_id"], unused_s=30 * DAY_S)
    refused_grant(app.refresh(other["refresh_token"]))


def test_r10_no_refresh_token_without_offline(app: Connection) -> None:
    """Nor any more once `offline` is withdrawn (OIDC Core §11)."""
    assert "refresh_token" not in app.connect("openid marketing.read")
    token = app.connect("openid marketing.read offline_access")["refresh_token"]
    app.change("update consents set scope = 'openid marketing.read' where client_id = $1", app.app.client_id)
    refused_grant(app.refresh(token))


def test_r11_no_token_is_taken_for_another_kind(app: Connection) -> None:
    """An access token, an ID token, a code, a secret as refresh token; a refresh token as code or bearer."""
    code = app.new_code()
    members = tokens(app.redeem(code))
    fresh = app.new_code()
    for other in (members["access_token"], members["id_token"], fresh.code, app.client_secret, "x"):
        refused_grant(app.refresh(other))
    for other in (members["refresh_token"], members["access_token"]):
        refused_grant(app.redeem(fresh, code=other))
    for other in (members["refresh_token"], members["id_token"], fresh.code):
        assert app.userinfo(other).status_code == 401
    assert tokens(app.redeem(fresh))


def test_a_token_is_compared_whole(app: Connection) -> None:
    """Cut, extended, changed in any part: unknown, and the right one is still good."""
    token = app.connect()["refresh_token"]
    swapped = "".join("1" if letter == "0" else "0" for letter in token[28:34])
    for other in (token[:-1], token + "0", token.swapcase(), token[:28] + swapped + token[34:]):
        refused_grant(app.refresh(other))
    assert tokens(app.refresh(token))


def test_the_token_of_another_app(app: Connection, rules: Rules) -> None:
    """It is refused, used or not, and nothing ends (RFC 6749 §6)."""
    thief, first = connect_app(rules), app.connect()["refresh_token"]
    refused_grant(thief.refresh(first))
    second = tokens(app.refresh(first))["refresh_token"]
    refused_grant(thief.refresh(first))
    assert tokens(app.refresh(second))


def test_r17_a_dump_gives_no_token(app: Connection) -> None:
    """No code, token or secret is in the database, and what is there opens nothing."""
    code = app.new_code()
    members = tokens(app.redeem(code))
    later = tokens(app.refresh(members["refresh_token"]))
    with store_at(app.server.environ["KEYGROVE_DATABASE"]) as store:
        dump = everything_in(store)
    for secret in (
        code.code,
        app.client_secret,
        *(members[name] for name in ("access_token", "id_token", "refresh_token")),
        *(later[name] for name in ("access_token", "id_token", "refresh_token")),
    ):
        assert secret not in dump
        # Nor a part of one that is long enough to matter.
        assert secret[36:60] not in dump
    refused_grant(app.refresh(code.grant.grant_id))
    assert code.grant.grant_id in dump


def test_r18_ten_thousand_rotations(app: Connection) -> None:
    """A family is one row however old it is, and its first token is recognized for ever."""
    first = app.connect()
    grant_id = claims_in(first["access_token"])["grant_id"]
    token, rows = first["refresh_token"], set()
    sql = (
        f"select (select count(*) from grants where client_id = '{app.app.client_id}') + "  # noqa: S608 - of ours
        f"(select count(*) from journal where '{app.app.client_id}' in (actor_id, target_id))"
    )
    with store_at(app.server.environ["KEYGROVE_DATABASE"]) as store:
        for _ in range(20):
            token = tokens(app.refresh(token))["refresh_token"]
            rows |= set(store.query(sql))
    assert len(rows) == 1
    app.change("update grants set refresh_generation = 9999 where grant_id = $1", grant_id)
    digests = digests_of(app.server)
    late = refresh_token(digests, grant_id, 9_999).reveal()
    youngest = tokens(app.refresh(late))["refresh_token"]
    assert read_refresh_token(digests, youngest) == (grant_id, 10_000)
    refused_grant(app.refresh(first["refresh_token"]))
    assert app.is_revoked(grant_id)
