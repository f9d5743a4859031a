"""F14: years of rotations on a clock that jumps, and verifiers that cache the key set and notice nothing."""

import json
from dataclasses import dataclass, field

import pytest

from clocks import Clock
from keygrove.crypto.jose import PublicKeys, verify
from keygrove.crypto.vault import Vault
from keygrove.endpoints.budget import FailureBudget
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.discovery import MAX_AGE_S, Documents, serve
from keygrove.endpoints.signer import Signer
from keygrove.endpoints.usage import UsageBook
from keygrove.management import signing_keys
from keygrove.management.context import OPERATOR, Management
from keygrove.management.signing_keys import (
    PUBLISH_AHEAD_S,
    CurrentKeyring,
    ensure,
    listing,
    load,
    rotate,
    rotate_when_due,
)
from keygrove.protocol.message import Request
from keygrove.protocol.metadata import JWKS_PATH
from keygrove.protocol.token import Policy
from keygrove.sdk.resource_server import ResourceServer
from keygrove.sdk.steps import HttpAnswer, HttpRequest

VAULT = Vault(b"m" * 32)
AUDIENCE, LIFE_S, STEP_S, LAG_S = "https://api.understory.io", 3600, 870, 15
PERIOD_S = 90 * 24 * 3600
pytestmark = pytest.mark.anyio


class Node:
    """A server of the issuer: its own copy of the keys, its own documents."""

    def __init__(self, m: Management, ring: CurrentKeyring) -> None:
        apis = {api.audience: api.as_api() for api in m.catalogue.apis}
        self._m = m
        self.ring = ring
        self.documents = Documents(
            AuthorizationServer(
                policy=Policy(m.issuer, apis),
                database=m.database,
                signer=Signer(),
                keyring=ring,
                digests=m.digests,
                pushed=VAULT,
                clock=m.clock,
                usage=UsageBook(),
                budget=FailureBudget(0, 0),
            )
        )

    def get(self, path: str) -> HttpAnswer:
        """Serve a document, as it is now."""
        response = serve(self.documents.at(path), Request(method="GET", path=path, headers=(), body=b""))
        return HttpAnswer(status=response.status, headers=dict(response.headers), body=response.body)

    def token(self) -> str:
        """An access token."""
        now = self._m.now()
        claims: dict[str, object] = {
            "iss": self._m.issuer, "sub": "c1", "aud": AUDIENCE, "exp": now + LIFE_S, "iat": now,
            "client_id": "c1", "scope": "openid", "company_id": "o1",
        }  # fmt: skip
        return self.ring().sign(json.dumps(claims).encode(), "at+jwt", algorithm="RS256", now=now)


@dataclass(slots=True)
class StubbornVerifier:
    """Keeps the key set for its whole max-age, and does not look again when it meets an unknown `kid`."""

    node: Node
    clock: Clock
    fetched_at: float = 0
    keys: PublicKeys = field(default_factory=PublicKeys)

    def verify(self, token: str) -> None:
        """Raises InvalidToken."""
        if self.clock() - self.fetched_at >= MAX_AGE_S:
            self.fetch()
        verify(token, self.keys, algorithms=["RS256"], types=["at+jwt"])

    def fetch(self, *, age_s: float = 0) -> None:
        """Take the key set as it is now, as if it had been fetched `age_s` seconds ago."""
        self.keys = PublicKeys.parse(self.node.get(JWKS_PATH).json_object())
        self.fetched_at = self.clock() - age_s


@dataclass(slots=True)
class World:
    """Two nodes, the verifiers, and the tokens that are alive."""

    m: Management
    clock: Clock
    nodes: list[Node]
    verifiers: list[StubbornVerifier]
    sdk: ResourceServer
    alive: list[tuple[float, str]] = field(default_factory=list)
    verified: int = 0

    async def step(self) -> None:
        """Let some minutes pass; do what upkeep does, first on one node, then on the other; use tokens."""
        self.clock.pass_by(STEP_S - LAG_S)
        for node in self.nodes:
            await rotate_when_due(self.m, VAULT, node.ring, period_s=PERIOD_S)
            await node.ring.reload(now=self.m.now())
            self.use_tokens()
            self.clock.pass_by(LAG_S / len(self.nodes))
        self.nodes.reverse()

    def use_tokens(self) -> None:
        """A new token of each node and the oldest that are alive: everybody must accept them."""
        now = self.clock()
        self.alive = [(end, token) for end, token in self.alive if end > now]
        fresh = [(now + LIFE_S, node.token()) for node in self.nodes]
        for _, token in [*fresh, *self.alive[:2]]:
            self.sdk.verify(token)
            for verifier in self.verifiers:
                verifier.verify(token)
            self.verified += 1 + len(self.verifiers)
        self.alive += fresh

    async def live_through(self, seconds: float) -> None:
        """Step by step."""
        end = self.clock() + seconds
        while self.clock() < end:
            await self.step()

    async def sleep_until(self, time: float) -> None:
        """Nothing happens that matters; then the verifiers hold key sets of different ages."""
        self.clock.time = time
        for node in self.nodes:
            await node.ring.reload(now=self.m.now())
        for phase, verifier in enumerate(self.verifiers):
            verifier.fetch(age_s=MAX_AGE_S / len(self.verifiers) * phase)
        self.alive.clear()


@pytest.fixture
async def world(m: Management, clock: Clock) -> World:
    """An issuer of two nodes, and verifiers that fetched the key set at different times."""
    await ensure(m.database, VAULT, now=m.now())
    rings = [CurrentKeyring(m.database, VAULT, await load(m.database, VAULT, now=m.now())) for _ in range(2)]
    nodes = [Node(m, ring) for ring in rings]

    def fetch(request: HttpRequest) -> HttpAnswer:
        return nodes[int(clock()) % 2].get(request.url.removeprefix(m.issuer))

    keys = PublicKeys.parse(nodes[0].get(JWKS_PATH).json_object())
    verifiers = [
        StubbornVerifier(nodes[phase % 2], clock, clock() - 1200 * phase, keys) for phase in range(3)
    ]
    sdk = ResourceServer(issuer=m.issuer, audience=AUDIENCE, fetch=fetch, now=clock, monotonic=clock)
    return World(m, clock, nodes, verifiers, sdk)


# What a verifier sees does not depend on the database: on the second one a few rotations are enough.
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("database_kind", "rotations"), [("sqlite", 50), ("postgres", 4)], indirect=["database_kind"]
)
async def test_f14_fifty_rotations_are_noticed_by_nobody(world: World, rotations: int) -> None:
    """Half of them automatic, half by hand; each is lived through closely, and no validation fails."""
    m, hour = world.m, 3600
    for number in range(rotations):
        newest = (await listing(m))[0]
        if number % 2 == 0:
            begins = newest.signs_from_s + PERIOD_S - signing_keys.AUTOMATIC_AHEAD_S
            await world.sleep_until(begins - 0.5 * hour)
            await world.live_through(2 * hour)
            await world.sleep_until(begins + signing_keys.AUTOMATIC_AHEAD_S - 1.2 * hour)
            await world.live_through(2.5 * hour)
        else:
            await world.sleep_until(newest.signs_from_s + PERIOD_S / 3)
            await world.live_through(0.5 * hour)
            await rotate(m, OPERATOR, VAULT)
            await world.live_through(PUBLISH_AHEAD_S + 1.3 * hour)
        keys = await listing(m)
        assert (keys[0].state, len(keys)) == ("current", number + 2)
        assert world.nodes[0].ring().published(m.now())[0].kid == keys[0].kid
    assert world.verified > 100 * rotations
