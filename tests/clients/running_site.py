"""A Keygrove behind HTTPS, with keys and apps for clients that others wrote."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from joserfc.jwk import RSAKey

from clients.dialogue import Registration
from clients.tls_front import Certificate, Front, https_front, make_certificate
from keygrove.management import apps
from keygrove.management.app_details import AppDetails
from keygrove.management.context import OPERATOR
from ports import free_port
from running import AUDIENCE, RunningServer, running_server

KEY_SCOPE = "openid marketing.read"
PERMISSIONS = ("marketing.read", "profile", "email")
APP_SCOPE = "openid profile email marketing.read offline"


@dataclass(frozen=True, slots=True)
class Site:
    """A running server, as the world sees it. `key` is what one company's own program is told."""

    server: RunningServer
    front: Front
    issuer: str
    certificate: Certificate
    key: Registration

    def new_app(self, name: str, *, public: bool = False, signs: bool = False) -> Registration:
        """A live app of the first company, its name made its own. It may ask for APP_SCOPE and must use PKCE.

        One that `signs` has a key in the place of a secret.
        """
        home = f"https://localhost:{free_port()}"
        key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True) if signs else None
        details = AppDetails(
            name=f"{name} {next(self.server.names)}",
            permissions=PERMISSIONS,
            reasons={"marketing.read": "To send your newsletter."},
            redirect_uris=(f"{home}/callback",),
            post_logout_redirect_uris=(f"{home}/bye",),
            jwks=json.dumps({"keys": [key.as_dict(private=False)]}) if key else "",
        )
        company_id = self.server.company_id
        made = self.server.manage(
            lambda m: apps.register(m, OPERATOR, company_id, details, public=public, live=True)
        )
        return Registration(
            issuer=self.issuer,
            client_id=made.app.client_id,
            client_secret=made.client_secret.reveal() if made.client_secret else "",
            scope=APP_SCOPE,
            redirect_uri=details.redirect_uris[0],
            private_jwk=json.dumps(key.as_dict(private=True)) if key else "",
        )


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Start a server on SQLite, which clients do not see, and HTTPS before it; stop both at the end."""
    certificate = make_certificate(folder)
    port = free_port()
    issuer = f"https://localhost:{port}"
    with (
        running_server(folder, settings={"KEYGROVE_ISSUER": issuer}) as server,
        https_front(port, int(server.environ["KEYGROVE_PORT"]), certificate) as front,
    ):
        key = server.new_key("marketing.read")
        told = Registration(
            issuer=issuer,
            client_id=key.client_id,
            client_secret=key.client_secret,
            scope=KEY_SCOPE,
            audience=AUDIENCE,
        )
        yield Site(server, front, issuer, certificate, told)
