"""Table J of the reference, the tokens: every one but a good one is refused with 401 invalid_token."""

import time

import pytest

from keygrove.sdk.bearer import Refusal
from keygrove.sdk.resource_server import ResourceServer
from sdk.attacks import ATTACKS, GOOD, Attack
from sdk.issuer import AUDIENCE, CLIENT, Issuer
from yardstick import in_time


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_is_refused_at_once(
    attack: Attack, shared_issuer: Issuer, shared_api: ResourceServer
) -> None:
    """With 401 invalid_token, quickly, saying nothing of the token, and good tokens pass right afterwards."""
    token = attack(shared_issuer)
    # Whatever comes first loads what HTTP needs and fetches the keys.
    shared_api.authenticate(f"Bearer {shared_issuer.token()}")
    began = time.thread_time()
    with pytest.raises(Refusal) as caught:
        shared_api.authenticate(f"Bearer {token}")
    took = time.thread_time() - began
    assert (caught.value.status, caught.value.error) == (401, "invalid_token")
    assert in_time(took, 0.1)
    assert max(map(len, caught.value.headers().values())) < 200
    assert shared_api.authenticate(f"Bearer {shared_issuer.token()}").client_id == CLIENT


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD.keys())
def test_a_good_token_is_accepted(make: Attack, shared_issuer: Issuer, shared_api: ResourceServer) -> None:
    """Strict is not deaf: what RFC 7515 and RFC 9068 allow is read."""
    principal = shared_api.verify(make(shared_issuer))
    assert (principal.client_id, principal.scopes) == (CLIENT, frozenset({"openid", "marketing.read"}))


@pytest.fixture
def fixed_now(shared_issuer: Issuer) -> tuple[ResourceServer, list[float]]:
    """An API whose wall clock the test sets."""
    now = [time.time()]
    return ResourceServer(issuer=shared_issuer.url, audience=AUDIENCE, now=lambda: now[0]), now


@pytest.mark.parametrize(
    ("after_expiry_s", "accepted"), [(-1, True), (0, True), (29, True), (30, False), (31, False)]
)
def test_j17_the_leeway_is_thirty_seconds(
    after_expiry_s: int,
    accepted: bool,
    shared_issuer: Issuer,
    fixed_now: tuple[ResourceServer, list[float]],
) -> None:
    """A token lives until its `exp` plus the leeway, and not at that very second."""
    api, now = fixed_now
    token = shared_issuer.token(exp=int(now[0]), iat=int(now[0]) - 3600)
    now[0] = int(now[0]) + after_expiry_s
    assert is_accepted(api, token) is accepted


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead_s", "accepted"), [(25, True), (30, True), (31, False), (600, False)])
def test_j41_clocks_may_differ_a_little(
    claim: str,
    ahead_s: int,
    accepted: bool,
    shared_issuer: Issuer,
    fixed_now: tuple[ResourceServer, list[float]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Up to the leeway; beyond it the log says that the clocks disagree."""
    api, now = fixed_now
    now[0] = int(now[0])
    with caplog.at_level("INFO", "keygrove.sdk"):
        assert is_accepted(api, shared_issuer.token(**{claim: int(now[0]) + ahead_s})) is accepted
    assert accepted or "clocks" in caplog.text or "not valid yet" in caplog.text


def is_accepted(api: ResourceServer, token: str) -> bool:
    """Whether the API lets a token in."""
    try:
        api.authenticate(f"Bearer {token}")
    except Refusal:
        return False
    return True


def test_j31_a_key_is_not_a_person(shared_issuer: Issuer, shared_api: ResourceServer) -> None:
    """The principal says whether a client acts for itself."""
    assert shared_api.verify(shared_issuer.token()).is_client
    assert not shared_api.verify(shared_issuer.token(sub="kg_pe_x")).is_client


def test_the_token_is_never_in_the_log(
    shared_issuer: Issuer, shared_api: ResourceServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a good one nor a refused one, at any level."""
    tokens = [attack(shared_issuer) for name, attack in ATTACKS.items() if name.startswith(("J1", "J2"))]
    with caplog.at_level("DEBUG"):
        for token in [shared_issuer.token(), *tokens]:
            is_accepted(shared_api, token)
    assert not [token for token in tokens if token and len(token) > 40 and token[:40] in caplog.text]
