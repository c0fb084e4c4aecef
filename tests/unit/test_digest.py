"""Challenges, and answers by Digest (RFC 7616, RFC 2617, RFC 2069)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_keepalive_httpc._message.challenge import Challenge, parse
from async_keepalive_httpc._policy import digest as module
from async_keepalive_httpc._policy.digest import MAX_SPACES, MAX_STALE, Digest, choose, refused
from async_keepalive_httpc.errors import InvalidRequest

# RFC 7616 section 3.9.1.
LIFE = "Circle of Life"
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
# RFC 2617 section 3.5, RFC 2069 section 2.4.
OLD = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
# RFC 7616 section 3.9.2.
JASON = "J\u00e4s\u00f8n Doe"
API = (
    'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
    'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", '
    'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true'
)


def mufasa(algorithm: str) -> str:
    return (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", '
        f'algorithm={algorithm}, nonce="{NONCE}", opaque="{OPAQUE}"'
    )


def one(line: str) -> Challenge:
    (challenge,) = parse([line])
    return challenge


def read(value: bytes | None) -> dict[str, str]:
    """The parameters of an answer, read back."""
    assert value is not None
    challenge = one(value.decode("latin-1"))
    assert challenge.scheme == "digest"
    return challenge.parameters


def answer(
    digest: Digest, line: str, method: str = "GET", uri: str = "/", body: bytes = b"", **space: Hashable
) -> bytes:
    """What is said to a request after it met the challenge in `line`."""
    digest.accept(one(line), **space)
    value = digest.preempt(method, uri, body, **space)
    assert value is not None
    return value


@pytest.fixture
def cnonce(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets what cnonces are from now on; they are random otherwise."""
    return lambda value: monkeypatch.setattr(module, "token_hex", lambda size: value)


