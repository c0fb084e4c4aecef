"""Bodies of AWS's JSON protocols: an encoder and a decoder for each operation, compiled from its shapes.

Refuses: validation (the service does it), HTTP, and what a model does not say.
Called by: `model`, once for each operation; `service`, for each call; `errors`, for modelled errors.
Law: JSON as the parser gives it is nearly right; only where a shape says so is a value another one.

    shape        sent                              received
    blob         bytes, or str as UTF-8: base64    bytes
    timestamp    datetime, number or text: number  aware datetime, UTC
    float        NaN and infinities as text        as it is
    structure    as it is                          without its nulls; members that no model knows stay
    document     as it is                          as it is

A recursive shape (DynamoDB's AttributeValue) may hold a blob anywhere, and seldom does; so may what is sent of a shape
that requires none (SQS's attributes of a message). There the text is looked through for the names of such members
first: that costs a fraction of a walk through the values.
"""

from __future__ import annotations

import json
import math
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any, Final
from uuid import uuid4

from botocore.model import Shape
from botocore.utils import parse_timestamp

try:
    import orjson
except ImportError:  # the extra names it; the standard library does the same, slower
    orjson = None  # type: ignore[assignment]

Change = Callable[[Any], Any]
Leaf = Callable[[Shape], Change | None]
Make = Callable[[dict[str, Change]], Change]
Encode = Callable[[dict[str, Any]], bytes]
Decode = Callable[[bytes], dict[str, Any]]
Find = Callable[[bytes], object]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CONTAINERS: Final = frozenset({"structure", "list", "map"})


# -- JSON


def plain_dumps(value: Any) -> bytes:
    """JSON by the standard library: whole numbers of any size, lone surrogates, keys that are no text."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def plain_loads(data: bytes) -> Any:
    """The value of JSON, by the standard library. Raises ValueError."""
    return json.loads(data)


def dumps_with(fast: Any) -> Callable[[Any], bytes]:
    """The function that writes JSON with `fast`, the module orjson or None. It raises TypeError or ValueError."""
    if fast is None:
        return plain_dumps
    write, options = fast.dumps, fast.OPT_PASSTHROUGH_DATETIME | fast.OPT_PASSTHROUGH_DATACLASS

    def dumps(value: Any) -> bytes:
        return write(value, None, options)  # type: ignore[no-any-return]

    return dumps


def loads_with(fast: Any) -> Callable[[bytes], Any]:
    """The function that reads JSON with `fast`; what that does not take, the standard library reads."""
    if fast is None:
        return plain_loads
    read = fast.loads

    def loads(data: bytes) -> Any:
        try:
            return read(data)
        except ValueError:
            return plain_loads(data)

    return loads


dumps: Final = dumps_with(orjson)
loads: Final = loads_with(orjson)


# -- values


def to_base64(value: Any) -> str:
    """A blob to send: bytes of any kind, str as UTF-8, or boto3's Binary."""
    if isinstance(value, str):
        value = value.encode()
    elif isinstance(getattr(value, "value", None), (bytes, bytearray)):
        value = value.value
    return b2a_base64(value, newline=False).decode()


