"""The Secret Key is seen once: not after a reload, not in a list, not in anything the server keeps."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from backoffice.conftest import OpenVisitor
from backoffice.site import Site
from backoffice.visitor import Look, in_looks

both_ways = in_looks([Look(), Look(script=False)])
CONSENTS = (("Marketing consents", "Read"),)
SDK_PROGRAM = "from keygrove.sdk.client import TokenSource; print(TokenSource.from_environment().get())"


@both_ways
def test_a_reload_shows_that_the_key_exists_not_its_secret(
    look: Look, site: Site, visit: OpenVisitor
) -> None:
    """Sending the form again makes no second key and shows no secret."""
    company = site.new_company()
    visitor = visit(look)
    site.let_in(visitor, site.new_person(company))
    secret = visitor.create_key(company.slug, "Made once", CONSENTS)
    visitor.page.reload()
    assert visitor.heading().startswith("This key was created at ")
    assert visitor.heading().endswith("The Secret Key can't be shown again.")
    assert secret not in visitor.page.content()
    visitor.inspect("key-already-created")
    visitor.follow("All keys")
    assert visitor.page.get_by_role("link", name="Made once", exact=True).count() == 1
    assert secret not in visitor.page.content()
    visitor.follow("Made once")
    assert secret not in visitor.page.content()
    visitor.page.go_back()
    assert secret not in visitor.page.content()


def test_the_secret_is_kept_nowhere(site: Site, visit: OpenVisitor) -> None:
    """Not in the database, its write-ahead log or the server's log; the Client ID shows that we looked."""
    company = site.new_company()
    visitor = visit(Look())
    site.let_in(visitor, site.new_person(company))
    secret = visitor.create_key(company.slug, "Kept nowhere", CONSENTS)
    assert len(secret) == 55
    client_id = (visitor.page.locator("#client-id").text_content() or "").encode()
    kept = site.everything_kept()
    assert client_id in kept
    assert secret.encode() not in kept
    assert secret.removeprefix("kg_sk_")[:20].encode() not in kept


def test_the_page_is_never_cached(site: Site, visit: OpenVisitor) -> None:
    """Every page of a signed-in person is `no-store`, and the secret is in no address."""
    company = site.new_company()
    visitor = visit(Look())
    site.let_in(visitor, site.new_person(company))
    answers = []
    visitor.page.on("response", lambda answer: answers.append(answer))
    secret = visitor.create_key(company.slug, "Not cached", CONSENTS)
    documents = [answer for answer in answers if answer.request.resource_type == "document"]
    assert len(documents) == 2
    assert {answer.headers["cache-control"] for answer in documents} == {"no-store"}
    assert not [answer.url for answer in answers if secret in answer.url]


def test_pressing_create_twice_makes_one_key(site: Site, visit: OpenVisitor) -> None:
    """The button says what is going on and does not answer a second press."""
    company = site.new_company()
    visitor = visit(Look())
    site.let_in(visitor, site.new_person(company))
    page, keys = visitor.page, f"/c/{company.slug}/settings/integrations/keys"
    visitor.go(f"{keys}/new")
    page.get_by_label("Name", exact=True).fill("Pressed twice")
    visitor.choose("Events", "Read")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method) if request.method == "POST" else None)
    page.get_by_role("button", name="Create", exact=True).dblclick()
    page.get_by_role("heading", name="Your key is ready").wait_for()
    assert sent == ["POST"]


def test_the_examples_run_as_they_are_shown(site: Site, visit: OpenVisitor, tmp_path: Path) -> None:
    """Python and Node read the values of the .env file and print a token; so does the SDK, with no others."""
    company = site.new_company()
    visitor = visit(Look(script=False))
    site.let_in(visitor, site.new_person(company))
    visitor.create_key(company.slug, "Runs", CONSENTS)
    page = visitor.page
    (tmp_path / "keygrove.env").write_text(page.get_by_label(".env").input_value())
    programs = {"python": sys.executable, "node": shutil.which("node")}
    (tmp_path / "sdk.py").write_text(SDK_PROGRAM)
    files = [(sys.executable, "sdk.py")]
    for language, program in programs.items():
        page.get_by_label(language.capitalize(), exact=True).check()
        caption = page.locator(f".examples__panel--{language} figcaption span").inner_text()
        file = caption.partition(",")[0]
        assert page.locator(f"#example-{language}").is_visible()
        (tmp_path / file).write_text(page.locator(f"#example-{language}").text_content() or "")
        if program is not None:
            files.append((program, file))
    assert len(files) == 3
    for program, file in files:
        command = f'set -a; . ./keygrove.env; set +a; "{program}" {file}'
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        assert done.stdout.startswith("eyJ")
    refused = subprocess.run(
        [sys.executable, "get_token.py"],
        cwd=tmp_path,
        env={"KEYGROVE_CLIENT_ID": "kg_ci_nobody", "KEYGROVE_CLIENT_SECRET": "made up"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert refused.returncode == 1
    assert json.loads(refused.stderr)["error"] == "invalid_client"


def test_names_are_words_never_code(site: Site, visit: OpenVisitor) -> None:
    """A name full of markup stands in every page as it was typed."""
    company = site.new_company("<b>Acme</b> & {{ 7 * 7 }}")
    visitor = visit(Look())
    name = "<img src=x onerror=alert(1)>{{ 7 * 7 }}\"'&amp;"
    site.let_in(visitor, site.new_person(company))
    visitor.create_key(company.slug, name, CONSENTS)
    assert visitor.page.get_by_text(name).first.is_visible()
    visitor.follow("I've stored the Secret Key")
    visitor.is_at(name)
    visitor.follow("Remove key")
    visitor.is_at(f"Remove {name}?")
    visitor.go(f"/c/{company.slug}/settings/integrations/keys")
    assert visitor.page.get_by_role("link", name=name, exact=True).is_visible()
    assert visitor.page.locator("img").count() == 0
    assert visitor.dialogs == []
