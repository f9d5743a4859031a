"""Where the requests that we send may go: not into the network that Keygrove itself stands in."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address

_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_GLOBAL_UNICAST: Final = ip_network("2000::/3")
# The IPv4 address at the end of such an address is where it leads (RFC 6052 §2.1).
_NAT64: Final = ip_network("64:ff9b::/96")
# 6to4 and its relays, Teredo: they lead to an IPv4 address too, and nobody offers them any more.
_TUNNELS: Final = tuple(map(ip_network, ("192.88.99.0/24", "2001::/32", "2002::/16")))
_INTERNAL: Final = tuple(
    map(ip_network, ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                     "::1/128", "fc00::/7"))
)  # fmt: skip
# Where clouds tell a machine its own credentials: Alibaba, Azure, and by IPv6 Amazon, Google, Oracle.
# 169.254.169.254 is link-local, which no list contains.
_METADATA: Final = tuple(
    map(ip_network, ("100.100.100.200", "168.63.129.16", "fd00:ec2::/32", "fd20:ce::/32", "fd00:c1::/32"))
)
# Of protocols, not of hosts (RFC 6890 §2.2.2); what of it is global, Pythons see differently. Oracle has
# its metadata there too.
_PROTOCOLS: Final = ip_network("192.0.0.0/24")


def is_loopback_name(host: str) -> bool:
    """Whether a host of a URL is this machine, written as http allows it (RFC 8252 §7.3); no brackets."""
    return host in _LOOPBACK_NAMES


def may_go_to(text: str, *, internal: bool = False, loopback: bool = False) -> bool:
    """Whether a request may go to an address: one of the public internet, unless more is allowed.

    `internal` allows private networks and this machine too, `loopback` this machine and nothing else. Raises
    ValueError when it is no address.
    """
    address = _led_to(ip_address(text))
    if loopback:
        return address.is_loopback
    if any(address in network for network in _METADATA):
        return False
    return (internal and any(address in network for network in _INTERNAL)) or _is_public(address)


def _led_to(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, else the address."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def _is_public(address: Address) -> bool:
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        return False
    if any(address in network for network in (*_TUNNELS, _PROTOCOLS)):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
