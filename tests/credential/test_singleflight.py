"""SingleFlight: who leads a refresh or a sign-in, and for whom it continues."""

from __future__ import annotations

from doorcode._core.model import FlightResult, FlightRole, TokenRequest
from doorcode._session.singleflight import Leader, SingleFlight
from support.signing import SCOPE

REQUEST = TokenRequest((SCOPE,), "organizations")
NAME = ("sign-in", "", "organizations")


def test_a_flight_that_no_caller_waits_for_is_not_handed_over() -> None:
    """Its leader ends it."""
    flights = SingleFlight()
    flights.join(NAME, REQUEST)
    assert not flights.hand_over(NAME, list)
    assert not flights.hand_over(("another",), list)


def test_a_flight_is_given_up_with_the_last_caller_that_waits() -> None:
    """The callers before it leave without a trace."""
    flights, given_up = SingleFlight(), []
    flights.join(NAME, REQUEST)
    future, leads = flights.join(NAME, REQUEST)
    assert not leads
    with flights.waiting(NAME, future):
        with flights.waiting(NAME, future):
            assert flights.hand_over(NAME, lambda: given_up.append("now"))
        assert given_up == []
    assert given_up == ["now"]
    flights.leave(NAME)
    assert future.result() is FlightRole.ABANDONED


def test_a_flight_that_has_ended_is_not_given_up() -> None:
    """The callers that waited for it have its result, and one that comes too late waits for nothing."""
    flights, given_up = SingleFlight(), []
    flights.join(NAME, REQUEST)
    future, _ = flights.join(NAME, REQUEST)
    with flights.waiting(NAME, future):
        assert flights.hand_over(NAME, lambda: given_up.append("now"))
        flights.end(NAME, None)
    with flights.waiting(NAME, future):
        assert future.result() == FlightResult(REQUEST, None)
    assert given_up == []


def test_a_task_whose_loop_is_closed_is_released_once() -> None:
    """The first caller that finds it so does that, and waits as the others do."""
    flights, released = SingleFlight(), []
    gone: list[int] = []
    leader = Leader(lambda: bool(gone), lambda: released.append("now"))
    first, leads = flights.join(NAME, REQUEST, leader)
    assert leads
    assert flights.join(NAME, REQUEST) == (first, False)
    assert released == []
    gone.append(1)
    assert [flights.join(NAME, REQUEST) for _ in range(2)] == [(first, False)] * 2
    assert released == ["now"]
