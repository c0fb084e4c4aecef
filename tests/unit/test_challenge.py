"""The grammar of challenges (RFC 9110 section 11)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from async_keepalive_httpc._message.challenge import MAX_CHALLENGES, MAX_LINE, parse


@pytest.mark.parametrize(
    ("line", "challenges"),
    [
        ("", []),
        (" , ,\t,", []),
        ("Basic", [("basic", {}, "")]),
        ('Basic realm="a b"', [("basic", {"realm": "a b"}, "")]),
        ('BASIC Realm = "a" , charset="UTF-8",', [("basic", {"realm": "a", "charset": "UTF-8"}, "")]),
        ("Basic realm=a", [("basic", {"realm": "a"}, "")]),
        ('Basic realm=""', [("basic", {"realm": ""}, "")]),
        (r'Basic realm="a\"b\\c\d, Digest x=y"', [("basic", {"realm": 'a"b\\cd, Digest x=y'}, "")]),
        ('Basic realm="\xfc"', [("basic", {"realm": "\xfc"}, "")]),
        (", Basic ,realm=a,,x=y", [("basic", {"realm": "a", "x": "y"}, "")]),
        ("Negotiate, NTLM", [("negotiate", {}, ""), ("ntlm", {}, "")]),
        ("Negotiate ,NTLM  ", [("negotiate", {}, ""), ("ntlm", {}, "")]),
        ("Negotiate a+/b==, NTLM c", [("negotiate", {}, "a+/b=="), ("ntlm", {}, "c")]),
        (  # RFC 9110 section 11.6.1
            'Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"',
            [
                ("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}, ""),
                ("basic", {"realm": "simple"}, ""),
            ],
        ),
        # What is damaged is left out, and the rest of the line with it.
        ('realm="a"', []),
        ('=a, Basic realm="a"', []),
        ('Basic realm="a', []),
        ('Basic realm="a\\', []),
        ('Basic realm="a\\"', []),
        ('Basic realm="a\r\nb"', []),
        ('Basic realm="a\\\r"', []),
        ('Basic realm="\u0100"', []),
        ('Basic realm="a" x=y', []),
        ('Basic realm="a", realm="b"', []),
        ('Basic realm="a", Realm="b"', []),
        ("Basic abc==, x=y", []),
        ("Basic realm=a b", []),
        ("Negotiate Basic realm=a", []),
        ("Negotiate NTLM NTLM", []),
        ("Basic\rrealm=a", []),
        ('Basic realm="a", Digest realm="b", nonce=', [("basic", {"realm": "a"}, "")]),
        ('Basic realm="a", Digest realm="b", @, Basic realm="c"', [("basic", {"realm": "a"}, "")]),
    ],
)
def test_parse(line: str, challenges: list[tuple[str, dict[str, str], str]]) -> None:
    assert parse([line]) == challenges


def test_parse_lines() -> None:
    lines = [
        'Basic realm="a", Digest',
        'Basic realm="',
        "",
        "x" * (MAX_LINE + 1),
        "Basic " + "x" * (MAX_LINE - 6),
    ]
    assert [challenge.scheme for challenge in parse(lines)] == ["basic", "digest", "basic"]
    assert len(parse(["a, " * MAX_CHALLENGES, "b"])) == MAX_CHALLENGES


pieces = st.lists(
    st.sampled_from(
        [
            *[
                "Basic",
                "Digest",
                "realm",
                "nonce",
                "qop",
                "a",
                "=",
                "==",
                '"',
                "\\",
                ",",
                " ",
                "\t",
                "@",
                "\r\n",
            ],
            *['realm="a"', 'nonce="n"', "qop=auth", 'x="\\"', "\x00", "\x7f", "\xfc", "\u0100", "/", "+"],
        ]
    )
).map("".join)


@given(st.lists(pieces | st.text()))
@example(['a="' + "\\" * (MAX_LINE - 4)])
@example(["a " + 'b="\\"",' * 1000])
@example(["a " * 4096])
@example(["a" * MAX_LINE])
@example([", " * 4096])
def test_parse_any(lines: list[str]) -> None:
    for challenge in parse(lines):
        assert challenge.scheme == challenge.scheme.lower() != ""
        assert not (challenge.parameters and challenge.token)
        for name, value in challenge.parameters.items():
            assert name == name.lower() != ""
            # What is repeated in an answer may not break its line.
            assert not set(value) & set("\r\n\x00")


names = st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20)
offers = st.lists(st.tuples(names, st.dictionaries(names, values, min_size=1, max_size=4)), max_size=5)


@given(offers, st.sampled_from([",", ", ", " ,\t,"]))
def test_parse_returns_what_was_written(offered: list[tuple[str, dict[str, str]]], comma: str) -> None:
    def written(value: str) -> str:
        return '"' + "".join("\\" + character if character in '"\\' else character for character in value) + '"'

    # C1 controls are obs-text, like every byte above 0x7f.
    line = comma.join(
        f"{scheme} " + comma.join(f"{name}={written(value)}" for name, value in parameters.items())
        for scheme, parameters in offered
    )
    assert parse([line]) == [(scheme, parameters, "") for scheme, parameters in offered]
