"""How fast the SDK checks a token, beside the bare check of its signature."""

import itertools

from bench import keys, machine, raw, tokens
from bench.raw import Act, Rate
from bench.results import Verifying
from bench.servers import Server
from keygrove.sdk.resource_server import ResourceServer

# In turn more than the SDK remembers of, so that each of them is new to it whenever it comes.
_DIFFERENT = 2048


def measure(server: Server, seconds: float) -> Verifying:
    """All three on all cores, for some seconds each.

    Half of the raw checks are made before, half after. The issuer's keys are in the SDK's cache, as they
    are in a process that has served one request.
    """
    plan = server.plan
    body = tokens.sample(plan.bodies, 0)
    different = [tokens.issue(plan.token_url, body) for _ in range(_DIFFERENT)]

    def sdk(issued: list[str]) -> Act:
        api = ResourceServer(issuer=plan.environment["KEYGROVE_ISSUER"], audience=keys.AUDIENCE)
        each = itertools.cycle(issued)
        return lambda: api.verify(next(each))

    before = raw.measure(raw.rsa_verifying, seconds / 2, machine.cores())
    new = raw.measure(lambda: sdk(different), seconds, machine.cores())
    again = raw.measure(lambda: sdk(different[:1]), seconds, machine.cores())
    after = raw.measure(raw.rsa_verifying, seconds / 2, machine.cores())
    bare = Rate(
        (before.per_second + after.per_second) / 2,
        (before.cpu_us + after.cpu_us) / 2,
    )
    return Verifying(bare, new, again)
