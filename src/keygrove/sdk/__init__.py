"""The SDK: `pip install keygrove` brings this, with cryptography and joserfc and nothing else.

resource_server    for API owners: is this request allowed, and whose is it
bearer             the words of RFC 6750: tokens in requests, challenges in answers
access_token       what the claims of an access token must say (RFC 9068)
unverified         what a token says of itself, for the words that refuse it
key_cache          the issuer's keys, fetched, kept and renewed
fastapi            the resource server as a FastAPI dependency (`pip install keygrove[fastapi]`)

client             for integrators: get an access token and keep it fresh
token_request      one client credentials request, with its retries (RFC 6749 §4.4)
request_auth       `auth=` objects for httpx2, httpx and requests

authorization_code for apps that people connect to their company: start, callback, refresh, revoke
pending            an authorization request under way, and which answer is its own (RFC 6749 §4.1, RFC 9207)
id_token           what the claims of an ID token must say (OpenID Connect Core §3.1.3.7)
logout_token       what the claims of a logout token must say (OpenID Connect Back-Channel Logout §2.6)
connection         what a person allowed the app, as the app keeps it

token_endpoint     requests where a client proves itself, repeated and read (RFC 6749 §2.3.1, §5)
claim_values       texts and times in the claims of tokens (RFC 7519 §4.1)
discovery          an issuer's metadata (OpenID Connect Discovery 1.0, RFC 8414)
steps              rules that need I/O, written without doing it; the drivers that do it
http               HTTP by the standard library, with limits on time and size
flight             at most one refresh at a time, shared by threads and tasks
errand             steps that are done once, however many want their outcome
"""
