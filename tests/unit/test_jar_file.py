"""The file of a jar: what is written is read again, for its owner only, and nothing else is."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from async_keepalive_httpc import CookieJar, InvalidRequest
from async_keepalive_httpc._message.cookie import MAX_AGE
from async_keepalive_httpc._policy.suffixes import is_likely_suffix

GOOD: dict[str, Any] = {
    "name": "sid",
    "value": "secret",
    "domain": "example.com",
    "path": "/",
    "host_only": True,
    "secure": False,
    "http_only": False,
    "expires": None,
}


def jar_at(now: float) -> CookieJar:
    return CookieJar(is_public_suffix=is_likely_suffix, now=lambda: now)


def filled() -> CookieJar:
    jar = jar_at(1000)
    for url, line in [
        ("https://www.example.com/a/b", b"sid=secret; Secure; HttpOnly"),
        ("http://www.example.com/", b"b=2; Domain=example.com; Max-Age=60"),
        ("http://127.0.0.1/x;y/z", b"only a value"),
        ("http://[fe80::1%25lo]/", b"c=\xe9\xff"),
        ("https://www.example.com/", b"__Host-d=1; Secure; Path=/"),
        ("https://www.example.com/", b"a=1; Path=/"),
    ]:
        assert jar.store(url, line)
    return jar


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    jar, path = filled(), tmp_path / "cookies.json"
    jar.save(path)
    other = jar_at(1000)
    other.load(str(path))
    assert list(other) == list(jar)
    for url in (
        "https://www.example.com/a/b",
        "http://x.example.com/",
        "http://127.0.0.1/x;y",
        "http://[fe80::1%25lo]/",
    ):
        assert other.field(url) == jar.field(url) != ""
    assert "example.com" in path.read_text()


def test_the_host_only_flag_is_saved(tmp_path: Path) -> None:
    jar, path = jar_at(0), tmp_path / "cookies.json"
    jar.store("http://example.com/", "mine=1")
    jar.store("http://example.com/", "ours=1; Domain=example.com")
    jar.save(path)
    other = jar_at(0)
    other.load(path)
    assert other.field("http://a.example.com/") == "ours=1"
    assert other.field("http://example.com/") == "mine=1; ours=1"


def test_time_goes_on_while_a_jar_lies_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "cookies.json"
    filled().save(path)
    later = jar_at(1060)
    later.load(path)
    assert [cookie.name for cookie in later] == ["sid", "", "c", "__Host-d", "a"]


def test_what_is_loaded_takes_the_place_of_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "cookies.json"
    filled().save(path)
    jar = jar_at(1000)
    jar.store("http://www.example.com/", "b=old; Domain=example.com")
    jar.store("http://www.example.com/", "new=1")
    jar.load(path)
    assert jar.field("http://www.example.com/") == "b=2; new=1; a=1"


def test_a_file_is_for_its_owner_only_and_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cookies.json"
    path.write_text("old")
    path.chmod(0o666)
    filled().save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    saved = path.read_bytes()

    def fail(*paths: Any) -> None:
        raise PermissionError("no")

    monkeypatch.setattr("async_keepalive_httpc._policy.jar_file.os.replace", fail)
    with pytest.raises(PermissionError):
        jar_at(0).save(path)
    assert path.read_bytes() == saved
    assert os.listdir(tmp_path) == ["cookies.json"]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        jar_at(0).load(tmp_path / "cookies.json")
    with pytest.raises(FileNotFoundError):
        jar_at(0).save(tmp_path / "nowhere" / "cookies.json")


@pytest.mark.parametrize("text", ["", "{}", '"secret"', "[", "[" * 100_000, "null", "\x00", b"\xff"])
def test_what_is_no_file_of_cookies(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "secret.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidRequest, match=r"secret\.txt is no file of cookies: give one that save\(\) wrote"):
        jar_at(0).load(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": 1},
        {"name": "a=b"},
        {"name": "a;b"},
        {"name": "a\r\nb"},
        {"name": " a"},
        {"name": "", "value": ""},
        {"name": "\u20ac"},
        {"value": "secret;"},
        {"value": "secret\n"},
        {"value": "secret "},
        {"value": "secret" * 1000},
        {"value": None},
        {"domain": None},
        {"path": ""},
        {"path": "a"},
        {"path": "/" * 1025},
        {"host_only": 1},
        {"secure": "yes"},
        {"http_only": None},
        {"expires": "secret"},
        {"more": "secret"},
    ],
)
def test_an_entry_that_is_no_cookie(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "cookies.json"
    jar = jar_at(0)
    for entry in (GOOD | changes, {name: GOOD[name] for name in GOOD if name not in changes}, [*GOOD.items()]):
        if entry == GOOD:
            continue
        path.write_text(json.dumps([GOOD, entry]))
        with pytest.raises(InvalidRequest, match="entry 2 is no cookie: remove it") as caught:
            jar.load(path)
        assert "secret" not in str(caught.value)
    assert len(jar) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"domain": "com", "host_only": False},
        {"name": "__Secure-sid"},
        {"name": "__Host-sid", "secure": True, "path": "/a"},
        {"name": "__Host-sid", "secure": True, "host_only": False},
        {"name": "", "value": "__Host-secret", "secure": True},
    ],
)
def test_a_cookie_that_no_server_could_set(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "cookies.json"
    path.write_text(json.dumps([GOOD, GOOD | changes]))
    jar = jar_at(0)
    with pytest.raises(InvalidRequest, match="could not have been set: remove it") as caught:
        jar.load(path)
    assert "secret" not in str(caught.value)
    assert len(jar) == 0


@pytest.mark.parametrize("expires", [1e300, 10**400, float("inf"), float("nan"), MAX_AGE + 1])
def test_nothing_lives_longer_than_it_could(tmp_path: Path, expires: float) -> None:
    path = tmp_path / "cookies.json"
    path.write_text(json.dumps([GOOD | {"expires": expires}]))
    jar = jar_at(0)
    jar.load(path)
    assert [cookie.expires for cookie in jar] == [MAX_AGE]
