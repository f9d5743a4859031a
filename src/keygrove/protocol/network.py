"""Which network an address is of: a customer has a /64 of IPv6 addresses at least (RFC 6177 §2)."""

import ipaddress

UNKNOWN = "unknown"


def network_of(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one; UNKNOWN for what is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return UNKNOWN
    return str(parsed if parsed.version == 4 else ipaddress.ip_network((parsed, 64), strict=False))
