"""HTTPS in front of a running Keygrove, as docs/behind-a-proxy.md asks for: real clients insist on it."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# What is between two neighbors only, or ours to say.
_NOT_PASSED_ON = {
    "connection",
    "content-length",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-proto",
}
TRUST_STORE_PASSWORD = "changeit"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM: the server's chain with its key, and whom to trust; for Java as `trust_store` too."""

    chain: Path
    authority: Path
    trust_store: Path


def make_certificate(folder: Path) -> Certificate:
    """An authority of its own, and a certificate from it for localhost and 127.0.0.1, for a day."""
    made = Certificate(folder / "chain.pem", folder / "authority.pem", folder / "authority.p12")
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Keygrove tests")])
    authority = _sign(name, authority_key, name, authority_key, authority=True)
    own_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = _sign(own_name, key, name, authority_key, authority=False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made.chain.write_bytes(private + certificate.public_bytes(pem))
    made.authority.write_bytes(authority.public_bytes(pem))
    made.trust_store.write_bytes(
        pkcs12.serialize_java_truststore(
            [pkcs12.PKCS12Certificate(authority, b"keygrove-tests")],
            serialization.BestAvailableEncryption(TRUST_STORE_PASSWORD.encode()),
        )
    )
    return made


def _sign(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    """With all that strict verifiers want to see (RFC 5280 §4.2.1)."""
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if not authority:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
    return builder.sign(signer, hashes.SHA256())


class Front(ThreadingHTTPServer):
    """Takes HTTPS, and speaks HTTP to the port behind. Each connection shakes hands in its own thread.

    `alter` changes what clients get to read, as an attacker in between would.
    """

    daemon_threads = True

    def __init__(self, port: int, behind: int, certificate: Certificate) -> None:
        super().__init__(("127.0.0.1", port), _PassOn)
        self.behind = behind
        self.alter: Callable[[bytes], bytes] = lambda content: content
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate.chain)

    def get_request(self) -> tuple[socket.socket, object]:
        """The next connection."""
        connection, address = super().get_request()
        connection.settimeout(30)
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or does not trust us, is not our fault."""


class _PassOn(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Front

    def pass_on(self) -> None:
        """Send the request to the server behind, and its answer back."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        behind = HTTPConnection("127.0.0.1", self.server.behind, timeout=30)
        try:
            behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _NOT_PASSED_ON:
                    behind.putheader(name, value)
            behind.putheader("Content-Length", str(len(body)))
            behind.putheader("X-Forwarded-For", self.client_address[0])
            behind.putheader("X-Forwarded-Proto", "https")
            behind.endheaders(body)
            answer = behind.getresponse()
            content = self.server.alter(answer.read())
        finally:
            behind.close()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_OPTIONS = pass_on

    def log_message(self, format: str, *args: object) -> None:
        """The server behind keeps a log."""


@contextmanager
def https_front(port: int, behind: int, certificate: Certificate) -> Iterator[Front]:
    """Serve HTTPS on a port of 127.0.0.1, for the HTTP server on the port `behind`."""
    with Front(port, behind, certificate) as front:
        thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield front
        finally:
            front.shutdown()
            thread.join()
