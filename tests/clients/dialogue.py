"""What a test asks of a client that others wrote, in whatever language, and what it hears back."""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

# Takes the address that a client sends a person to; gives the one that the person is sent back to.
Person = Callable[[str], str]
ENDS_WITHIN_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a client is told about itself and its issuer. A public client has an empty secret.

    With `private_jwk`, a JSON Web Key, it signs what proves it. It asks for an answer by `response_mode`, and
    to be led to `post_logout_redirect_uri` when it signs the person out, if these are not empty.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str
    audience: str = ""
    redirect_uri: str = ""
    private_jwk: str = field(default="", repr=False)
    response_mode: str = ""
    post_logout_redirect_uri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a client got. The subjects are as the client itself read them; None: it does not look.

    `id_token_subject` is from an ID token of which it verified the signature. `signed_out_at` is where the
    person came to after the client signed them out.
    """

    access_token: str = field(repr=False)
    renewed_access_token: str | None = field(default=None, repr=False)
    id_token_subject: str | None = None
    userinfo_subject: str | None = None
    signed_out_at: str | None = None


class Program:
    """A client in a process of its own, which speaks one JSON object a line (node/dialogue.mjs)."""

    def __init__(self, command: Sequence[str | Path], environ: Mapping[str, str]) -> None:
        self._command = command
        self._environ = environ

    def client_credentials(self, registration: Registration) -> Outcome:
        """A token for the client itself."""
        return self._run("client_credentials", registration, _nobody)

    def code(self, registration: Registration, person: Person) -> Outcome:
        """Tokens for a person: code, PKCE, userinfo, refresh."""
        return self._run("code", registration, person)

    def _run(self, flow: str, registration: Registration, person: Person) -> Outcome:
        """Raises AssertionError with what the program printed when it does not come to its end."""
        process = subprocess.Popen(
            self._command,
            env=dict(self._environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                _write(process, {"flow": flow, **asdict(registration)})
                line = process.stdout.readline()
                while '"authorization_url"' in line:
                    _write(process, {"callback": person(json.loads(line)["authorization_url"])})
                    line = process.stdout.readline()
                process.stdin.close()
                line += process.stdout.read()
                process.wait(ENDS_WITHIN_S)
            finally:
                process.kill()
        assert process.returncode == 0, line
        return Outcome(**json.loads(line))


def _write(process: subprocess.Popen[str], message: Mapping[str, str]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def _nobody(url: str) -> str:
    raise AssertionError("this flow has no person in it")
