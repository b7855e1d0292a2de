"""Whether sources elsewhere can reach a webhook URL. In: a URL. Out: what is in the way and what to do, or nothing.

It looks at the address alone and asks nobody: RFC 1918, 4193, 5735, 6598, 6761 and 6762 say which addresses and names
are not of the public internet.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

HERE = ("localhost", "localdomain")
INSIDE = ("local", "internal", "intranet", "lan", "home", "corp", "private", "arpa", "test", "invalid")
REMEDY = (
    "Set LEADPIPE_PUBLIC_URL to the https address at which the ingress is reached from outside, such as "
    "LEADPIPE_PUBLIC_URL=https://leads.example.com, and start Leadpipe again."
)


def unreachable(url: str) -> str | None:
    """Why a source elsewhere cannot post to this URL, or should not, in one or two sentences; None: it can."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    where = f"{parts.scheme}://{parts.netloc}"
    if why := _in_the_way(host):
        return f"{where} {why}, so a source elsewhere cannot post to it. {REMEDY}"
    if parts.scheme != "https":
        return (
            f"{where} is plain http: anybody on the network between can read the URL and what is posted, and many "
            f"sources refuse such a URL. {REMEDY}"
        )
    return None


def _in_the_way(host: str) -> str | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return _of_name(host)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return _of_address(address)


def _of_address(address: IPv4Address | IPv6Address) -> str | None:
    if address.is_unspecified:
        return "is not an address that a source can call"
    if address.is_loopback:
        return "is reached from this machine alone"
    return None if address.is_global and not address.is_multicast else "is reached from its own network alone"


def _of_name(host: str) -> str | None:
    last = host.rpartition(".")[2]
    if last in HERE:
        return "is reached from this machine alone"
    if "." not in host or last in INSIDE:
        return "is a name of an internal network, which is not known elsewhere"
    return None
