"""From the app to the code and back, in a browser without script: RFC 6749 §4.1, OIDC Core §3.1.2."""

from running import PASSWORD, RunningServer
from web.apps import CALLBACK, answer_of, go_on, new_app
from web.people import Member, journal_of
from web.visitor import Visitor


def test_the_whole_way(server: RunningServer, ana: Member, visitor: Visitor) -> None:
    """Sign in, allow, and back with a code, the state and the issuer; then nothing is asked again."""
    app = new_app(server)
    page = app.send(visitor)
    assert page.status_code == 200
    page = go_on(visitor, page, "sign-in", email=ana.person.email, password=PASSWORD)
    assert "It will be able to" in page.text
    assert "We show your bookings on the big screen." in page.text
    back = go_on(visitor, page, "allow")
    assert back.headers["location"].startswith(f"{CALLBACK}?code=kg_co_")
    answer = answer_of(back)
    assert (answer["state"], answer["iss"]) == ("s1", server.url)
    [line] = [line for line in journal_of(server, app.app.client_id) if line.action == "app.connected"]
    assert (line.actor_id, line.company_id) == (ana.person.id, ana.company.id)
    again = answer_of(app.send(visitor, state="s2"))
    assert again["code"] != answer["code"]
    assert again["state"] == "s2"
