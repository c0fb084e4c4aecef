"""`python -m async_keepalive_httpc demo`: its parts, and the whole of it in a process of its own."""

from __future__ import annotations

import gc
import io
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from importlib.metadata import version

import pytest
import uvloop
from tests.processes import is_running

from async_keepalive_httpc.cli import command, contest, demo, process
from async_keepalive_httpc.cli.display import Display
from async_keepalive_httpc.cli.failure import DemoFailed
from async_keepalive_httpc.cli.loop import choose_loop
from async_keepalive_httpc.cli.process import Servers
from async_keepalive_httpc.cli.server import answer
from async_keepalive_httpc.cli.table import find_percentile, write_milliseconds, write_table

DEMO = [sys.executable, "-W", "error", "-m", "async_keepalive_httpc", "demo"]
STRICT = {**os.environ, "PYTHONWARNINGS": "error"}
# Ends as it should, but not soon.
STUBBORN = "import time; from async_keepalive_httpc.cli import server; server.main(); time.sleep(60)"
CLOSING = r"plain = server.answer; server.answer = lambda t: plain(t).replace(b'\n', b'\nConnection: close\r\n', 1)"
ALTERED = "from async_keepalive_httpc.cli import server; {}; server.main()"


def process_numbers(output):
    """Those of the servers and, once its part has begun, of the AWS emulator."""
    numbers = [int(number) for number in re.findall(r"in process (\d+)", output)]
    assert numbers, output
    return numbers


def read_rows(output, first):
    """The cells of the lines whose first cell matches."""
    lines = [re.split(r"\s{2,}", line) for line in output.splitlines()]
    return [line for line in lines if re.fullmatch(first, line[0])]


# -- figures and tables


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([5.0], 0, 5.0),
        ([5.0], 50, 5.0),
        ([5.0], 100, 5.0),
        ([3.0, 1.0, 2.0], 50, 2.0),
        ([4.0, 3.0, 2.0, 1.0], 50, 2.0),
        ([*range(1, 101)], 99, 99),
        ([*range(1, 101)], 7, 7),
        ([*range(1, 2001)], 99, 1980),
    ],
)
def test_percentile_is_of_the_nearest_rank(values, percent, expected):
    assert find_percentile(values, percent) == expected


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], -1), ([1.0], 100.5)])
def test_percentile_refuses_what_has_none(values, percent):
    with pytest.raises(ValueError, match="give some, and a percentage"):
        find_percentile(values, percent)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0, "0.00"), (0.000_064, "0.06"), (0.009_99, "9.99"), (0.01, "10"), (1.2344, "1234")],
)
def test_milliseconds_have_the_digits_that_matter(seconds, expected):
    assert write_milliseconds(seconds) == expected


def test_table_aligns_words_left_and_figures_right():
    table = write_table(("client", "over", "rate"), [("one", "http", "5"), ("longer one", "https", "1,000")], 2)
    assert table.splitlines() == [
        "client      over    rate",
        "----------  -----  -----",
        "one         http       5",
        "longer one  https  1,000",
    ]


def test_table_without_rows_is_its_header():
    assert write_table(("a", "bc"), []) == "a  bc\n-  --"


