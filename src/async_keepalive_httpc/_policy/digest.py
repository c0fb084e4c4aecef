"""Which challenge is answered, and the answers of Digest.

Refuses: sending, and any scheme but Basic (which `auth.basic` answers) and Digest. A challenge that asks for
what is not known here counts as not offered: the caller gets the 401 or 407 itself.
Called by: `client` (401) and what speaks to proxies (407).
Law (RFC 7616; RFC 2617 and 2069 for old servers):

    preempt    a nonce of this space is known: it is used again, nc + 1; no round of 401
    choose     of what the server offers and the caller allows, the strongest; the first of equals
    refused    yes: deliver the response and forget the space; no: answer once more
    learn      nextnonce takes the place of the nonce, nc begins again

A protection space is an origin or a proxy, named by the caller: an answer for one is never sent to another,
and `domain`, by which a server may name other servers, is not followed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Iterable
from secrets import token_hex
from typing import Final, NamedTuple
from unicodedata import normalize
from urllib.parse import quote

from .._message.challenge import Challenge, parse
from ..errors import InvalidRequest

MODES: Final = ("basic", "digest", "any")
MAX_SPACES: Final = 256
"""Protection spaces remembered by one Digest; the one unused for longest goes first."""
MAX_STALE: Final = 10
"""Answers to one request after which "stale" is no excuse any more: a server could say so for ever. Not fewer, since a
nonce may be good for few uses, and other requests, on their way at the same time, use it too."""
_LAST_COUNT: Final = 0xFFFFFFFF

_SPECIAL: Final = re.compile(r'(["\\])')
# A lone surrogate has no UTF-8 form.
_BARRED: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_ATTRIBUTE: Final = "!#$&+-.^_`|~"
"""What RFC 8187 section 3.2.1 leaves as it is, beside letters and digits."""

_HASHES: Final = {
    name: known
    for name, known in (("md5", "md5"), ("sha-256", "sha256"), ("sha-512-256", "sha512_256"))
    if known in hashlib.algorithms_available
}
_WEAK: Final = "md5"


class _Terms(NamedTuple):
    """How a Digest challenge wants to be answered: hashlib's name, whether "-sess", qop ("": RFC 2069)."""

    algorithm: str
    session: bool
    qop: str


def choose(challenges: Iterable[Challenge], mode: str) -> Challenge | None:
    """The challenge to answer, None if there is none that may and can be answered.

    mode: "basic"; "digest"; "any": Digest before Basic; but who can change the response may offer Basic alone
    and read the password, so not without TLS. Raises InvalidRequest for another mode.
    """
    if mode not in MODES:
        raise InvalidRequest(f"Unknown authentication mode {mode!r:.100}: use one of {', '.join(MODES)}")
    best, strength = None, 0
    for challenge in challenges:
        strong = _strength(challenge)
        if strong > strength and mode in (challenge.scheme, "any"):
            best, strength = challenge, strong
    return best


def _strength(challenge: Challenge) -> int:
    if challenge.scheme == "basic":
        return 1
    terms = _terms(challenge)
    if terms is None:
        return 0
    return 2 if terms.algorithm == _WEAK else 3


def _terms(challenge: Challenge) -> _Terms | None:
    """None where no answer is possible: a part is missing, or nothing that is offered is known."""
    given = challenge.parameters
    if challenge.scheme != "digest" or not given.get("nonce") or "realm" not in given:
        return None
    name = given.get("algorithm", "MD5").lower()
    algorithm = _HASHES.get(name.removesuffix("-sess"))
    offered = given.get("qop", "").lower().replace(",", " ").split()
    qop = next((known for known in ("auth", "auth-int") if known in offered), "")
    # A session's key holds the cnonce, and without qop there is none to send (RFC 7616 section 3.4).
    if algorithm is None or (not qop and (offered or name.endswith("-sess"))):
        return None
    return _Terms(algorithm, name.endswith("-sess"), qop)


def refused(challenge: Challenge, sent: bytes, answered: int) -> bool:
    """Whether the credentials are refused, so that another answer would be the same guess again.

    challenge: the one chosen from the 401 or 407. sent: the Authorization or Proxy-Authorization that met it,
    b"" if there was none. answered: how many challenges this request had answered before; what `preempt()`
    gave is not counted, since that nonce may have run out without a word: it is judged by its nonce alone.
    """
    if challenge.stale:
        return answered >= MAX_STALE
    if answered:
        return True
    last = parse([sent.decode("latin-1")])
    return bool(last) and _identity(last[0]) == _identity(challenge)


def _identity(challenge: Challenge) -> tuple[str, str | None]:
    return challenge.scheme, challenge.parameters.get("nonce")


