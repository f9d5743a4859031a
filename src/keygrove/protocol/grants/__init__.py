"""The grant registry: which rule serves which `grant_type`. A grant that is not here is switched off.

client_credentials      a client acts for itself (RFC 6749 §4.4)
"""

from keygrove.protocol.grants.client_credentials import ClientCredentials

GRANTS = {ClientCredentials.name: ClientCredentials}