# -- arguments


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "1_000", "many", "", "٣"])
def test_requests_must_be_a_count(given, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(["demo", f"--requests={given}"])
    assert stopped.value.code == 2
    assert "is not a whole number of at least 1" in capsys.readouterr().err


def test_a_command_is_needed(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main([])
    assert stopped.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_requests_default_to_2000():
    assert command.make_parser().parse_args(["demo"]).requests == 2000


# -- the contest


def test_a_run_that_takes_too_long_ends(run, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(contest, "perf_counter", lambda: clock[0])

    async def get(url):
        clock[0] += 1.0
        return url.rpartition("/")[2].encode()

    sample = run(contest.measure(get, "http://h", 100, 1, lambda done: None))
    assert (sample.asked, sample.done) == (100, contest.BOUND + 1)
    assert sample.rate == 1.0
    assert sample.latencies == [1.0] * 4


def test_progress_is_told_now_and_then(run):
    async def get(url):
        return url.rpartition("/")[2].encode()

    told: list[int] = []
    sample = run(contest.measure(get, "http://h", 100, 7, told.append))
    assert sample.done == 100
    assert told == [*range(5, 101, 5)]


def test_a_wrong_answer_ends_the_run(run):
    async def get(url):
        return b"3" if url.endswith("/4") else url.rpartition("/")[2].encode()

    with pytest.raises(DemoFailed, match=r"GET http://h/n/4 gave the body b'3'; it should be b'4'"):
        run(contest.measure(get, "http://h", 10, 2, lambda done: None))


def test_an_error_ends_the_run(run):
    async def get(url):
        raise ConnectionError("it is gone")

    with pytest.raises(DemoFailed, match=r"GET http://h/n/0 gave no answer: .*it is gone"):
        run(contest.measure(get, "http://h", 10, 1, lambda done: None))


@pytest.mark.parametrize("contender", contest.CONTENDERS, ids=lambda contender: contender.name)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_each_contender_reaches_the_servers(run, contender, scheme):
    with Servers() as servers:

        async def main():
            async with contender.open(servers.context) as get:
                return await contest.measure(get, servers.urls[scheme], 20, 4, lambda done: None)

        sample = run(main())
        assert sample.done == 20
        opened = servers.count()[scheme]
    # A dial that lands after the last answer may be counted or not.
    assert opened in (range(1, 5) if contender.name == "Client" else [20] if contender.in_flight > 1 else [1])


# -- the servers


def test_servers_answer_and_end_with_their_context():
    with Servers() as servers:
        host, port = servers.urls["http"].removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as sock:
            sock.sendall(b"GET /c.txt HTTP/1.1\r\nHost: h\r\n\r\n")
            sock.sendall(b"GET /n/12 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            with sock.makefile("rb") as stream:
                received = stream.read()
        assert received == answer(b"/c.txt") + answer(b"/n/12")
        assert servers.count() == {"http": 1, "https": 0}
        assert is_running(servers.number)
    assert not is_running(servers.number)


@pytest.mark.parametrize(
    "garbage", [b"\x00\x01\r\n\r\n", b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"]
)
def test_server_ends_a_connection_that_it_cannot_serve(garbage):
    with Servers() as servers:
        host, port = servers.urls["http"].removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as sock, sock.makefile("rb") as stream:
            sock.sendall(garbage)
            with suppress(ConnectionResetError):
                stream.read()


def test_server_answers_404_below_no_known_path():
    assert answer(b"/d.txt").startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert answer(b"/n/") == b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n"


def test_servers_end_with_open_connections_and_an_error():
    servers = Servers()

    def fail():
        with servers:
            host, port = servers.urls["https"].removeprefix("https://").split(":")
            with socket.create_connection((host, int(port))):
                raise KeyError("something else went wrong")

    with pytest.raises(KeyError):
        fail()
    assert not is_running(servers.number)


def test_servers_that_do_not_start_say_so(monkeypatch):
    monkeypatch.setattr(process, "COMMAND", [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(DemoFailed, match="ended with status 3"), Servers():
        pass


def test_servers_that_do_not_end_are_killed(monkeypatch):
    monkeypatch.setattr(process, "COMMAND", [sys.executable, "-c", STUBBORN])
    monkeypatch.setattr(process, "PATIENCE", 0.0)
    with Servers() as servers:
        pass
    assert not is_running(servers.number)


# -- where there is no uvloop, no rich, no trustme


def test_loop_is_uvloop_where_it_is_installed():
    assert choose_loop().name == f"uvloop {version('uvloop')}"
    assert choose_loop().make is uvloop.new_event_loop


def test_loop_is_asyncio_without_uvloop(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    loop = choose_loop().make()
    loop.close()
    assert choose_loop().name == "asyncio's own event loop (uvloop is not installed)"
    assert not isinstance(loop, uvloop.Loop)


def test_progress_without_rich_is_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    stream = io.StringIO()
    with Display(stream).progress("title", 10) as advance:
        advance(5)
    assert stream.getvalue() == ""


def test_without_trustme_the_message_names_it(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert command.main(["demo"]) == 1
    told = capsys.readouterr()
    assert "pip install trustme" in told.err
    assert told.out == ""


# -- the whole


def test_demo_in_this_process(capsys):
    assert command.main(["demo", "--requests", "20"]) == 0
    told = capsys.readouterr()
    assert not any(map(is_running, process_numbers(told.out)))
    assert told.err == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("server.FILES[b'/b.txt'] = b'aaa'", "/b.txt gave the body b'aaa'; it should be b'bbb'"),
        ("del server.FILES[b'/c.txt']", "/c.txt gave no answer: HTTP 404: Not Found"),
        ("server.NUMBERS = b'/n'", "gave the body b'/"),
        (CLOSING, "a.txt, b.txt and c.txt took 3 connections"),
    ],
)
def test_wrong_answers_fail_the_demo(change, message, monkeypatch, capsys):
    monkeypatch.setattr(process, "COMMAND", [sys.executable, "-c", ALTERED.format(change)])
    assert command.main(["demo", "--requests", "20"]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("The demo failed: ")
    assert told.err.count("\n") == 1
    assert message in told.err
    assert not any(map(is_running, process_numbers(told.out)))


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_demo_tells_what_did_not_end_in_time(monkeypatch, capsys):
    """Tornado's simple client, cut off at its bound, leaves sockets to the garbage collector: it is called here."""
    monkeypatch.setattr(contest, "BOUND", 0.0)
    monkeypatch.setattr(demo, "BOUND", 0.0)
    assert command.main(["demo", "--requests", "5000"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^   Tornado's simple client, https: \d+ requests, then its 0 s were over$", told, re.M)
    gc.collect()


def test_interrupted(monkeypatch, capsys):
    def interrupt(requests, stream):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupt)
    assert command.main(["demo"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_demo_without_a_terminal():
    done = subprocess.run([*DEMO, "--requests", "30"], capture_output=True, text=True, env=STRICT, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "aaa, bbb and ccc came; client.connection.connect_times == 1" in done.stdout
    rows = read_rows(done.stdout, "Tornado's simple client|SimpleKeepAliveHTTPClient|Client")
    assert Counter(row[1] for row in rows) == {"http": 3, "https": 3}
    assert [int(row[4]) for row in rows if row[0] == "Tornado's simple client"] == [30, 30]
    assert [int(row[4]) for row in rows if row[0] == "SimpleKeepAliveHTTPClient"] == [1, 1]
    assert all(1 <= int(row[4]) <= 30 for row in rows)
    assert all(float(cell.replace(",", "")) >= 0 for row in rows for cell in row[2:])
    shares = read_rows(done.stdout, r"\d")
    assert sum(int(row[1]) for row in shares) == demo.ROUNDS * demo.BURST
    assert [row[2] for row in shares] == ["1"] * demo.CLIENTS
    assert "SQS: abc, cde and fgh sent and received; q.client.connection.connect_times == 1" in done.stdout
    assert "DynamoDB: get_item gave {'Item': {'Name': {'S': 'Tom Cruse'}}}" in done.stdout
    sends = read_rows(done.stdout, "one by one|by ten")
    assert [(row[1], row[3]) for row in sends] == [("200", "1"), ("20", "1")]
    assert len(process_numbers(done.stdout)) == 2
    assert not any(map(is_running, process_numbers(done.stdout)))


def test_demo_without_what_is_optional(tmp_path):
    for name in ("uvloop", "rich"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not here')\n")
    env = {**STRICT, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([*DEMO, "--requests", "30"], capture_output=True, text=True, env=env, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "asyncio's own event loop (uvloop is not installed)" in done.stdout
    assert len(read_rows(done.stdout, "Client")) == 2


def test_demo_on_a_terminal_has_a_bar():
    ours, theirs = pty.openpty()
    env = {**STRICT, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([*DEMO, "--requests", "30"], stdout=theirs, stderr=subprocess.PIPE, env=env) as child:
        os.close(theirs)
        output = read_terminal(ours)
        assert child.stderr is not None
        assert (child.stderr.read(), child.wait()) == (b"", 0)
    assert "30/30" in output
    assert "\x1b[" in output
    assert len(read_rows(output.replace("\r", ""), "Client")) == 2


def read_terminal(descriptor):
    """All that is written to a pseudo-terminal, until nobody holds its other end."""
    pieces = []
    with suppress(OSError), open(descriptor, "rb", buffering=0) as terminal:
        while piece := terminal.read(65536):
            pieces.append(piece)
    return b"".join(pieces).decode()


def test_interrupt_ends_the_servers_too():
    with subprocess.Popen(
        [*DEMO, "--requests", "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=STRICT,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        said: list[str] = []
        while not said or "GETs with three clients" not in said[-1]:
            said.append(child.stdout.readline())
        child.send_signal(signal.SIGINT)
        assert child.wait() == 130
        assert child.stderr.read() == "Interrupted.\n"
    assert not any(map(is_running, process_numbers("".join(said))))
