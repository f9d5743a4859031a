"""An issuer on a loopback socket, made for the tests: its documents can be slow, broken, huge or wrong."""

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

from joserfc import jws

from keygrove.crypto.jose import Key, Keyring, SigningKey
from sdk.loopback import QuietHandler, listening

AUDIENCE = "https://api.understory.io"
COMPANY = "4f1c9e0a7b6d4c5e8f90a1b2c3d4e5f6"
CLIENT = "kg_ci_" + "a1B2c3D4e5F6g7H8i9J0k1" + "000000"
DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/.well-known/jwks.json"


@cache
def signing_key(name: str) -> SigningKey:
    """A key of that name, the same one throughout the tests; "elliptic" is for ES256."""
    return SigningKey.generate(now=0, algorithm="ES256" if name == "elliptic" else "RS256")


def ring(*names: str) -> Keyring:
    """The keys of these names; the first one signs."""
    return Keyring(tuple(map(signing_key, names)))


def signed(key: SigningKey, claims: Mapping[str, object]) -> str:
    """An access token of these claims."""
    return Keyring((key,)).sign(json.dumps(claims).encode(), "at+jwt", algorithm=key.algorithm, now=0)


class Clock:
    """A clock that a test moves; it counts seconds."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


class Issuer:
    """What the server serves; a test changes it while it runs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keyring = ring("current", "elliptic")
        self.documents: dict[str, object] = {}
        self.status = 200
        self.moved_to = ""
        self.delay_s = 0.0
        self.drip = False
        self.asked: list[str] = []

    @property
    def current(self) -> SigningKey:
        """The key that signs."""
        return self.keyring.keys[0]

    def jwks_fetches(self) -> int:
        """How often the key set was fetched."""
        return self.asked.count(JWKS)

    def document(self, path: str) -> bytes | None:
        """The body served at a path: bytes as they are, all else as JSON."""
        served: dict[str, object] = {
            DISCOVERY: {"issuer": self.url, "jwks_uri": self.url + JWKS},
            JWKS: self.keyring.jwks(0),
        }
        found = (served | self.documents).get(path)
        return found if isinstance(found, bytes) or found is None else json.dumps(found).encode()

    def claims(self, **changes: object) -> dict[str, object]:
        """The claims of a good access token; None takes one out."""
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.url, "sub": CLIENT, "aud": AUDIENCE, "exp": now + 3600, "iat": now, "jti": "0" * 32,
            "client_id": CLIENT, "scope": "openid marketing.read", "company_id": COMPANY,
        }  # fmt: skip
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, **changes: object) -> str:
        """A signed access token with some claims changed."""
        return signed(self.current, self.claims(**changes))

    def header(self, **changes: object) -> dict[str, object]:
        """The header of a good access token; None takes a member out."""
        header: dict[str, object] = {"alg": "RS256", "kid": self.current.kid, "typ": "at+jwt"}
        return {name: value for name, value in (header | changes).items() if value is not None}

    def forge(self, header: Mapping[str, object], *, key: Key | None = None, **changes: object) -> str:
        """A token with this very header, RS256 over it whatever it says."""
        return sign_raw(json.dumps(header).encode(), json.dumps(self.claims(**changes)).encode(), key)


def sign_raw(header: bytes, payload: bytes, key: Key | None = None) -> str:
    """Sign any bytes as header and payload with the current key."""
    signing_input = f"{base64url(header)}.{base64url(payload)}"
    signature = jws.JWSRegistry.algorithms["RS256"].sign(
        signing_input.encode(), key or signing_key("current").key
    )
    return f"{signing_input}.{base64url(signature)}"


def base64url(data: bytes) -> str:
    """Without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Serve an issuer until the block ends."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            time.sleep(issuer.delay_s)
            body = issuer.document(self.path)
            try:
                if issuer.moved_to and self.path == JWKS:
                    self.send_response(302)
                    self.send_header("Location", issuer.moved_to)
                else:
                    self.send_response(404 if body is None else issuer.status)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                for piece in _pieces(body or b"", drip=issuer.drip):
                    self.wfile.write(piece)
                    self.wfile.flush()
            except OSError:
                self.close_connection = True

    with listening(Handler) as url:
        issuer = Issuer(url)
        yield issuer


def settle() -> None:
    """Wait for what the SDK refreshes behind the scenes to end."""
    for thread in threading.enumerate():
        if thread.name == "keygrove-refresh":
            thread.join(10)


def _pieces(body: bytes, *, drip: bool) -> Iterator[bytes]:
    if not drip:
        yield body
        return
    for number in range(len(body)):
        time.sleep(0.02)
        yield body[number : number + 1]