class Digest:
    """One user's answers to Digest challenges, and the last nonce of each protection space.

    username, password: str. Hashed and sent as UTF-8, in composed form where the server says charset=UTF-8.
    Raises InvalidRequest when either holds a control character. No repr or error shows them.
    """

    __slots__ = ("_password", "_sessions", "_username")

    def __init__(self, username: str, password: str) -> None:
        for part, text in (("user name", username), ("password", password)):
            if _BARRED.search(text):
                raise InvalidRequest(f"The {part} for Digest authentication holds a control character: remove it")
        self._username = username
        self._password = password
        self._sessions: dict[Hashable, _Session] = {}

    def __repr__(self) -> str:
        return "Digest('***', '***')"

    def accept(self, challenge: Challenge, *, space: Hashable = None) -> None:
        """Take up a challenge that `choose()` returned, for `preempt()` to answer, as often as is needed.

        space: the origin or proxy that gave it. Another challenge is passed over.
        """
        terms = _terms(challenge)
        if terms is None:
            return
        session = self._sessions.get(space)
        if session is None or not session.continues(challenge, terms):
            session = self._begin(challenge, terms)
        self._remember(space, session)

    def preempt(self, method: str, uri: str, body: bytes | None = b"", *, space: Hashable = None) -> bytes | None:
        """The value of Authorization or Proxy-Authorization for a request (RFC 7616 section 3.4).

        uri: the request target exactly as it is sent; for CONNECT host:port. body: all of it, which counts for
        qop auth-int only; None if it is not known beforehand. space: the origin or proxy that is asked.
        None if that gave no nonce, or one that is used up, or wants a body protected that is not known.
        """
        session = self._sessions.get(space)
        if session is None or session.count >= _LAST_COUNT:
            return None
        if session.terms.qop == "auth-int" and body is None:
            return None
        self._remember(space, session)
        return session.answer(method, uri, body or b"")

    def learn(self, lines: Iterable[str], *, space: Hashable = None) -> None:
        """Take over the nextnonce of Authentication-Info or Proxy-Authentication-Info (RFC 7616 section 3.5).

        lines: all lines of the field, Latin-1. What is damaged, or of an unknown space, is passed over.
        """
        session = self._sessions.get(space)
        if session is None:
            return
        # The field is a challenge's list of parameters without a scheme.
        for info in parse([f"digest {line}" for line in lines]):
            nonce = info.parameters.get("nextnonce")
            if nonce and nonce != session.nonce:
                session.nonce, session.count = nonce, 0

    def forget(self, *, space: Hashable = None) -> None:
        """Drop what is known of a space whose server refused these credentials."""
        self._sessions.pop(space, None)

    def _remember(self, space: Hashable, session: _Session) -> None:
        self._sessions.pop(space, None)
        self._sessions[space] = session
        if len(self._sessions) > MAX_SPACES:
            del self._sessions[next(iter(self._sessions))]

    def _begin(self, challenge: Challenge, terms: _Terms) -> _Session:
        given, cnonce = challenge.parameters, token_hex(16)
        unicode = given.get("charset", "").lower() == "utf-8"
        username, password = (
            (normalize("NFC", text) if unicode else text).encode().decode("latin-1")
            for text in (self._username, self._password)
        )
        realm = given["realm"]
        key = _hash(terms.algorithm, f"{username}:{realm}:{password}")
        if terms.session:
            key = _hash(terms.algorithm, f"{key}:{given['nonce']}:{cnonce}")
        if given.get("userhash", "").lower() == "true":
            user = f'username="{_hash(terms.algorithm, f"{username}:{realm}")}", userhash=true'
        elif unicode and not username.isascii():
            # Only a server that names the charset is new enough to know this form (RFC 7616 section 3.4).
            user = f"username*=UTF-8''{quote(username.encode('latin-1'), _ATTRIBUTE)}"
        else:
            user = f"username={_quoted(username)}"
        return _Session(challenge, terms, user, key, cnonce)


class _Session:
    """What follows one challenge: the key H(A1), the nonce in use, and how often it was used.

    One cnonce serves the whole session: a "-sess" server may keep the first (RFC 7616 section 3.4.2) or read
    each, and nc alone already makes every answer another.
    """

    __slots__ = ("challenge", "cnonce", "count", "key", "nonce", "terms", "user")

    def __init__(self, challenge: Challenge, terms: _Terms, user: str, key: str, cnonce: str) -> None:
        self.challenge = challenge
        self.terms = terms
        self.user = user
        self.key = key
        self.cnonce = cnonce
        self.nonce = challenge.parameters["nonce"]
        self.count = 0

    def continues(self, challenge: Challenge, terms: _Terms) -> bool:
        """Whether `challenge` is this session's again, so that its nonce must not be counted from 1."""
        return (
            challenge.parameters["nonce"] == self.nonce
            and challenge.parameters["realm"] == self.challenge.parameters["realm"]
            and terms == self.terms
            and self.count < _LAST_COUNT
        )

    def answer(self, method: str, uri: str, body: bytes) -> bytes:
        algorithm, _, qop = self.terms
        given = self.challenge.parameters
        self.count += 1
        count = f"{self.count:08x}"
        asked = f"{method}:{uri}"
        if qop == "auth-int":
            asked += ":" + hashlib.new(algorithm, body, usedforsecurity=False).hexdigest()
        once = f"{self.nonce}:{count}:{self.cnonce}:{qop}" if qop else self.nonce
        response = _hash(algorithm, f"{self.key}:{once}:{_hash(algorithm, asked)}")
        parts = [
            self.user,
            f"realm={_quoted(given['realm'])}",
            f"nonce={_quoted(self.nonce)}",
            f"uri={_quoted(uri)}",
            f'response="{response}"',
        ]
        if "algorithm" in given:
            parts.append(f"algorithm={given['algorithm']}")
        if qop:
            parts.append(f"qop={qop}, nc={count}, cnonce={_quoted(self.cnonce)}")
        if "opaque" in given:
            parts.append(f"opaque={_quoted(given['opaque'])}")
        return ("Digest " + ", ".join(parts)).encode("latin-1")


def _hash(algorithm: str, text: str) -> str:
    # Not for security: MD5 is the server's choice, and a FIPS build refuses it otherwise.
    return hashlib.new(algorithm, text.encode("latin-1"), usedforsecurity=False).hexdigest()


def _quoted(text: str) -> str:
    return '"' + _SPECIAL.sub(r"\\\1", text) + '"'
