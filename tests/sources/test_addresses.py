"""The rule for addresses: which of them a download may connect to."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from ocr_worker.sources.addresses import EVERYWHERE, AddressClosed, AddressRule
from support.names import Names

PUBLIC = ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822", "2002:5db8:d822::1"]
PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2001:db8::1",
    "2001::1",
    "2002:a00:1::1",
    "2606:2800:220:1::1%1",
    "fc00::1",
    "fec0::1",
    "ff02::1",
]
METADATA = [
    "169.254.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "::ffff:169.254.169.254",
    "::a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_open(address: str) -> None:
    """Global unicast is open, also where an IPv6 address holds an IPv4 address."""
    assert AddressRule().objection(address) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_closed_unless_they_are_opened(address: str) -> None:
    """Whatever is not global unicast is closed; the switch for private addresses opens it."""
    assert AddressRule().objection(address) == "private"
    assert AddressRule(EVERYWHERE).objection(address) is None


@pytest.mark.parametrize("address", METADATA)
def test_metadata_addresses_are_always_closed(address: str) -> None:
    """Link-local addresses and those of metadata services are closed, whatever is open."""
    assert AddressRule().objection(address) == "metadata"
    assert AddressRule(EVERYWHERE).objection(address) == "metadata"


def test_a_network_is_opened_alone() -> None:
    """An open network opens its own addresses, also in their IPv6 form, and no other private ones."""
    rule = AddressRule([ip_network("10.1.0.0/16")])
    assert rule.objection("10.1.2.3") is None
    assert rule.objection("::ffff:10.1.2.3") is None
    assert rule.objection("10.2.0.1") == "private"


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"])
def test_a_host_is_judged_by_what_it_resolves_to(host: str) -> None:
    """Short, decimal, octal and hexadecimal forms of an address are that address."""
    with pytest.raises(AddressClosed) as caught:
        AddressRule().resolve(host, 80)
    assert caught.value.address in ("127.0.0.1", "::1")


def test_a_name_with_one_private_address_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves inside and outside is closed as a whole."""
    Names(monkeypatch).add("both.test", ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(AddressClosed) as caught:
        AddressRule().resolve("both.test", 80)
    assert (caught.value.host, caught.value.address) == ("both.test", "10.0.0.1")


# --------------------------------------------------------------------------- OCR_PRIVATE_HOSTS


def test_networks_addresses_and_names_can_be_opened_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network and an address are open under any name, an opened name with any private address, and nothing else."""
    rule = AddressRule.of_hosts(["10.1.0.0/16", "fd12::/16", "192.168.7.7", "minio.internal", "*.svc.cluster.local"])
    assert [rule.objection(address) for address in ("10.1.2.3", "fd12::5", "192.168.7.7")] == [None] * 3
    assert rule.objection("192.168.7.8") == "private"
    names = Names(monkeypatch)
    for name in ("minio.internal", "files.team.svc.cluster.local"):
        for host in (name, f"{name.upper()}."):
            names.add(host, ["172.16.0.9"])
            assert rule.resolve(host, 80) == ["172.16.0.9"]
    for name in ("minio.internal.evil.test", "evil-minio.internal", "svc.cluster.local"):
        names.add(name, ["172.16.0.9"])
        with pytest.raises(AddressClosed):
            rule.resolve(name, 80)


@pytest.mark.parametrize("address", METADATA)
def test_metadata_addresses_are_closed_inside_an_open_network_and_under_an_open_name(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a network nor a name opens the address of a metadata service."""
    rule = AddressRule.of_hosts(["0.0.0.0/0", "::/0", "169.254.0.0/16", "fd00:ec2::/32", "minio.internal"])
    assert rule.objection(address) == "metadata"
    Names(monkeypatch).add("minio.internal", [address])
    with pytest.raises(AddressClosed) as caught:
        rule.resolve("minio.internal", 80)
    assert caught.value.objection == "metadata"
