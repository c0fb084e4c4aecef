"""What comes after each answer: in which order the questions are asked, and what is counted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from async_keepalive_httpc._message.fields import LOCATION
from async_keepalive_httpc._message.limits import Timeout
from async_keepalive_httpc._message.request import Request
from async_keepalive_httpc._message.response import Head, Response
from async_keepalive_httpc._policy.redirect import RedirectFilter, Rules
from async_keepalive_httpc._policy.resend import UNSENT_TRIES
from async_keepalive_httpc._policy.walk import Step, Walk
from async_keepalive_httpc.errors import SENT, UNSENT, ConnectionLost, InvalidRequest, TooManyRedirects

URL = "http://a.test/page"


def request(method: str = "GET", **options: Any) -> Request:
    return Request(method, URL, **options)


def unended(one: Request) -> Response:
    loop = asyncio.new_event_loop()
    waiter = loop.create_future()
    loop.close()
    return Response().ask(one, waiter, Timeout(), 100)


def answered(one: Request, status: int, location: str = "/next") -> Response:
    response = unended(one)
    kinds = LOCATION if 300 <= status < 400 else 0
    response.begin(Head(status, "", "1.1", [(b"Location", location.encode())] if kinds else [], kinds))
    return response


def failed(one: Request, stage: str) -> Response:
    response = unended(one)
    response.fail(ConnectionLost("lost", stage, True))
    return response


def walk(most: int = 3, *, surplus: bool = False, allows: RedirectFilter | None = None) -> Walk:
    return Walk(most, Rules(allows=allows), surplus)


@pytest.mark.parametrize("status", [200, 204, 206, 304, 400, 404, 408, 417, 500])
def test_an_answer_is_an_answer(status: int) -> None:
    assert walk().after(answered(request(), status)) is None


def test_a_loss_is_followed_by_the_same_request_once() -> None:
    going, one = walk(), request()
    assert going.after(failed(one, SENT)) == Step(one, fresh=True)
    response = failed(one, SENT)
    with pytest.raises(ConnectionLost) as caught:
        going.after(response)
    assert caught.value is response._error


def test_what_was_not_sent_goes_again_and_takes_no_resend_away() -> None:
    going, one = walk(), request()
    for _ in range(UNSENT_TRIES - 1):
        assert going.after(failed(one, UNSENT)) == Step(one, unsent=True)
    with pytest.raises(ConnectionLost):
        going.after(failed(one, UNSENT))
    assert walk().after(failed(one, SENT)) == Step(one, fresh=True)


def test_a_request_turned_away_goes_again_once() -> None:
    going, one = walk(), request("POST", body=b"x")
    assert going.after(answered(one, 421)) == Step(one, fresh=True)
    assert going.after(answered(one, 421)) is None


def test_417_only_to_those_who_expected() -> None:
    going, one = walk(), request("PUT", body=b"x", expect_continue=True)
    step = going.after(answered(one, 417))
    assert step is not None
    assert (step.request.expect_continue, step.request.body, step.fresh) == (False, b"x", False)
    assert going.after(answered(step.request, 417)) is None
    assert walk().after(answered(request("PUT", body=[b"once"], expect_continue=True), 417)) is None


def test_redirects_up_to_the_limit() -> None:
    going, one = walk(2), request()
    past = []
    for number in range(2):
        past.append(answered(one, 302, f"/{number}"))
        step = going.after(past[-1])
        assert step is not None
        one = step.request
        assert (one.url.target, step.fresh) == (b"/%d" % number, False)
    last = answered(one, 302, "/" + "x" * 1000)
    with pytest.raises(TooManyRedirects) as caught:
        going.after(last)
    assert str(caught.value).startswith("GET http://a.test/1: more than 2 redirects, the next one to '/xxx")
    assert len(str(caught.value)) < 400
    assert caught.value.response is last
    assert going.history == tuple(past)


@pytest.mark.parametrize("most", [0, 1])
def test_one_beyond_the_limit_may_be_the_answer(most: int) -> None:
    going = walk(most, surplus=True)
    for _ in range(most):
        assert going.after(answered(request(), 302)) is not None
    assert going.after(answered(request(), 302)) is None
    assert len(going.history) == most


def test_none_are_followed_when_none_may_be() -> None:
    assert walk(0).after(answered(request(), 302)) is None


@pytest.mark.parametrize(("said", "followed"), [(True, True), (False, False), (None, False), ("yes", False)])
def test_a_filter_is_asked_about_each_redirect(said: Any, followed: bool) -> None:
    """Whatever is not True does not let it pass: a coroutine, for one, is true as well."""
    going = walk(1, allows=lambda response, url: said)
    step = going.after(answered(request(), 302))
    assert (step is not None) is followed
    assert len(going.history) == followed


def test_a_redirect_that_leads_nowhere() -> None:
    with pytest.raises(InvalidRequest):
        walk().after(answered(request(), 302, "ftp://a.test/"))


def test_a_redirect_begins_anew_with_what_may_be_sent_again() -> None:
    going, one = walk(), request()
    assert going.after(failed(one, SENT)) is not None
    step = going.after(answered(one, 307))
    assert step is not None
    assert going.after(failed(step.request, SENT)) == Step(step.request, fresh=True)
    with pytest.raises(ConnectionLost):
        going.after(failed(step.request, SENT))
