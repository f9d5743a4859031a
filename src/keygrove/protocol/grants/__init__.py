"""The grant registry: which rule serves which `grant_type`. A grant that is not here is switched off.

client_credentials      a client acts for itself (RFC 6749 §4.4)
authorization_code      a code becomes tokens (RFC 6749 §4.1.3); not registered yet: nothing stores codes
refresh_token           tokens are renewed (RFC 6749 §6); not registered yet: nothing stores them
"""

from keygrove.protocol.grants.client_credentials import ClientCredentials

GRANTS = {ClientCredentials.name: ClientCredentials}
