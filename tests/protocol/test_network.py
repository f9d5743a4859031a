"""Which addresses count as one."""

import pytest

from keygrove.protocol.network import UNKNOWN, network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::7", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", UNKNOWN),
        ("unix:", UNKNOWN),
        ("192.0.2.0/24", UNKNOWN),
    ],
)
def test_a_customer_has_an_ipv4_address_or_a_network_of_ipv6(address: str, network: str) -> None:
    """What is no address is in one place with all the others that are none."""
    assert network_of(address) == network
