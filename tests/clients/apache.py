"""Debian's mod_auth_openidc: an Apache that lets people in by OpenID Connect."""

import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx2

from clients.dialogue import Outcome, Person, Registration
from clients.tls_front import Certificate
from keygrove.protocol.metadata import OPENID_CONFIGURATION

MODULES = Path("/usr/lib/apache2/modules")
STARTS_WITHIN_S = 15
_SITE = """
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
DocumentRoot {folder}/pages
{identity}
{modules}
SSLEngine On
SSLCertificateFile {folder}/chain.pem
OIDCProviderMetadataURL {issuer}{configuration}
OIDCSSLValidateServer On
OIDCCABundlePath {folder}/authority.pem
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCRedirectURI {redirect_uri}
OIDCScope "{scope}"
OIDCPKCEMethod S256
OIDCCryptoPassphrase "a passphrase for cookies of this test"
OIDCPassUserInfoAs json
OIDCPassIDTokenAs claims
<Location />
    AuthType openid-connect
    Require valid-user
    Header always set Token "%{{OIDC_access_token}}e"
    Header always set Subject "%{{OIDC_CLAIM_sub}}e"
    Header always set Userinfo "%{{OIDC_userinfo_json}}e"
</Location>
"""


class Apache:
    """A page behind mod_auth_openidc, and the browser of whoever opens it."""

    def __init__(self, certificate: Certificate) -> None:
        self._certificate = certificate

    def code(self, told: Registration, person: Person) -> Outcome:
        """Open the page, sign in where it says, open it again, renew by the module's own hook."""
        trust = ssl.create_default_context(cafile=str(self._certificate.authority))
        with (
            httpx2.Client(verify=trust, trust_env=False, timeout=30) as browser,
            _running(told, self._certificate, browser) as (url, log),
        ):
            sent = browser.get(url)
            callback = person(sent.headers["location"])
            page = browser.get(callback, follow_redirects=True)
            assert "token" in page.headers, log.read_text()
            token = page.headers["token"]
            hook = urlencode({"refresh": url, "access_token": token})
            renewed = browser.get(f"{told.redirect_uri}?{hook}", follow_redirects=True)
        about = httpx2.Response(200, content=page.headers["userinfo"]).json()
        return Outcome(
            access_token=token,
            renewed_access_token=renewed.headers["token"],
            id_token_subject=page.headers["subject"],
            userinfo_subject=about["sub"],
        )


def missing() -> str:
    """Why it cannot run here, if so."""
    if _program() is None:
        return "there is no apache2"
    return "" if (MODULES / "mod_auth_openidc.so").exists() else "there is no mod_auth_openidc"


def _program() -> str | None:
    """Debian has it where only root's path leads."""
    return shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def _running(
    told: Registration, certificate: Certificate, browser: httpx2.Client
) -> Iterator[tuple[str, Path]]:
    """The address of the page, and Apache's log. Raises AssertionError when it does not start."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        # Its workers are nobody, and look through here for the page and the certificate.
        folder.chmod(0o755)
        (folder / "pages").mkdir()
        (folder / "pages" / "page.txt").write_text("You are in.")
        shutil.copy(certificate.authority, folder / "authority.pem")
        shutil.copy(certificate.chain, folder / "chain.pem")
        origin = urlsplit(told.redirect_uri)
        site = folder / "site.conf"
        site.write_text(_configuration(told, folder, origin.port or 0))
        process = subprocess.Popen(
            [_program() or "apache2", "-d", folder, "-f", site, "-DFOREGROUND"], stdout=subprocess.DEVNULL
        )
        try:
            url = f"https://{origin.netloc}/page.txt"
            _wait(process, browser, url, folder / "error.log")
            yield url, folder / "error.log"
        finally:
            process.terminate()
            process.wait(STARTS_WITHIN_S)


def _configuration(told: Registration, folder: Path, port: int) -> str:
    names = ("mpm_event", "authn_core", "authz_core", "authz_user", "headers", "ssl", "auth_openidc")
    return _SITE.format(
        port=port,
        folder=folder,
        identity="User nobody\nGroup nogroup" if os.geteuid() == 0 else "",
        modules="\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in names),
        issuer=told.issuer,
        configuration=OPENID_CONFIGURATION,
        client_id=told.client_id,
        client_secret=told.client_secret,
        redirect_uri=told.redirect_uri,
        scope=told.scope,
    )


def _wait(process: subprocess.Popen[bytes], browser: httpx2.Client, url: str, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            browser.get(url)
        except httpx2.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text() if log.exists() else "Apache did not start")
