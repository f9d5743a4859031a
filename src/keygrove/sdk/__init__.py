"""The SDK: `pip install keygrove` brings this, with cryptography and joserfc and nothing else.

resource_server    for API owners: is this request allowed, and whose is it
bearer             the words of RFC 6750: tokens in requests, challenges in answers
access_token       what the claims of an access token must say (RFC 9068)
key_cache          the issuer's keys, fetched, kept and renewed
fastapi            the resource server as a FastAPI dependency (`pip install keygrove[fastapi]`)

client             for integrators: get an access token and keep it fresh
token_request      one client credentials request, with its retries (RFC 6749 §4.4)
request_auth       `auth=` objects for httpx2, httpx and requests

discovery          an issuer's metadata (OpenID Connect Discovery 1.0, RFC 8414)
steps              rules that need I/O, written without doing it; the drivers that do it
http               HTTP by the standard library, with limits on time and size
flight             at most one refresh at a time, shared by threads and tasks
"""
