"""Runs the Python examples of one page, as they are printed: `python -m tests.docs.page PAGE`.

Refuses: skipping. Every fenced block that says `python` runs, in order, all in one namespace, as if typed
into `python -m asyncio`: a bare `await` runs on the page's event loop; a block without one runs outside
it, so that it may call `asyncio.run`. What a block prints must be what its comments say: each `print(...)
# text` line announces one line of output, where `...` stands for anything.
Called by: `test_docs`, in a process for each page.

Names resolve to the scripted site on this machine, whatever the host: port 80 to its http server, 443 to
its https server, AWS's hosts to its emulator; any other port of any host but loopback fails, so nothing leaves
the machine. The site's certificate is trusted through SSL_CERT_FILE, as if it were the system's. Of AWS's settings
there are keys in the environment and nothing else.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import os
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from tests.docs.site import AWS, Site, write_files

FENCE = re.compile(r"^(\s*)(```|~~~)(.*)$")
ANNOUNCED = re.compile(r"^\s*print\(.*\)  # (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its language, the number of its first line, its text."""

    language: str
    line: int
    text: str


class BadPage(Exception):
    """The page, or an example in it, is not as it should be."""


def find_blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page. Raises BadPage for a fence that is indented, open or of another kind."""
    opened: Block | None = None
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if fence is None:
            lines.append(line)
        elif fence[1] or fence[2] != "```":
            raise BadPage(f"line {number}: a fence must be ``` at the start of its line")
        elif opened is None:
            opened, lines = Block(fence[3], number + 1, ""), []
        else:
            yield opened._replace(text="\n".join(lines) + "\n")
            opened = None
    if opened is not None:
        raise BadPage(f"line {opened.line - 1}: this fence is not closed")


def run_block(block: Block, page: str, names: dict[str, Any], runner: asyncio.Runner) -> None:
    """Run one block. Raises BadPage if it prints anything else than it says, and what the block raises."""
    source = "\n" * (block.line - 1) + block.text
    code = compile(source, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    output = io.StringIO()
    with redirect_stdout(output):
        if code.co_flags & inspect.CO_COROUTINE:
            runner.run(eval(code, names))
        else:
            exec(code, names)
    said, announced = output.getvalue().splitlines(), ANNOUNCED.findall(block.text)
    if len(said) != len(announced) or not all(map(matches, announced, said)):
        raise BadPage(f"the block at line {block.line} announces {announced}, but prints {said}")


def matches(announced: str, said: str) -> bool:
    """Whether a line is the one announced."""
    pattern = ".*".join(re.escape(part) for part in announced.split("..."))
    return re.fullmatch(pattern, said) is not None


def route_names(ports: dict[int, int], aws_port: int | None = None) -> None:
    """Have every name resolve to the site; AWS's to its emulator."""
    resolve = socket.getaddrinfo

    def resolve_here(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if host in ("127.0.0.1", "::1"):
            return resolve(host, port, *rest, **options)
        if aws_port is not None and port == 443 and host.endswith(AWS):
            return resolve("127.0.0.1", aws_port, *rest, **options)
        if port not in ports:
            raise socket.gaierror(socket.EAI_NONAME, f"{host}:{port} is not on this machine")
        return resolve("127.0.0.1", ports[port], *rest, **options)

    socket.getaddrinfo = resolve_here


def set_keys(folder: str) -> None:
    """Have an environment for AWS in the place of the machine's own."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(HOME=folder, AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="secret")


def run_page(path: Path) -> int:
    """Run a page's examples; how many there were."""
    blocks = [block for block in find_blocks(path.read_text()) if block.language == "python"]
    names: dict[str, Any] = {"__name__": "__main__"}
    aws = any(".aws" in block.text for block in blocks)
    with tempfile.TemporaryDirectory() as folder, Site(aws=aws) as site, asyncio.Runner() as runner:
        write_files(Path(folder))
        os.environ["SSL_CERT_FILE"] = str(Path(folder, "ca.pem"))
        os.chdir(folder)
        set_keys(folder)
        route_names(site.ports, site.aws_port)
        for block in blocks:
            run_block(block, str(path), names, runner)
        os.chdir("/")
    return len(blocks)


if __name__ == "__main__":
    print(run_page(Path(sys.argv[1]).resolve()))
