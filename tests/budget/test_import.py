"""What `import async_keepalive_httpc` costs and brings along, each time in a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BASE = "import tornado.httpclient, ssl, asyncio"
ADDED = 0.060
ROUNDS = 9
HEAVY = (
    "aiohttp",
    "backports.zstd",
    "botocore",
    "brotli",
    "brotlicffi",
    "compression.zstd",
    "h2",
    "hpack",
    "httpx",
    "jh2",
    "publicsuffixlist",
    "pycurl",
    "rich",
    "tornado.curl_httpclient",
    "tornado.simple_httpclient",
    "trustme",
    "uvloop",
)


def python(script: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    return done.stdout


@pytest.fixture
def compiled(tmp_path: Path) -> dict[str, str]:
    """Every module is compiled once, as by an installation, whatever this machine is told about bytecode."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}


def seconds(imports: str, environment: dict[str, str]) -> float:
    """The time that these imports take, in the CPU of their own process, so that a busy machine counts for little."""
    script = f"import time\nbegan = time.process_time()\n{imports}\nprint(time.process_time() - began)"
    return float(python(script, **environment))


def test_time(compiled: dict[str, str]) -> None:
    base, ours = [], []
    for _ in range(ROUNDS):
        base.append(seconds(BASE, compiled))
        ours.append(seconds(f"{BASE}\nimport async_keepalive_httpc", compiled))
    assert min(ours) - min(base) <= ADDED, (min(base), min(ours))


def test_nothing_heavy_comes_along() -> None:
    brought = python("import sys, async_keepalive_httpc\nprint(*sys.modules)").split()
    assert "async_keepalive_httpc.client" in brought
    assert sorted(set(HEAVY) & set(brought)) == []


def test_importing_does_nothing_else() -> None:
    script = """
import asyncio, logging, signal, socket, threading, warnings
before = threading.active_count(), signal.getsignal(signal.SIGINT), socket.socket, list(logging.root.handlers)
policy = asyncio.get_event_loop_policy().__class__
import async_keepalive_httpc
after = threading.active_count(), signal.getsignal(signal.SIGINT), socket.socket, list(logging.root.handlers)
print(before == after and policy is asyncio.get_event_loop_policy().__class__)
"""
    assert python(script) == "True\n"
