"""README.md and docs/: every Python example runs, and says what it prints. How: see `tests.docs.page`."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.page import BadPage, Block, find_blocks, matches, run_block

import async_keepalive_httpc

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LANGUAGES = {"python", "sh", "text"}
WITH_EXAMPLES = {
    "README.md",
    "quickstart.md",
    "migration.md",
    "architecture.md",
    "aws.md",
    "connecting.md",
    "cookies.md",
    "pipelining.md",
    "proxies.md",
    "testing.md",
    "tls.md",
    "tornado.md",
}


def blocks_of(page):
    return list(find_blocks(page.read_text()))


def examples_of(page):
    return [block for block in blocks_of(page) if block.language == "python"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_fence_says_what_it_holds(page):
    assert {block.language for block in blocks_of(page)} <= LANGUAGES


def test_pages_that_should_have_examples_do():
    assert {page.name for page in PAGES if examples_of(page)} == WITH_EXAMPLES


@pytest.mark.parametrize("page", [page for page in PAGES if examples_of(page)], ids=lambda page: page.name)
def test_examples_run_and_print_what_they_say(page):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-m", "tests.docs.page", str(page)],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) == len(examples_of(page))


def test_every_public_name_is_mentioned():
    text = "".join(page.read_text() for page in PAGES)
    unknown = {name for name in async_keepalive_httpc.__all__ if not re.search(rf"\b{name}\b", text)}
    assert unknown == {"__version__"}


# -- the mechanism itself


def test_blocks_are_found_with_their_lines():
    text = "# x\n```python\na\n\nb\n```\n```sh\nmake\n```\n"
    assert list(find_blocks(text)) == [Block("python", 3, "a\n\nb\n"), Block("sh", 8, "make\n")]


@pytest.mark.parametrize("text", ["  ```python\n  a\n  ```\n", "~~~python\na\n~~~\n", "```python\na\n"])
def test_other_fences_are_refused(text):
    with pytest.raises(BadPage, match="line 1: "):
        list(find_blocks(text))


@pytest.mark.parametrize(
    ("announced", "said", "good"),
    [
        ("a", "a", True),
        ("a", "ab", False),
        ("a...", "abc", True),
        ("...", "", True),
        ("(a...)", "(abc]", False),
    ],
)
def test_announcements_match(announced, said, good):
    assert matches(announced, said) is good


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("print(1 + 1)  # 2\n", True),
        ("print(1 + 1)  # 3\n", False),
        ("print(1 + 1)\n", False),
        ("pass\n", True),
        ("import asyncio\nawait asyncio.sleep(0)\nprint(2)  # 2\n", True),
        ("import asyncio\n\nasync def main():\n    print(2)  # 2\n\nasyncio.run(main())\n", True),
    ],
)
def test_blocks_run_and_print_what_they_say(text, good):
    with asyncio.Runner() as runner:
        if good:
            run_block(Block("python", 1, text), "page", {}, runner)
        else:
            with pytest.raises(BadPage, match="the block at line 1 announces"):
                run_block(Block("python", 1, text), "page", {}, runner)
