"""bench.programs: how wrk and h2load are called, and how their reports are read."""

import pytest
from bench.programs import ProgramError, build_command, read_h2load, read_wrk
from bench.work import WORKS

WRK_REPORT = """\
Running 2s test @ http://127.0.0.1:8080/3/0
  1 threads and 50 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   355.52us   40.34us   1.85ms   92.96%
    Req/Sec   135.80k     2.50k  138.49k    76.19%
  283500 requests in 2.10s, 42.72MB read
Requests/sec: 135000.00
Transfer/sec:     20.34MB
"""
H2LOAD_REPORT = """\
finished in 1.00s, 57071.00 req/s, 8.93MB/s
requests: 57071 total, 57121 started, 57071 done, 57071 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 57071 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 8.93MB (9359644) total, 6.64MB (6964248) headers (space savings 0.00%), 167.24KB (171252) data
"""


def test_a_report_of_wrk_is_read() -> None:
    assert read_wrk(WRK_REPORT, 3) == (283500, 135000.0)


@pytest.mark.parametrize(("unit", "size"), [("", 1), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)])
def test_units_of_wrk_are_binary(unit: str, size: int) -> None:
    output = f"  10 requests in 1.00s, 10.00{unit}B read\nRequests/sec: 10.00\n"
    assert read_wrk(output, size)[0] == 10
    with pytest.raises(ProgramError, match="less than"):
        read_wrk(output, size * 2)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("", "no totals"),
        (WRK_REPORT + "  Non-2xx or 3xx responses: 12\n", "Non-2xx or 3xx responses: 12"),
        (WRK_REPORT + "  Socket errors: connect 0, read 7, write 0, timeout 0\n", "read 7"),
        ("  0 requests in 1.00s, 0.00B read\nRequests/sec: 0.00\n", "no request"),
    ],
)
def test_complaints_of_wrk_are_errors(output: str, text: str) -> None:
    with pytest.raises(ProgramError, match=text):
        read_wrk(output, 3)


def test_a_report_of_h2load_is_read() -> None:
    assert read_h2load(H2LOAD_REPORT, 3) == (57071, 57071.0)


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (H2LOAD_REPORT, "", "no totals"),
        (" 0 failed", " 2 failed", "2 failed"),
        (" 0 5xx", " 7 5xx", "7 5xx"),
        ("57071 done", "0 done", "no request"),
        ("(171252) data", "(171212) data", "less than 3 each"),
    ],
)
def test_complaints_of_h2load_are_errors(before: str, after: str, text: str) -> None:
    assert before in H2LOAD_REPORT
    with pytest.raises(ProgramError, match=text):
        read_h2load(H2LOAD_REPORT.replace(before, after), 3)


@pytest.mark.parametrize(
    ("name", "work", "arguments"),
    [
        ("wrk", "small-50", "-t1 -c50 -d2s http://h/"),
        ("h2load", "small-50", "--h1 -t1 -c50 -m1 -D 2 http://h/"),
        ("h2load", "pipelined-50", "--h1 -t1 -c1 -m50 -D 2 http://h/"),
    ],
)
def test_one_thread_and_as_many_connections_as_the_work_has(name: str, work: str, arguments: str) -> None:
    assert build_command(name, "http://h/", WORKS[work], 2) == arguments.split()
