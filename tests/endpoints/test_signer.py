"""The signer: what arrives together is signed together, and each gets its own."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from keygrove.endpoints.signer import Signer
from keygrove.protocol.claims import AccessToken
from keygrove.protocol.scope import Scope
from keygrove.protocol.token import Issue

TOKEN = AccessToken(
    issuer="https://issuer.example",
    subject="c",
    audience="a",
    client_id="c",
    company_id="o",
    scope=Scope(("s",)),
    issued_at=1,
    expires_at=2,
    token_id="j",
)


class Pen:
    """Signs with the token's id, and fails for some."""

    def sign(self, claims: bytes, _typ: str, **_: object) -> str:
        """The id, underlined."""
        token_id = json.loads(claims)["jti"]
        if token_id == "bad":
            raise LookupError("no key")
        return f"signed {token_id}"


def issue(token_id: str) -> Issue:
    """A decision to issue."""
    return Issue(replace(TOKEN, token_id=token_id), "at+jwt", "RS256")


def test_each_gets_its_own_signature_and_its_own_failure() -> None:
    """One that cannot be signed, or whose client went away, fails nobody else."""
    signer, pen = Signer(), Pen()

    async def all_at_once() -> list[Any]:
        tasks = [
            asyncio.ensure_future(signer.sign(pen, issue(name), now=1))  # type: ignore[arg-type]
            for name in ("a", "bad", "gone", "b")
        ]
        await asyncio.sleep(0)
        tasks[2].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, failed, gone, last = asyncio.run(all_at_once())
    assert (first, last) == ("signed a", "signed b")
    assert isinstance(failed, LookupError)
    assert isinstance(gone, asyncio.CancelledError)


def test_the_next_turn_signs_again() -> None:
    """Nothing is left behind from one turn to the next."""
    signer = Signer()

    async def one_by_one() -> list[str]:
        return [await signer.sign(Pen(), issue(name), now=1) for name in ("a", "b")]  # type: ignore[arg-type]

    assert asyncio.run(one_by_one()) == ["signed a", "signed b"]