def to_datetime(value: Any) -> datetime:
    """A timestamp that came: seconds since the epoch, or a date as text. Raises ValueError."""
    try:
        # bool is an int, and no time.
        moment = datetime.fromtimestamp(value, UTC) if type(value) in (int, float) else parse_timestamp(value)
    except (OverflowError, OSError):
        return _EPOCH + timedelta(seconds=value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_seconds(value: Any) -> int | float:
    """A timestamp to send, as seconds since the epoch; without a zone it is UTC. Raises ValueError."""
    moment = _moment(value)
    whole = (moment - _EPOCH) // timedelta(seconds=1)
    # One division: two would round twice.
    return (whole * 10**6 + moment.microsecond) / 10**6 if moment.microsecond else whole


def to_iso8601(value: Any) -> str:
    """A timestamp to send in the form of RFC 3339. Raises ValueError."""
    moment = _moment(value)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds" if moment.microsecond else "seconds") + "Z"


def to_http_date(value: Any) -> str:
    """A timestamp to send in the form of RFC 9110 section 5.6.7. Raises ValueError."""
    return format_datetime(_moment(value), usegmt=True)


def _moment(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else to_datetime(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_number(value: Any) -> Any:
    """A float to send: JSON has no NaN and no infinities, so AWS has names for them."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


_SENT: Final[dict[str, Change]] = {"blob": to_base64, "float": to_number, "double": to_number}
_RECEIVED: Final[dict[str, Change]] = {"blob": a2b_base64, "timestamp": to_datetime}
_FORMATS: Final[dict[str, Change]] = {"unixtimestamp": to_seconds, "iso8601": to_iso8601, "rfc822": to_http_date}


def sent(shape: Shape) -> Change | None:
    """What a leaf becomes when it is sent."""
    kind = shape.type_name
    if kind == "timestamp":
        return _FORMATS[shape.serialization.get("timestampFormat", "unixTimestamp").lower()]
    return _SENT.get(kind)


def received(shape: Shape) -> Change | None:
    """What a leaf becomes when it was received."""
    return _RECEIVED.get(shape.type_name)


# -- walks


class Compiler:
    """Makes the function that changes a value of a shape, the same for every occurrence of a shape.

    leaf: how a leaf changes. structure: makes the function for a structure of those for its members. structures: the
    same for a list of structures, where that is another one than for each of them. After `of`: `recursive`, whether a
    shape holds itself, `required`, whether a leaf that changes has to be there in what holds it, and `names`, the
    members that hold leaves which change.
    """

    def __init__(self, leaf: Leaf, structure: Make, structures: Make | None = None) -> None:
        self._leaf = leaf
        self._make = structure
        self._make_list = structures
        self._made: dict[str, Change | None] = {}
        self._members: dict[str, dict[str, Change]] = {}
        self._under_way: set[str] = set()
        self.recursive = self.required = False
        self.names: set[str] = set()

    def of(self, shape: Shape) -> Change | None:
        """The function for a shape; None if its values stay as they are."""
        kind = shape.type_name
        if kind not in _CONTAINERS:
            return self._leaf(shape)
        name = shape.name
        if name in self._under_way:
            self.recursive = True
            made = self._made
            return lambda value: made[name](value)  # type: ignore[misc]
        if name not in self._made:
            if not self._reaches(shape, set()):
                self._made[name] = None
            else:
                self._under_way.add(name)
                self._made[name] = getattr(self, f"_{kind}")(shape)
                self._under_way.remove(name)
        return self._made[name]

    def _reaches(self, shape: Shape, seen: set[str]) -> bool:
        """Whether anything within a shape changes."""
        kind = shape.type_name
        if kind not in _CONTAINERS:
            return self._leaf(shape) is not None
        if shape.name in seen or (kind == "structure" and shape.is_document_type):
            return False
        if self._make is _cleaned and kind == "structure":
            return True
        seen.add(shape.name)
        return any(self._reaches(within, seen) for within in _within(shape))

    def _structure(self, shape: Shape) -> Change:
        changes: dict[str, Change] = {}
        for name, member in shape.members.items():
            change = self.of(member)
            if change is not None:
                changes[name] = change
                while member.type_name in ("list", "map"):
                    member = member.member if member.type_name == "list" else member.value
                if member.type_name != "structure":
                    self.names.add(name)
                    self.required = self.required or name in shape.required_members
        self._members[shape.name] = changes
        return self._make(changes)

    def _list(self, shape: Shape) -> Change:
        change = self.of(shape.member)
        assert change is not None
        changes = self._members.get(shape.member.name)
        if changes is not None and self._make_list is not None:
            return self._make_list(changes)
        return lambda value: [None if item is None else change(item) for item in value]

    def _map(self, shape: Shape) -> Change:
        change = self.of(shape.value)
        assert change is not None
        return lambda value: {key: None if item is None else change(item) for key, item in value.items()}


def _within(shape: Shape) -> Iterable[Shape]:
    if shape.type_name == "structure":
        return shape.members.values()  # type: ignore[no-any-return]
    return [shape.member if shape.type_name == "list" else shape.value]


def _changed(changes: dict[str, Change]) -> Change:
    """For what is sent: the caller's own structures stay as they are."""
    pairs = tuple(changes.items())

    def change(value: dict[str, Any]) -> dict[str, Any]:
        changed = None
        for name, within in pairs:
            member = value.get(name)
            if member is not None:
                if changed is None:
                    changed = dict(value)
                changed[name] = within(member)
        return value if changed is None else changed

    return change


def _changed_in_place(changes: dict[str, Change]) -> Change:
    """For what was received, which is ours, with no null in it."""
    change_all = _all_changed_in_place(changes)
    return lambda value: change_all((value,))[0]


def _all_changed_in_place(changes: dict[str, Change]) -> Change:
    """The same for several: to call a function for each of ten messages costs three times what is done to them."""
    pairs = tuple(changes.items())

    def change(values: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        for name, within in pairs:
            for value in values:
                if name in value:
                    value[name] = within(value[name])
        return values

    return change


def _cleaned(changes: dict[str, Change]) -> Change:
    """For what was received with nulls in it: they are left out."""

    def change(value: dict[str, Any]) -> dict[str, Any]:
        return {
            name: changes[name](member) if name in changes else member
            for name, member in value.items()
            if member is not None
        }

    return change


# -- operations


def encoder(shape: Shape | None, tokens: Iterable[str] = (), *, dumps: Callable[[Any], bytes] = dumps) -> Encode:
    """The function that makes a body of parameters.

    tokens: members that get a new idempotency token where the caller gave none; it is set in the parameters. The
    function raises TypeError, ValueError, AttributeError or RecursionError for what cannot be sent.
    """
    compiler = Compiler(sent, _changed)
    change = None if shape is None else compiler.of(shape)

    def write(parameters: dict[str, Any]) -> bytes:
        try:
            return dumps(parameters)
        except TypeError:
            return plain_dumps(parameters)

    if change is None:
        return _with_tokens(write, tuple(tokens))
    find = _finder(compiler.names, ":")

    def encode(parameters: dict[str, Any]) -> bytes:
        return write(change(parameters))

    def encode_seldom_changed(parameters: dict[str, Any]) -> bytes:
        try:
            body = dumps(parameters)
        except TypeError:
            return encode(parameters)  # bytes, for one
        return body if find(body) is None else encode(parameters)

    seldom = compiler.recursive or not compiler.required
    return _with_tokens(encode_seldom_changed if seldom else encode, tuple(tokens))


def _finder(names: set[str], end: str = "") -> Find:
    """The function that finds any of these names, as JSON's keys are written, in a text.

    A search is as fast as what it begins with is rare: 12 KiB of DynamoDB's items are looked through for "B" and "BS"
    in 8.6 us by the quotation mark before them, in 5.0 by the letter.
    """
    letters = {name[0] for name in names}
    letter = re.escape(letters.pop()) if len(letters) == 1 else ""
    begin = f'{letter}(?<="{letter})' if letter else '"'
    rest = "|".join(re.escape(name[1:] if letter else name) for name in sorted(names))
    return re.compile(f'{begin}(?:{rest})"{end}'.encode()).search


def _with_tokens(encode: Encode, tokens: tuple[str, ...]) -> Encode:
    def encode_with_tokens(parameters: dict[str, Any]) -> bytes:
        for token in tokens:
            if parameters.get(token) is None:
                parameters[token] = str(uuid4())
        return encode(parameters)

    return encode_with_tokens if tokens else encode


def decoder(shape: Shape | None, *, loads: Callable[[bytes], Any] = loads) -> Decode:
    """The function that makes a result of a body; an empty body is an empty result.

    The function raises ValueError, TypeError or AttributeError for a body that is not of the shape.
    """
    if shape is None:
        return lambda body: {}
    compiler = Compiler(received, _changed_in_place, _all_changed_in_place)
    change = compiler.of(shape)
    find = _finder(compiler.names) if compiler.recursive else None
    read = plain_loads if _holds_document(shape, set()) else loads
    clean: list[Change] = []

    def decode(body: bytes) -> dict[str, Any]:
        if not body:
            return {}
        value = read(body)
        if type(value) is not dict:
            raise ValueError("the body is JSON, but not an object")
        # From its end: that skips what cannot be, and takes 1.1 us for 4 KiB where `re` takes 1.4 and `in` 2.4.
        if body.rfind(b"null") >= 0:
            if not clean:
                clean.append(Compiler(received, _cleaned).of(shape) or dict)
            return clean[0](value)  # type: ignore[no-any-return]
        if change is None or (find is not None and find(body) is None):
            return value
        return change(value)  # type: ignore[no-any-return]

    return decode


def _holds_document(shape: Shape, seen: set[str]) -> bool:
    """Whether a number of any size may be within: orjson reads whole numbers above 64 bits as floats."""
    if shape.type_name not in _CONTAINERS or shape.name in seen:
        return False
    seen.add(shape.name)
    if shape.type_name == "structure" and shape.is_document_type:
        return True
    return any(_holds_document(within, seen) for within in _within(shape))
