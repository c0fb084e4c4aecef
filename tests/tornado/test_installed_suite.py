"""Tornado's whole test suite as Tornado runs it: `python -m tornado.test --httpclient=...`, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.tornado.binding import OURS

# It asks for an ERROR record when a cancelled fetch fails. A cancelled fetch of ours ends with its Future, so there is
# nothing that could fail, and nothing to log (Tornado's issues 157 and 2540).
SETTLED = {"test_error_after_cancel (tornado.test.httpclient_test.HTTPClientCommonTestCase.test_error_after_cancel)"}
# Reasons to skip a test that blame the client. Those that blame the machine are the same for Tornado's own.
BLAMING = ("curl client accepts invalid headers", "requires HTTP/1.x")
FAILED = re.compile(r"^(?:ERROR|FAIL): (.+)$", re.MULTILINE)
SUMMARY = re.compile(r"^Ran (\d+) tests", re.MULTILINE)


def test_the_whole_suite():
    done = subprocess.run(
        [sys.executable, "-m", "tornado.test", f"--httpclient={OURS}"], capture_output=True, text=True, timeout=420
    )
    said = done.stdout + done.stderr
    summary = SUMMARY.search(said)
    assert summary is not None, said
    assert int(summary[1]) > 1000
    assert set(FAILED.findall(said)) == SETTLED, said
    assert not any(reason in said for reason in BLAMING), said
