"""What a dial tells of itself."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from async_keepalive_httpc._dial.course import TRIED_SHOWN, Course, reason, shown


def test_a_course() -> None:
    course = Course()
    assert (course.step, str(course), course.tries()) == ("", "", "")
    assert course.enter("resolving") >= 0
    assert (course.step, str(course)) == ("resolving", "")
    course.enter("connecting to")
    assert str(course).startswith(" (resolving it: ")
    course.note(("192.0.2.1", 80))
    course.note(("192.0.2.1", 80), OSError(errno.ENETUNREACH, "Network is unreachable"))
    course.note(("2001:db8::1", 80, 0, 0))
    tries = f"192.0.2.1:80: Network is unreachable (errno {errno.ENETUNREACH}); [2001:db8::1]:80: no answer yet"
    assert course.tries() == tries
    assert str(course).endswith(f" s; {tries})")


def test_many_addresses() -> None:
    course = Course()
    for number in range(TRIED_SHOWN + 3):
        course.note((f"192.0.2.{number}", 80), "no")
    assert course.tries().startswith("192.0.2.0:80: no; 192.0.2.1:80: no; ")
    assert course.tries().endswith(f"192.0.2.{TRIED_SHOWN - 1}:80: no; and 3 more")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed ('192.0.2.1', 80)"), "Connection refused (errno 111)"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "Connection refused (errno 111)"),
        (OSError(errno.ENODEV, "interface x: No such device"), "interface x: No such device (errno 19)"),
        (OSError("AF_UNIX path too long"), "AF_UNIX path too long"),
        (RuntimeError("unable to connect"), "unable to connect"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_reasons(error: Exception, why: str) -> None:
    assert reason(error) == why


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (("a.test", 80), "a.test:80"),
        (("fe80::1%eth0", 80, 0, 2), "[fe80::1%eth0]:80"),
        ("/run/a", "/run/a"),
        (b"/run/\xff", "/run/\ufffd"),
        ("\0hidden", "@hidden"),
        (b"\0hidden", "@hidden"),
    ],
)
def test_addresses(address: Any, text: str) -> None:
    assert shown(address) == text
