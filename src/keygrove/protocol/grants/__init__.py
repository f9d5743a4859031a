"""The grant registry: every grant type, and the parameter in which it presents what it was given before.

client_credentials      a client acts for itself (RFC 6749 §4.4)
authorization_code      a code becomes tokens (RFC 6749 §4.1.3)
refresh_token           tokens are renewed (RFC 6749 §6)

A grant that is not here is switched off.
"""

from keygrove.protocol.grants.authorization_code import AUTHORIZATION_CODE
from keygrove.protocol.grants.client_credentials import ClientCredentials
from keygrove.protocol.grants.refresh_token import REFRESH_TOKEN

GRANTS: dict[str, str | None] = {
    ClientCredentials.name: None,
    AUTHORIZATION_CODE: "code",
    REFRESH_TOKEN: "refresh_token",
}
