"""Where requests that Keygrove sends may go: server-side request forgery."""

import pytest

from keygrove.web.addresses import is_loopback_name, may_go_to

PUBLIC = ("8.8.8.8", "192.0.1.1", "151.101.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")
INTERNAL = (
    "fd00:ec3::1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd00::1",
    "fc00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
)  # fmt: skip
LOOPBACK = ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1")
NEVER = (
    "0.0.0.0",  # noqa: S104 - nothing is bound
    "0.1.2.3", "169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "224.0.0.1", "239.1.1.1", "ff02::1", "255.255.255.255",
    "240.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.0.0.1", "192.88.99.1", "::",
    "::8.8.8.8", "2001:db8::1", "2002:808:808::1", "2001::1", "fec0::1", "100::1", "4000::1",
    "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe",
    "192.0.0.9", "192.0.0.10", "192.0.0.170", "192.0.0.192", "::ffff:192.0.0.192", "64:ff9b::c000:c0",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_may_be_gone_to(address: str) -> None:
    """Also where an IPv6 address stands for an IPv4 one."""
    assert may_go_to(address)
    assert may_go_to(address, internal=True)
    assert not may_go_to(address, loopback=True)


@pytest.mark.parametrize("address", [*INTERNAL, *LOOPBACK])
def test_what_is_internal_needs_a_word(address: str) -> None:
    """The setting's, or that the issuer is on this machine as well."""
    assert not may_go_to(address)
    assert may_go_to(address, internal=True)
    assert may_go_to(address, loopback=True) is (address in LOOPBACK)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_nobodys(address: str) -> None:
    """Metadata of clouds, link-local, multicast, reserved, documentation, tunnels."""
    assert not may_go_to(address)
    assert not may_go_to(address, internal=True)
    assert not may_go_to(address, loopback=True)


def test_only_three_names_are_this_machine() -> None:
    """As they stand in a URL."""
    assert [name for name in ("localhost", "127.0.0.1", "::1") if not is_loopback_name(name)] == []
    for name in ("localhost.", "LOCALHOST", "127.0.0.2", "a.localhost", "0", "", "localhost.example"):
        assert not is_loopback_name(name)


def test_what_is_no_address_is_an_error() -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="does not appear"):
        may_go_to("app.example")
