"""schemathesis against the API. In: the API, stocked, and how much to try. Out: what it found, or nothing.

It makes requests from the OpenAPI document, right ones and wrong ones, and holds every answer to the document: no 5xx,
no status, header, content type or schema that is not documented, nothing wrong accepted, nothing open without a key.
What the document cannot say, such as that a connector's mapping fits its preset, is refused with 422 and is no fault.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.support.api import Served


async def fuzz(api: Served, folder: Path, *, phases: str, examples: int, seed: int) -> str:
    """Try; returns what schemathesis printed. AssertionError if it found anything."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "run", f"{api.base}/api/openapi.json"),
        *("--header", f"Authorization: Bearer {api.ours.keys['admin']}"),
        *("--phases", phases, "--max-examples", str(examples), "--seed", str(seed)),
        *("--exclude-checks", "positive_data_acceptance", "--continue-on-failure", "--warnings", "off"),
        *("--generation-database", "none", "--no-color"),
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    text = printed.decode(errors="replace")
    assert process.returncode == 0, text[-20_000:]
    return text
