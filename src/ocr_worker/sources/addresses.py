"""The rule for addresses: to which addresses a download may connect.

URLs come from callers, and so do the answers of the name servers behind them. `AddressRule.resolve` looks a host up
once, judges every address of the answer, and returns the addresses to dial. A second look-up cannot lead
elsewhere. Addresses are judged as the system resolved them, so that it does not matter how a host is written: `127.1`,
`0x7f000001` and `2130706433` are all 127.0.0.1.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Objection = Literal["private", "metadata"]

EVERYWHERE: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))

# Here clouds serve credentials of the machine, so that these are closed even where private addresses are open.
_METADATA: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local; 169.254.169.254 is the metadata service of nearly every cloud
        "fe80::/10",  # link-local
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254",  # Google Cloud
        "fd00:c1::a9fe:a9fe",  # Oracle Cloud
        "192.0.0.192",  # Oracle Cloud
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure's host; public by its number
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")  # the only part of IPv6 that is assigned for it (RFC 4291)
_SIX_TO_FOUR = IPv6Network("2002::/16")  # holds an IPv4 address in bits 16 to 47 (RFC 3056)
_ENDS_IN_IPV4 = (
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped
    IPv6Network("::/96"),  # IPv4-compatible, deprecated
    IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052)
)


class AddressClosed(Exception):
    """An address that a download may not connect to.

    host: the name or number in the URL. address: what it resolves to.
    """

    def __init__(self, host: str, address: str, objection: Objection) -> None:
        super().__init__(host, address, objection)
        self.host = host
        self.address = address
        self.objection = objection


class HostNameInvalid(Exception):
    """A host that no name server can know: a part of its name is empty or longer than 63 characters."""


class AddressRule:
    """Public addresses are open, metadata addresses never, private ones only if they are opened.

    open_networks: networks whose addresses are open under any name. open_names: host names, in lower case, with the
    wildcards of `fnmatch`, whose addresses are open, but only when they are reached by such a name.
    """

    def __init__(self, open_networks: Sequence[Network] = (), open_names: Sequence[str] = ()) -> None:
        self._open_networks = open_networks
        self._open_names = open_names

    @classmethod
    def of_hosts(cls, hosts: Sequence[str]) -> AddressRule:
        """Return the rule that opens these private networks, addresses and host names; see `OCR_PRIVATE_HOSTS`."""
        networks, names = [], []
        for host in hosts:
            try:
                networks.append(ip_network(host))
            except ValueError:
                names.append(host)
        return cls(networks, names)

    def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, in the system's order of preference.

        Raises AddressClosed if a single one of them is closed, HostNameInvalid, socket.gaierror if the host does not
        resolve.
        """
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise HostNameInvalid(host) from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        is_opened = any(fnmatchcase(host.lower().rstrip("."), name) for name in self._open_names)
        for address in addresses:
            objection = self.objection(address)
            if objection == "metadata" or (objection and not is_opened):
                raise AddressClosed(host, address, objection)
        return addresses

    def objection(self, text: str) -> Objection | None:
        """Return why an address is closed, or None if it is open."""
        address = ip_address(text)
        forms = (address, embedded_ipv4(address) or address)
        if _in_any(forms, _METADATA):
            return "metadata"
        if _in_any(forms, self._open_networks) or is_public(forms[-1]):
            return None
        return "private"


def is_public(address: Address) -> bool:
    """Return whether an address is global unicast. One with a zone id, such as `fe80::1%eth0`, never is."""
    if isinstance(address, IPv6Address) and (address.scope_id or address not in _GLOBAL_UNICAST):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def embedded_ipv4(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to an IPv6 address are translated or tunneled to, if it is of that kind."""
    if isinstance(address, IPv4Address):
        return None
    if address in _SIX_TO_FOUR:
        return address.sixtofour
    return IPv4Address(int(address) & 0xFFFFFFFF) if _in_any((address,), _ENDS_IN_IPV4) else None


def _in_any(addresses: Sequence[Address], networks: Sequence[Network]) -> bool:
    return any(address in network for address in addresses for network in networks)
