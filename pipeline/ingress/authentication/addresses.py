"""Where a request comes from. In: the peer, and what trusted proxies say. Out: an address, checked against networks.

A header is believed only as far as the proxies that we trust wrote it: from the right, past each trusted address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from pipeline.ingress.authentication.arrived import Arrived, Denied
from pipeline.ingress.short import Asked
from schemas.auth import Network

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Proxies:
    """The proxies that stand before the ingress, and the header in which they say for whom they ask."""

    networks: tuple[Network, ...] = ()
    header: str = "X-Forwarded-For"

    def source(self, arrived: Arrived) -> Address:
        """The address that the request comes from. Denied: it has none, or the header is no list of addresses."""
        address = _address(arrived.peer or "", "the connection")
        if not self.networks or not _within(address, self.networks):
            return address
        hops = ",".join(arrived.headers.getall(self.header, [])).split(",")
        for hop in reversed([hop.strip() for hop in hops if hop.strip()]):
            address = _address(_without_port(hop), f"header {self.header}")
            if not _within(address, self.networks):
                break
        return address


def client_of(request: Asked, proxies: Proxies) -> Address | None:
    """The address that a request comes from; None: nobody can say, as where a proxy writes no list of addresses."""
    try:
        return proxies.source(Arrived(request.headers, b"", "", {}, request.remote))
    except Denied:
        return None


def check(arrived: Arrived, networks: Sequence[Network], proxies: Proxies) -> None:
    """Denied unless the request comes from one of the networks; of none, nothing is asked."""
    if networks and not _within(proxies.source(arrived), networks):
        raise Denied("address", "requests from this address are not taken by this connector")


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str, where: str) -> Address:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        raise Denied("address", f"{where} does not name an address to check") from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _without_port(hop: str) -> str:
    """`203.0.113.7:4711` and `[2001:db8::1]:4711` without the port, as some proxies write them."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
