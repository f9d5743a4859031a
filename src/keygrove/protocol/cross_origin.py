"""Which pages in browsers may read what a client is answered (Fetch §3.3, CORS)."""

from urllib.parse import urlsplit

from keygrove.protocol.client import Client


def may_read(client: Client, origin: str) -> bool:
    """Whether a page of this origin may: one where a public client has a redirect URI.

    Its maker registered those origins. Whoever has a secret has no business in a page.
    """
    return client.public and any(_origin(uri) == origin for uri in client.redirect_uris)


def _origin(uri: str) -> str:
    """The origin of a redirect URI, as browsers write it: without the port that is meant anyway."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}".removesuffix(":443" if parts.scheme == "https" else ":80")
