"""The signer: what arrives together is signed together, and each gets its own."""

import asyncio
import json
from typing import Any

from keygrove.endpoints.signer import Signer


class Pen:
    """Signs with the token's id, and fails for some."""

    def sign(self, claims: bytes, _typ: str, **_: object) -> str:
        """The id, underlined."""
        token_id = json.loads(claims)["jti"]
        if token_id == "bad":
            raise LookupError("no key")
        return f"signed {token_id}"


def claims(token_id: str) -> dict[str, str]:
    """What is signed."""
    return {"jti": token_id}


def test_each_gets_its_own_signature_and_its_own_failure() -> None:
    """One that cannot be signed, or whose client went away, fails nobody else."""
    signer, pen = Signer(), Pen()

    async def all_at_once() -> list[Any]:
        tasks = [
            asyncio.ensure_future(signer.sign(pen, claims(name), "at+jwt", algorithm="RS256", now=1))  # type: ignore[arg-type]
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
    signer, pen = Signer(), Pen()

    async def sign(name: str) -> str:
        return await signer.sign(pen, claims(name), "at+jwt", algorithm="RS256", now=1)  # type: ignore[arg-type]

    async def one_by_one() -> list[str]:
        return [await sign("a"), await sign("b")]

    assert asyncio.run(one_by_one()) == ["signed a", "signed b"]
