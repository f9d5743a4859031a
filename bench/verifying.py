"""How fast the SDK checks a token, beside the bare check of its signature."""

from bench import keys, machine, raw, tokens
from bench.raw import Act, Rate
from bench.servers import Server
from keygrove.sdk.resource_server import ResourceServer


def measure(server: Server, seconds: float) -> tuple[Rate, Rate]:
    """Raw RSA-2048 verification, and `ResourceServer.verify` of one token again and again, on all cores.

    Half of the raw checks are made before, half after. The SDK's signing keys are in its cache, as they are
    in a process that has served one request.
    """
    plan = server.plan
    token = tokens.issue(plan.token_url, tokens.sample(plan.bodies, 0))

    def sdk() -> Act:
        api = ResourceServer(issuer=plan.environment["KEYGROVE_ISSUER"], audience=keys.AUDIENCE)
        return lambda: api.verify(token)

    before = raw.measure(raw.rsa_verifying, seconds / 2, machine.cores())
    ours = raw.measure(sdk, seconds, machine.cores())
    after = raw.measure(raw.rsa_verifying, seconds / 2, machine.cores())
    bare = Rate(
        (before.per_second + after.per_second) / 2,
        (before.cpu_us + after.cpu_us) / 2,
    )
    return bare, ours
