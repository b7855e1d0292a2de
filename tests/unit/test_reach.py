"""Which webhook URLs sources elsewhere can reach, told by their address alone."""

from __future__ import annotations

import pytest

from pipeline.operations.reach import unreachable


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:8080/in/x", "this machine alone"),
        ("https://127.8.8.8/in/x", "this machine alone"),
        ("https://localhost/in/x", "this machine alone"),
        ("https://LOCALHOST.:8443/in/x", "this machine alone"),
        ("https://leads.localhost/in/x", "this machine alone"),
        ("http://[::1]:8080/in/x", "this machine alone"),
        ("http://[::ffff:127.0.0.1]/in/x", "this machine alone"),
        ("http://0.0.0.0:8080/in/x", "not an address"),
        ("http://[::]:8080/in/x", "not an address"),
        ("https://10.1.2.3/in/x", "its own network"),
        ("https://172.16.0.9/in/x", "its own network"),
        ("https://192.168.1.20/in/x", "its own network"),
        ("https://169.254.10.1/in/x", "its own network"),
        ("https://100.64.0.1/in/x", "its own network"),  # carrier-grade NAT, RFC 6598
        ("https://[fd00::1]/in/x", "its own network"),
        ("https://[fe80::1%25eth0]/in/x", "its own network"),
        ("https://leadpipe/in/x", "internal network"),
        ("https://leadpipe:8443/in/x", "internal network"),
        ("https://crm.local/in/x", "internal network"),
        ("https://leads.corp.internal/in/x", "internal network"),
        ("http://leads.example.com/in/x", "plain http"),
        ("http://1.1.1.1/in/x", "plain http"),
    ],
)
def test_what_is_in_the_way_is_told_with_what_to_do(url: str, told: str) -> None:
    said = unreachable(url)
    assert said is not None and told in said
    assert "LEADPIPE_PUBLIC_URL=https://" in said and "/in/x" not in said


@pytest.mark.parametrize(
    "url",
    [
        "https://leads.example.com/in/x",
        "https://leads.example.com:8443/base/in/x",
        "https://1.1.1.1/in/x",
        "https://[2606:4700:4700::1111]/in/x",
        "https://172.32.0.1/in/x",
        "https://xn--bcher-kva.example/in/x",
    ],
)
def test_nothing_is_said_of_what_can_be_reached(url: str) -> None:
    assert unreachable(url) is None
