"""The works: what is asked of every client, as plain values.

Refuses to know who asks or how it is served. Read by the server (what to serve), the rounds and the report.
Law: a work fixes the response (status 200, a body of `size` bytes), so each one can be checked.
"""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of load: GET the same `size`-byte body, `concurrency` requests in flight at any moment.

    `pipelined`: all of them on one connection (RFC 9112 section 9.3.2); else each on its own.
    """

    name: str
    title: str
    concurrency: int
    scheme: str = "http"
    size: int = 3
    fields: int = 0
    pipelined: bool = False
    by_default: bool = True

    @property
    def path(self) -> str:
        """Where the server keeps a body of `size` bytes, sent with `fields` additional response fields."""
        return f"/{self.size}/{self.fields}"


WORKS = {
    work.name: work
    for work in (
        Work("small-50", "small GET, 50 in flight, http", 50),
        Work("small-1", "small GET, one in flight, http", 1),
        Work("https-50", "small GET, 50 in flight, https", 50, scheme="https"),
        Work("mib-8", "1 MiB body, 8 in flight, http", 8, size=MIB),
        Work("pipelined-50", "small GET, one connection, pipelining 50, http", 50, pipelined=True),
        Work("https-1", "small GET, one in flight, https", 1, scheme="https", by_default=False),
        Work("fields-50", "small GET, 50 more fields, 50 in flight, http", 50, fields=50, by_default=False),
    )
}
