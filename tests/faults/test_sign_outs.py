"""Sign-outs that die on the way: whoever is signed out is told of, after a restart as well."""

import time
from dataclasses import replace
from functools import partial

import pytest

from backchannel.receiver import Receiver, opened, receiving
from faults.killing import deaths, whole, writing_to
from faults.nodes import KILLS, Node, rows
from keygrove.management import sign_in
from keygrove.management.context import Management
from keygrove.storage import apps, companies, grants, people
from running import PASSWORD, wait_until_ready
from storage.granted import ACME, ANA, APP, code_of

HALVES = """
    select sid from sessions where (ended_at_s is null) = exists (
        select 1 from logout_notices n where n.sid = sessions.sid)"""


async def begin(m: Management, uri: str) -> None:
    """A person, and an app that wants to be told."""
    password_hash = await m.passwords.hash(PASSWORD)
    async with m.database.transaction() as tx:
        assert await companies.insert(tx, replace(ACME, slug="another"))
        assert await people.insert(tx, ANA, email_key=ANA.email, password_hash=password_hash)
        await people.add_member(tx, ANA.id, ACME.id, role="admin", at_s=4)
        app = replace(APP, company_id=ACME.id, backchannel_logout_uri=uri)
        assert await apps.insert(tx, app, name_key="m", secret_digest="d")


async def connect(m: Management, number: int) -> str:
    """Ana signs in and connects the app; her session's token."""
    new = await sign_in.begin(m, ANA, address="127.0.0.1", user_agent="", request_id="r")
    assert new.session.sid is not None
    async with m.database.transaction() as tx:
        code = code_of(f"g{number}", session_id=new.session.sid)
        assert await grants.insert(
            tx, code, code_digest=f"c{number}", interaction_id=f"i{number}", created_at_s=m.now()
        )
    return new.token.reveal()


@pytest.mark.timeout(1800)
def test_f01_a_sign_out_killed_at_every_step_is_told_or_never_was(idle: Node) -> None:
    """The session is over and its app is to be told, or neither; what is to be told is, once it runs."""
    kills = (KILLS or 12) // 2
    with receiving(Receiver()) as receiver:
        idle.manage(lambda m: begin(m, receiver.url))
        with writing_to(idle) as writer:
            first = writer.order("sign_out", token=idle.manage(partial(connect, number=0)))
            for number, death in enumerate(deaths(whole(first), kills), start=1):
                token = idle.manage(partial(connect, number=number))
                writer.order("sign_out", token=token, **death)
        assert rows(idle, HALVES) == []
        over = {row["sid"] for row in rows(idle, "select sid from sessions where ended_at_s is not null")}
        assert first.said["signed_out"] in over
        assert receiver.requests == []
        idle.start()
        wait_until_ready(idle)
        try:
            receiver.wait(len(over), within_s=20)
            until = time.monotonic() + 10
            while rows(idle, "select sid from logout_notices") and time.monotonic() < until:
                time.sleep(0.05)
            time.sleep(1.5)
            told = [opened(token, idle.url)[1]["sid"] for token in receiver.tokens]
        finally:
            idle.kill()
        assert sorted(told) == sorted(over)
        assert rows(idle, "select sid from logout_notices") == []