def sha256(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


BASIC = 'Basic realm="r"'
MD5 = 'Digest realm="r", nonce="n", qop=auth'
SHA = 'Digest realm="r", nonce="n", qop=auth, algorithm=SHA-256'
SHA512 = 'Digest realm="r", nonce="n", qop=auth, algorithm="sha-512-256-SESS"'


@pytest.mark.parametrize(
    ("mode", "lines", "chosen"),
    [
        ("basic", [MD5, BASIC], BASIC),
        ("basic", [MD5], None),
        ("digest", [BASIC, MD5], MD5),
        ("digest", [BASIC], None),
        ("any", [BASIC, MD5, SHA], SHA),
        ("any", [SHA, MD5, BASIC], SHA),
        ("any", [BASIC, MD5], MD5),
        ("any", ["Negotiate", BASIC, 'Basic realm="other"'], BASIC),
        ("any", [SHA512, SHA], SHA512),
        ("any", [SHA, SHA512], SHA),
        ("any", ["Negotiate", "NTLM"], None),
        ("any", [], None),
        # What cannot be answered is as good as not offered.
        ("any", ["Digest " + SHA[7:] + "-512", MD5], MD5),
        ("any", ['Digest realm="r"', BASIC], BASIC),
        ("any", ['Digest realm="r", nonce=""'], None),
        ("any", ['Digest nonce="n"'], None),
        ("any", ['Digest realm="r", nonce="n", qop="new, newer"'], None),
        ("any", ['Digest realm="r", nonce="n", algorithm=MD5-sess'], None),
        ("any", ['Digest realm="r", nonce="n", algorithm=MD5-sess-sess, qop=auth'], None),
        ("any", ["Digest abc=="], None),
    ],
)
def test_choose(mode: str, lines: list[str], chosen: str | None) -> None:
    assert choose(parse(lines), mode) == (chosen and one(chosen))


def test_choose_refuses_a_mode() -> None:
    with pytest.raises(InvalidRequest, match="Unknown authentication mode 'ntlm': use one of basic, digest, any"):
        choose([], "ntlm")


@pytest.mark.parametrize(
    ("line", "username", "password", "uri", "own", "expected"),
    [
        (  # RFC 7616 section 3.9.1
            mufasa("MD5"),
            *("Mufasa", LIFE, "/dir/index.html", CNONCE),
            f'Digest username="Mufasa", realm="http-auth@example.org", nonce="{NONCE}", '
            'uri="/dir/index.html", response="8ca523f5e9506fed4657c9700eebdbec", '
            "algorithm=MD5, "
            f'qop=auth, nc=00000001, cnonce="{CNONCE}", opaque="{OPAQUE}"',
        ),
        (
            mufasa("SHA-256"),
            *("Mufasa", LIFE, "/dir/index.html", CNONCE),
            f'Digest username="Mufasa", realm="http-auth@example.org", nonce="{NONCE}", '
            'uri="/dir/index.html", '
            'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", '
            "algorithm=SHA-256, "
            f'qop=auth, nc=00000001, cnonce="{CNONCE}", opaque="{OPAQUE}"',
        ),
        (  # RFC 7616 section 3.9.2 with erratum 4897
            API,
            *(JASON, "Secret, or not?", "/doe.json", "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"),
            'Digest username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b", '
            'userhash=true, realm="api@example.org", nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", '
            'uri="/doe.json", '
            'response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5", '
            "algorithm=SHA-512-256, qop=auth, nc=00000001, "
            'cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", '
            'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS"',
        ),
        (  # RFC 2617 section 3.5
            f'{OLD}, qop="auth,auth-int", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
            *("Mufasa", "Circle Of Life", "/dir/index.html", "0a4f113b"),
            'Digest username="Mufasa", realm="testrealm@host.com", '
            'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", '
            'response="6629fae49393a05397450978507c4ef1", '
            'qop=auth, nc=00000001, cnonce="0a4f113b", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
        ),
        (  # RFC 2069 section 2.4 with erratum 749
            f'{OLD}, opaque="5ccc069c403ebaf9f0171e9517f40e41"',
            *("Mufasa", "CircleOfLife", "/dir/index.html", ""),
            'Digest username="Mufasa", realm="testrealm@host.com", '
            'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", '
            'response="1949323746fe6a43ef61f9606e7febea", '
            'opaque="5ccc069c403ebaf9f0171e9517f40e41"',
        ),
    ],
)
def test_answer(
    line: str, username: str, password: str, uri: str, own: str, expected: str, cnonce: Callable[[str], None]
) -> None:
    cnonce(own)
    assert answer(Digest(username, password), line, uri=uri) == expected.encode()


def test_answer_by_session(cnonce: Callable[[str], None]) -> None:
    """The key of "-sess" is made once: of the first nonce and cnonce (RFC 7616 section 3.4.2)."""
    cnonce("c")
    digest = Digest("u", "p")
    key = sha256(sha256("u:r:p") + ":n:c")
    first = read(answer(digest, 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256-sess', uri="/a"))
    assert first["algorithm"] == "SHA-256-sess"
    assert first["response"] == sha256(f"{key}:n:00000001:c:auth:{sha256('GET:/a')}")
    digest.learn(['nextnonce="m"'])
    second = read(digest.preempt("GET", "/b"))
    assert second["response"] == sha256(f"{key}:m:00000001:c:auth:{sha256('GET:/b')}")


@pytest.mark.parametrize("body", [b"", b"\xff\x00body"])
def test_answer_protects_the_body(body: bytes, cnonce: Callable[[str], None]) -> None:
    cnonce("c")
    digest = Digest("u", "p")
    challenge = 'Digest realm="r", nonce="n", qop="auth-int", algorithm=SHA-256'
    asked = sha256(f"PUT:/:{sha256(body)}")
    for count, value in enumerate([answer(digest, challenge, "PUT", body=body), digest.preempt("PUT", "/", body)], 1):
        given = read(value)
        assert given["qop"] == "auth-int"
        assert given["response"] == sha256(f"{sha256('u:r:p')}:n:{count:08x}:c:auth-int:{asked}")
    assert digest.preempt("PUT", "/", None) is None
    # Nothing was sent, so nothing was counted.
    assert read(digest.preempt("PUT", "/", body))["nc"] == "00000003"


def test_answer_without_body_where_it_does_not_count() -> None:
    digest = Digest("u", "p")
    digest.accept(one(MD5))
    assert read(digest.preempt("PUT", "/", None))["qop"] == "auth"


@pytest.mark.parametrize(
    "line",
    [BASIC, 'Digest realm="r"', 'Digest realm="r", nonce="n", algorithm=SHA-1', 'X realm="r", nonce="n"'],
)
def test_what_is_no_known_digest_is_passed_over(line: str) -> None:
    digest = Digest("u", "p")
    digest.accept(one(line))
    assert digest.preempt("GET", "/") is None


@pytest.mark.parametrize(
    ("username", "extra", "shown", "hashed"),
    [
        ('a"b\\c', "", b'username="a\\"b\\\\c"', 'a"b\\c'),
        ("a:b", ", charset=utf-8", b'username="a:b"', "a:b"),
        # Of no charset named: UTF-8, as it was typed.
        ("u\u0308", "", b'username="u\xcc\x88"', "u\u0308"),
        ("u\u0308", ", charset=latin1", b'username="u\xcc\x88"', "u\u0308"),
        ("\u30e6", "", b'username="\xe3\x83\xa6"', "\u30e6"),
        # With charset=UTF-8: composed (RFC 7616 section 4), and in the extended notation (section 3.4).
        ("u\u0308", ', charset="UTF-8"', b"username*=UTF-8''%C3%BC", "\u00fc"),
        (
            "\u00fc ('*%!#$&+-.^_`|~/",
            ", charset=UTF-8",
            b"username*=UTF-8''%C3%BC%20%28%27%2A%25!#$&+-.^_`|~%2F",
            None,
        ),
        (
            "u\u0308",
            ", userhash=true",
            b'username="%b", userhash=true' % sha256("u\u0308:r").encode(),
            "u\u0308",
        ),
        ("u", ", userhash=TRUE", b'username="%b", userhash=true' % sha256("u:r").encode(), "u"),
        ("u", ", userhash=false", b'username="u"', "u"),
    ],
)
def test_user_name(username: str, extra: str, shown: bytes, hashed: str | None) -> None:
    value = answer(Digest(username, "\u00e9"), f'Digest realm="r", nonce="n", algorithm=SHA-256{extra}')
    assert value.startswith(b"Digest " + shown + b", realm=")
    key = sha256(f"{hashed or username}:r:\u00e9")
    assert read(value)["response"] == sha256(f"{key}:n:{sha256('GET:/')}")


def test_what_the_server_said_is_repeated_as_it_was(cnonce: Callable[[str], None]) -> None:
    cnonce('c"')
    line = r'Digest realm="\"\\ü", nonce="\"n\\", qop=auth, opaque="\\\"ÿ", algorithm="md5"'
    given = read(answer(Digest("u", "p"), line, uri='/"'))
    assert (given["realm"], given["nonce"], given["opaque"]) == ('"\\ü', '"n\\', '\\"ÿ')
    assert (given["uri"], given["cnonce"], given["algorithm"]) == ('/"', 'c"', "md5")
    key = hashlib.md5('u:"\\ü:p'.encode("latin-1")).hexdigest()
    asked = hashlib.md5(b'GET:/"').hexdigest()
    assert given["response"] == hashlib.md5(f'{key}:"n\\:00000001:c":auth:{asked}'.encode()).hexdigest()


def test_no_two_cnonces_are_the_same() -> None:
    cnonces = {read(answer(Digest("u", "p"), MD5))["cnonce"] for _ in range(10)}
    assert len(cnonces) == 10
    assert {len(cnonce) for cnonce in cnonces} == {32}


def test_nonces_are_counted() -> None:
    digest = Digest("u", "p")
    counts: list[str] = []

    def count(value: bytes | None) -> None:
        counts.append(read(value)["nc"])

    assert digest.preempt("GET", "/") is None
    count(answer(digest, MD5))
    count(digest.preempt("GET", "/"))
    # The same nonce for a request that was on its way meanwhile.
    count(answer(digest, MD5))
    for _ in range(13):
        digest.preempt("GET", "/")
    count(digest.preempt("GET", "/"))
    count(answer(digest, MD5.replace('"n"', '"m"')))
    count(answer(digest, MD5.replace('"r"', '"s"').replace('"n"', '"m"')))
    count(digest.preempt("GET", "/"))
    count(answer(digest, SHA.replace('"r"', '"s"').replace('"n"', '"m"')))
    assert counts == [f"0000000{digit}" for digit in "123"] + ["00000011"] + [f"0000000{digit}" for digit in "1121"]


def test_a_nonce_is_used_up() -> None:
    """nc has eight hexadecimal digits (RFC 7616 section 3.4)."""
    digest = Digest("u", "p")
    answer(digest, MD5)
    digest._sessions[None].count = 0xFFFFFFFE
    assert read(digest.preempt("GET", "/"))["nc"] == "ffffffff"
    assert digest.preempt("GET", "/") is None
    assert read(answer(digest, MD5))["nc"] == "00000001"


def test_spaces_are_apart() -> None:
    digest = Digest("u", "p")
    answer(digest, MD5, space="a")
    answer(digest, SHA, space="b")
    assert digest.preempt("GET", "/") is None
    assert read(digest.preempt("GET", "/", space="a"))["nc"] == "00000002"
    assert "algorithm" not in read(digest.preempt("GET", "/", space="a"))
    assert read(digest.preempt("GET", "/", space="b"))["algorithm"] == "SHA-256"
    digest.forget(space="a")
    digest.forget(space="c")
    assert digest.preempt("GET", "/", space="a") is None
    assert read(digest.preempt("GET", "/", space="b"))["nc"] == "00000003"


def test_the_space_unused_for_longest_is_forgotten() -> None:
    digest = Digest("u", "p")
    for space in range(MAX_SPACES):
        answer(digest, MD5, space=space)
    digest.preempt("GET", "/", space=0)
    answer(digest, MD5, space=MAX_SPACES)
    assert digest.preempt("GET", "/", space=1) is None
    assert read(digest.preempt("GET", "/", space=0))["nc"] == "00000003"


@pytest.mark.parametrize(
    ("lines", "nonce", "count"),
    [
        (['nextnonce="m"'], "m", "00000001"),
        (['rspauth="0", qop=auth, NextNonce="m", nc=00000001, cnonce="c"'], "m", "00000001"),
        (["qop=auth", "nextnonce=m"], "m", "00000001"),
        (['nextnonce="n"'], "n", "00000002"),
        (['nextnonce=""'], "n", "00000002"),
        (['nextnonce="m'], "n", "00000002"),
        (['rspauth="0"', ""], "n", "00000002"),
        ([], "n", "00000002"),
    ],
)
def test_learn(lines: list[str], nonce: str, count: str) -> None:
    digest = Digest("u", "p")
    first = read(answer(digest, MD5))
    digest.learn(lines)
    digest.learn(['nextnonce="x"'], space="elsewhere")
    second = read(digest.preempt("GET", "/"))
    assert (second["nonce"], second["nc"], second["cnonce"]) == (nonce, count, first["cnonce"])
    assert digest.preempt("GET", "/", space="elsewhere") is None


def test_a_learned_nonce_is_counted_on_when_the_server_names_it() -> None:
    digest = Digest("u", "p")
    answer(digest, MD5)
    digest.learn(['nextnonce="m"'])
    digest.preempt("GET", "/")
    assert read(answer(digest, MD5.replace('"n"', '"m"')))["nc"] == "00000002"


def preempted(digest: Digest) -> bytes:
    value = digest.preempt("GET", "/")
    assert value is not None
    return value


@pytest.mark.parametrize(
    ("sent", "line", "answered", "refusal"),
    [
        (None, MD5, 0, False),
        (None, BASIC, 0, False),
        # What preempt() sent: the same nonce is a refusal, another one is not.
        (preempted, MD5, 0, True),
        (preempted, MD5.replace('"n"', '"m"'), 0, False),
        (preempted, MD5 + ", stale=true", 0, False),
        (preempted, BASIC, 0, False),
        (lambda digest: b"Basic dTpw", BASIC, 0, True),
        (lambda digest: b"Basic dTpw", MD5, 0, False),
        (lambda digest: b"\xff", MD5, 0, False),
        # An answer to a challenge: servers give a new nonce with each refusal.
        (preempted, MD5.replace('"n"', '"m"'), 1, True),
        (preempted, MD5 + ", stale=false", 1, True),
        (preempted, MD5 + ", stale=TRUE", 1, False),
        (preempted, MD5 + ", stale=true", MAX_STALE, True),
    ],
)
def test_refused(sent: Callable[[Digest], bytes] | None, line: str, answered: int, refusal: bool) -> None:
    digest = Digest("u", "p")
    answer(digest, MD5)
    assert refused(one(line), sent(digest) if sent else b"", answered) is refusal


@pytest.mark.parametrize("stale", [False, True])
def test_a_server_that_always_refuses_is_left_alone(stale: bool) -> None:
    digest = Digest("u", "p")
    sent, answered = b"", 0
    while True:
        line = f'Digest realm="r", nonce="{answered}", stale={stale}'.lower()
        if refused(one(line), sent, answered):
            break
        sent = answer(digest, line)
        answered += 1
    assert answered == (MAX_STALE if stale else 1)


@pytest.mark.parametrize(
    ("username", "password", "what"),
    [
        ("secret\n", "secret", "The user name for Digest authentication holds a control character"),
        ("secret\ud800", "secret", "The user name for Digest authentication holds a control character"),
        ("secret", "secret\x7f", "The password for Digest authentication holds a control character"),
    ],
)
def test_credentials_refused(username: str, password: str, what: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Digest(username, password)
    assert str(caught.value).startswith(what)
    assert "secret" not in str(caught.value)


def test_repr_hides() -> None:
    digest = Digest("secret", "secret")
    answer(digest, MD5, space="secret")
    assert repr(digest) == "Digest('***', '***')"


values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20)
texts = st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"]), max_size=9)


@given(texts, texts, values, values.filter(bool))
def test_an_answer_can_be_checked(username: str, password: str, realm: str, nonce: str) -> None:
    """By a server that reads it as RFC 9110 section 11.4 has it, whatever stands in it."""
    challenge = Challenge("digest", {"realm": realm, "nonce": nonce, "qop": "auth", "algorithm": "SHA-256"})
    digest = Digest(username, password)
    digest.accept(challenge)
    given = read(digest.preempt("GET", "/a?b"))
    assert (given["username"].encode("latin-1"), given["realm"], given["nonce"]) == (
        username.encode(),
        realm,
        nonce,
    )
    latin = realm.encode("latin-1")
    key = sha256(username.encode() + b":" + latin + b":" + password.encode())
    once = f":00000001:{given['cnonce']}:auth:{sha256('GET:/a?b')}".encode()
    assert given["response"] == sha256(key.encode() + b":" + nonce.encode("latin-1") + once)


def test_a_challenge_that_is_taken_up_is_answered_later() -> None:
    digest = Digest("u", "p")
    digest.accept(Challenge("basic", {}), space="x")
    assert digest.preempt("GET", "/", space="x") is None
    digest.accept(Challenge("digest", {"realm": "r", "nonce": "n", "qop": "auth"}), space="x")
    for count in (b"nc=00000001", b"nc=00000002"):
        assert count in (digest.preempt("GET", "/", space="x") or b"")
    assert digest.preempt("GET", "/", space="y") is None
