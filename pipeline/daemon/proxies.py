"""The proxies that stand before the ingress. In: the settings. Out: whose word on addresses is believed."""

from __future__ import annotations

from pipeline.ingress.authentication.addresses import Proxies
from pipeline.settings import Settings
from schemas.auth import network


def proxies_of(settings: Settings) -> Proxies:
    """As they are set; without any, the address at the other end of the connection counts."""
    return Proxies(tuple(map(network, settings.trusted_proxies)), settings.forwarded_header)
