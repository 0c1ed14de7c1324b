"""The order of memory, cache, refresh and prompt, step by step, without any I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from doorcode._core.flows import acquire, interactive, refresh
from doorcode._core.flows.interactive import by_request_token
from doorcode._core.flows.leases import LONGEST_PROMPT, LeaseHolder, waiting_for
from doorcode._core.flows.refusals import MOST, FindRefusal, NoteReply, Refusals
from doorcode._core.messages.failures import refused, required, unreachable
from doorcode._core.model import CacheSnapshot, Failure, FlightResult, FlightRole, Reason, TokenRequest, Tokens, Who
from doorcode._core.msal_cache import changes
from doorcode._core.msal_cache.rows import StoredToken
from doorcode._core.replies.faults import Fault
from doorcode._core.replies.service_errors import SIGNED_OUT, ServiceError
from doorcode._core.secret import Secret
from doorcode._core.steps import (
    AcceptSignIn,
    DropLease,
    FindLeaseHolder,
    FindUser,
    FinishFlight,
    FinishSignIn,
    Flow,
    JoinFlight,
    LogWarning,
    Notify,
    ReadCache,
    ReadMemory,
    Redeem,
    Remember,
    RenewLease,
    RequestToken,
    Sleep,
    StartSignIn,
    Step,
    TakeLease,
    UseAccount,
    WarmUp,
)
from support import rows
from support.virtual import PENDING, REFUSED, WALL, busy, token, tokens

SCOPE = "https://r/.default"
REQUEST = TokenRequest((SCOPE,), rows.TENANT)
WHO = Who(rows.CLIENT, frozenset({rows.HOST}), rows.ACCOUNT)
ANYBODY = Who(rows.CLIENT, frozenset({rows.HOST}))
GRANT = ServiceError("invalid_grant", "AADSTS70008: too old")


@dataclass
class World:
    """Answer the steps of one acquire flow, and write down which were taken.

    Attributes:
        now: the wall clock, in Unix seconds; Sleep moves it.
        states: what the caches without and with CAE hold.
        redeemed: answers to Redeem, in order; a function is called with the step.
        sign_ins: answers to RequestToken, in order.
        roles: answers to JoinFlight, in order; LEAD when there are none left.
        leases: answers to TakeLease, in order; True when there are none left.
        renewals: answers to RenewLease, in order; True when there are none left.
        used: answers to UseAccount, in order; True when there are none left.
    """

    now: float = WALL
    who: Who = WHO
    states: dict[bool, Any] = field(default_factory=lambda: {False: {}, True: {}})
    memory: dict[TokenRequest, tuple[StoredToken, float]] = field(default_factory=dict)
    redeemed: list[Any] = field(default_factory=list)
    sign_ins: list[Tokens | Failure] = field(default_factory=list)
    roles: list[Any] = field(default_factory=list)
    leases: list[bool] = field(default_factory=list)
    renewals: list[bool] = field(default_factory=list)
    used: list[bool] = field(default_factory=list)
    refusals: Refusals = field(default_factory=Refusals)
    taken: list[Step[Any]] = field(default_factory=list)
    on_read: Callable[[ReadCache], None] = lambda _step: None
    led: list[tuple[str, ...]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)

    def drive(self, flow: Flow[StoredToken | Failure]) -> StoredToken | Failure:
        """Perform every step until the flow returns."""
        outcome = self._driven(flow)
        assert self.led == [], "a flight that is led is ended"
        assert self.held == [], "a lease that was taken is given back"
        return outcome

    def _driven(self, flow: Flow[StoredToken | Failure]) -> StoredToken | Failure:
        try:
            step = next(flow)
            while True:
                self.taken.append(step)
                step = flow.send((self.now, self._answer(step)))
        except StopIteration as stop:
            outcome: StoredToken | Failure = stop.value
            return outcome

    def acquire(self, request: TokenRequest = REQUEST, *, may_ask: bool = False) -> StoredToken | Failure:
        """Drive one ``acquire``."""
        return self.drive(acquire.acquire(request, by_request_token, may_ask=may_ask))

    def count(self, kind: type[Step[Any]]) -> int:
        """Return how many steps of that kind were taken."""
        return sum(isinstance(step, kind) for step in self.taken)

    def steps(self, kind: type[Any]) -> list[Any]:
        """Return the steps of that kind."""
        return [step for step in self.taken if isinstance(step, kind)]

    def _answer(self, step: Step[Any]) -> object:  # noqa: C901, PLR0911, PLR0912 - one branch a step
        match step:
            case ReadMemory(request):
                kept, until = self.memory.get(replace(request, claims=None), (None, 0.0))
                return kept if kept is not None and self.now < until else None
            case ReadCache(cae):
                self.on_read(step)
                return CacheSnapshot(self.states[cae], self.who, self.now)
            case Remember(request, kept, until):
                self.memory[replace(request, claims=None)] = (kept, until)
            case JoinFlight():
                role = self.roles.pop(0) if self.roles else FlightRole.LEAD
                role = role() if callable(role) else role
                assert isinstance(step.request, TokenRequest)
                if role is FlightRole.LEAD:
                    self.led.append(step.name)
                return role
            case FinishFlight(name):
                self.led.remove(name)
            case TakeLease(name, seconds):
                assert seconds in {refresh.LEASE_SECONDS, LONGEST_PROMPT}
                taken = self.leases.pop(0) if self.leases else True
                self.held += [name] if taken else []
                return taken
            case FindRefusal(request, refresh_token):
                return self.refusals.find(request, refresh_token)
            case NoteReply(request, refresh_token, reply, at):
                assert at == self.now
                return self.refusals.note(request, refresh_token, reply, at)
            case FindLeaseHolder(name):
                assert name not in self.held
                return LeaseHolder(4711, "login1", self.now + 600)
            case RenewLease(name, seconds):
                assert (name, seconds) == (self.held[-1], refresh.LEASE_SECONDS)
                return self.renewals.pop(0) if self.renewals else True
            case DropLease(name):
                self.held.remove(name)
            case Redeem():
                assert (type(step.request), step.home_account_id) == (TokenRequest, rows.ACCOUNT)
                assert isinstance(step.no_retry, bool)
                answer = self.redeemed.pop(0)
                return answer(step) if callable(answer) else answer
            case UseAccount(account):
                used = self.used.pop(0) if self.used else True
                self.who = replace(self.who, home_account_id=account.home_account_id) if used else self.who
                return used
            case RequestToken():
                return self.sign_ins.pop(0)
            case FindUser():
                return self.who
            case StartSignIn():
                return 0
            case AcceptSignIn(_, accepted):
                return accepted
            case Sleep(seconds):
                self.now += seconds
            case _:
                assert isinstance(step, (WarmUp, LogWarning, Notify, FinishSignIn))
        return None


def cached(age: float = 0, **fields: Any) -> World:
    """Return a world whose cache got a token ``age`` seconds ago, valid for an hour."""
    return World(states={False: rows.rows(WALL - age, **fields), True: {}})


def secret(outcome: StoredToken | Failure) -> str:
    """Return the token of an outcome that must be one."""
    assert isinstance(outcome, StoredToken), outcome
    return outcome.secret.reveal()


def reason(outcome: StoredToken | Failure) -> Reason:
    """Return the reason of an outcome that must be a failure."""
    assert isinstance(outcome, Failure), outcome
    return outcome.reason


def test_memory_comes_first() -> None:
    """A fresh token of this process is returned and nothing else is looked at."""
    world = World(memory={REQUEST: (token("kept"), WALL + 10)})
    assert secret(world.acquire()) == "kept"
    assert world.taken == [ReadMemory(REQUEST)]


def test_a_stored_token_needs_no_request() -> None:
    """A fresh token in the cache is returned, and remembered until five minutes before its end."""
    world = cached()
    assert secret(world.acquire()) == "AT"
    assert world.count(Redeem) == world.count(JoinFlight) == 0
    assert world.steps(Remember)[0].fresh_until == WALL + 3600 - 300


def test_a_token_before_refresh_on_is_fresh_and_after_it_is_refreshed() -> None:
    """The authority says when a token should be renewed."""
    assert secret(cached(refresh_in=1800, age=1799).acquire()) == "AT"
    world = cached(refresh_in=1800, age=1800)
    world.redeemed = [tokens("new")]
    assert secret(world.acquire()) == "new"


def test_an_expired_token_is_refreshed_under_the_lease() -> None:
    """One refresh token is redeemed, with the cross-process lease held and given back."""
    world = cached(age=4000)
    world.redeemed = [tokens("new")]
    assert secret(world.acquire()) == "new"
    assert world.memory[REQUEST][0].secret == Secret("new")
    kinds = [type(step) for step in world.taken if not isinstance(step, (ReadCache, ReadMemory))]
    assert [kind for kind in kinds if kind not in (FindRefusal, NoteReply)] == [
        JoinFlight, TakeLease, RenewLease, Redeem, DropLease, Remember, FinishFlight,
    ]  # fmt: skip
    redeem = world.steps(Redeem)[0]
    assert (redeem.refresh_token, redeem.no_retry) == (Secret("RT"), False)
    assert world.steps(Remember)[0].fresh_until == tokens("new").token.fresh_until


@pytest.mark.parametrize(
    ("reply", "failure"),
    [(tokens("new"), None), (REFUSED, unreachable(REFUSED)), (GRANT, required(GRANT, next_try=5.0))],
    ids=["a token", "outage", "refusal"],
)
def test_whoever_waits_for_a_refresh_learns_how_it_ended(
    reply: Tokens | Fault | ServiceError, failure: Failure | None
) -> None:
    """The end of a flight says why there is no token; a valid token would not have waited for it."""
    world = cached(age=4000)
    world.redeemed = [reply]
    world.acquire()
    assert [step.failure for step in world.steps(FinishFlight)] == [failure]
    assert world.steps(JoinFlight)[0].wait


def test_another_process_may_have_refreshed_meanwhile() -> None:
    """The second look under the lease finds its token, and nothing is redeemed."""
    world = cached(age=4000)

    def lead() -> FlightRole:
        world.states[False] = rows.rows(WALL, access_token="theirs", refresh_token="RT2")
        return FlightRole.LEAD

    world.roles = [lead]
    assert secret(world.acquire()) == "theirs"
    assert world.count(Redeem) == 0
    assert world.count(DropLease) == 1


def test_a_lease_is_waited_for_however_long_the_line_is() -> None:
    """Nothing is sent before this process's turn; a store ends the lease of a process that is stopped."""
    world = cached(age=4000)
    world.leases = [False] * 10_000
    world.redeemed = [tokens("new")]
    assert secret(world.acquire()) == "new"
    looks = [step.seconds for step in world.steps(Sleep)]
    assert sum(looks) > 300
    assert looks[0] == refresh.LOOK_AGAIN
    assert min(looks) == refresh.LOOK_OFTEN  # after half a second or so
    assert looks[-1] == max(looks[1000:]) == refresh.LOOK_SELDOM  # and few looks where the authority is slow


@pytest.mark.parametrize("tries", [1, 30, 500])
def test_the_cache_is_read_again_while_another_process_refreshes(tries: int) -> None:
    """A token that another process brings ends the wait soon; this process's turn is not waited for."""
    world = cached(age=4000)
    world.leases = [False] * 10_000

    def arrived(_step: ReadCache) -> None:
        if world.count(TakeLease) >= tries:
            world.states[False] = rows.rows(WALL, access_token="theirs", refresh_token="RT2")

    world.on_read = arrived
    assert secret(world.acquire()) == "theirs"
    assert world.count(Redeem) == 0
    assert world.count(TakeLease) <= tries + 1 + refresh.READ_AGAIN / refresh.LOOK_OFTEN


def test_processes_that_wait_do_not_read_the_cache_at_every_try() -> None:
    """Each refresh changes it, and reading it takes the time of the process that refreshes."""
    world = cached(age=4000)
    world.leases = [False] * 1000
    world.redeemed = [tokens("new")]
    assert secret(world.acquire()) == "new"
    waited = sum(step.seconds for step in world.steps(Sleep))
    assert world.count(ReadCache) <= 2 * waited / refresh.READ_AGAIN + 6


def test_an_account_that_is_signed_out_while_its_refresh_is_waited_for_needs_a_sign_in() -> None:
    """There is nothing left to refresh."""
    world = cached(age=4000)
    world.leases = [False] * 10_000

    def signed_out(_step: ReadCache) -> None:
        if world.count(TakeLease) >= 5:
            world.states[False] = {}

    world.on_read = signed_out
    assert reason(world.acquire()) is Reason.REQUIRED
    assert world.count(Redeem) == 0


def test_a_process_that_was_stopped_for_too_long_looks_again_before_it_sends_anything() -> None:
    """Its lease is another process's by now, which may have spent the refresh token."""
    world = cached(age=4000)

    def overtaken(step: ReadCache) -> None:
        if not step.cae and world.count(RenewLease) == 1:
            world.states[False] = rows.rows(WALL, access_token="theirs", refresh_token="RT2")

    world.on_read, world.renewals = overtaken, [False]
    assert secret(world.acquire()) == "theirs"
    assert world.count(Redeem) == 0


@pytest.mark.parametrize("cae", [False, True])
@pytest.mark.parametrize(("own", "other", "sent"), [(60, 0, "own"), (0, 60, "other"), (0, 0, "own")])
def test_the_newest_refresh_token_of_both_caches_is_sent(cae: bool, own: int, other: int, sent: str) -> None:  # noqa: FBT001 - a case
    """A reply is written to both: where one write failed, that cache has a refresh token that may be spent."""
    world = World()
    world.states[cae] = rows.rows(WALL - 4000 + own, refresh_token="own")
    world.states[not cae] = rows.rows(WALL - 4000 + other, refresh_token="other")
    world.redeemed = [tokens("new")]
    assert secret(world.acquire(replace(REQUEST, enable_cae=cae))) == "new"
    assert [step.refresh_token.reveal() for step in world.steps(Redeem)] == [sent]


@pytest.mark.parametrize(("looks", "prepared"), [(0, 0), (10, 0), (40, 1), (100, 1)])
def test_whoever_waits_for_some_time_gets_ready_meanwhile(looks: int, prepared: int) -> None:
    """Once, and not for a token that another process brings at once, as is common."""
    world = cached(age=4000)
    world.leases = [False] * looks
    world.redeemed = [tokens("new")]
    assert secret(world.acquire()) == "new"
    assert world.count(WarmUp) == prepared


def test_with_a_valid_token_nobody_waits_for_a_refresh() -> None:
    """While somebody else refreshes, in this process or another, the valid token goes on."""
    busy = cached(refresh_in=1800, age=2000)
    busy.roles = [FlightRole.BUSY]
    assert secret(busy.acquire()) == "AT"
    leased = cached(refresh_in=1800, age=2000)
    leased.leases = [False]
    assert secret(leased.acquire()) == "AT"
    assert busy.count(Redeem) == leased.count(Redeem) == leased.count(Sleep) == 0
    assert not busy.steps(JoinFlight)[0].wait


@pytest.mark.parametrize(("seconds", "pause"), [(5, 30), (120, 120), (86400, 1600)])
@pytest.mark.parametrize("reply", [REFUSED, GRANT], ids=["outage", "refusal"])
def test_an_authority_that_wants_to_be_left_alone_is(reply: Fault | ServiceError, seconds: float, pause: float) -> None:
    """With a valid token at hand nothing is asked before Retry-After is over, or the token is."""
    world = cached(refresh_in=1800, age=2000)
    world.redeemed = [replace(reply, retry_after=seconds)]
    assert secret(world.acquire()) == "AT"
    assert world.steps(Remember)[0].fresh_until == WALL + pause


@pytest.mark.parametrize("reply", [REFUSED, GRANT], ids=["outage", "refusal"])
def test_a_valid_token_outlives_a_refresh_that_fails(reply: Fault | ServiceError) -> None:
    """It is returned with a warning, and not retried for 30 seconds."""
    world = cached(refresh_in=1800, age=2000)
    world.redeemed = [reply]
    assert secret(world.acquire()) == "AT"
    assert "still valid" in world.steps(LogWarning)[0].message
    assert world.steps(Remember)[0].fresh_until == WALL + 30
    assert world.steps(Redeem)[0].no_retry
    assert secret(world.acquire()) == "AT"
    assert world.count(Redeem) == 1


def test_a_refresh_that_fails_looks_once_more() -> None:
    """Another process may have brought a token, which is returned, or signed the account out: then nothing is kept."""
    brought = cached(refresh_in=1800, age=2000)

    def bring(_: Redeem) -> Fault:
        brought.states[False] = rows.rows(WALL, access_token="theirs", expires_in=3600)
        return REFUSED

    brought.redeemed = [bring]
    assert secret(brought.acquire()) == "theirs"
    gone = cached(refresh_in=1800, age=2000)

    def remove(_: Redeem) -> Fault:
        gone.states[False] = {}
        return REFUSED

    gone.redeemed = [remove]
    assert secret(gone.acquire()) == "AT"
    assert gone.steps(Remember) == []


def test_a_valid_token_is_kept_no_longer_than_it_lives() -> None:
    """Five seconds before its end, the back-off of 30 seconds is cut."""
    world = cached(age=3595)
    world.redeemed = [REFUSED]
    assert secret(world.acquire()) == "AT"
    assert world.steps(Remember)[0].fresh_until == WALL + 5


def test_an_outage_is_no_reason_to_ask_the_user() -> None:
    """With the token expired and the authority down, the failure says so, prompting allowed or not."""
    world = cached(age=4000)
    world.redeemed = [REFUSED]
    assert reason(world.acquire(may_ask=True)) is Reason.UNREACHABLE
    assert world.count(RequestToken) == 0


def test_a_refused_refresh_asks_the_user_or_says_that_a_sign_in_is_needed() -> None:
    """The authority's words come along."""
    world = cached(age=4000)
    world.redeemed = [GRANT]
    outcome = world.acquire()
    assert reason(outcome) is Reason.REQUIRED
    assert isinstance(outcome, Failure)
    assert (outcome.error, "AADSTS70008" in outcome.message) == (GRANT, True)
    world.sign_ins = [tokens("signed in")]
    assert secret(world.acquire(may_ask=True)) == "signed in"
    assert world.count(Redeem) == 1


def test_claims_that_a_refusal_demands_go_into_the_sign_in() -> None:
    """A step-up challenge of the authority is answered by the sign-in that follows it."""
    world = cached(age=4000)
    world.redeemed = [ServiceError("interaction_required", claims='{"access_token":{}}')]
    world.sign_ins = [tokens("stepped up")]
    world.acquire(may_ask=True)
    assert world.steps(RequestToken)[0].request.claims == '{"access_token":{}}'


@pytest.mark.parametrize("may_ask", [True, False])
def test_a_spent_refresh_token_is_looked_up_again(may_ask: bool) -> None:  # noqa: FBT001 - a column of the table
    """Somebody without our lease rotated it: the newer one is redeemed, and nobody is asked."""
    world = cached(age=4000)

    def spent(step: Redeem) -> ServiceError:
        assert step.refresh_token == Secret("RT")
        world.states[False] = rows.rows(WALL - 4000, refresh_token="RT2")
        return GRANT

    world.redeemed = [spent, tokens("new")]
    assert secret(world.acquire(may_ask=may_ask)) == "new"
    first, second = world.steps(Redeem)
    assert (second.refresh_token, second.refused) == (Secret("RT2"), (first.refresh_token,))
    assert (world.count(TakeLease), world.count(RenewLease)) == (1, 2)


def test_a_token_that_another_process_stored_is_used_when_the_refresh_token_turns_out_to_be_spent() -> None:
    """What is in the cache then is better than another refresh."""
    world = cached(age=4000)

    def spent(_step: Redeem) -> ServiceError:
        world.states[False] = rows.rows(WALL, access_token="theirs", refresh_token="RT2")
        return GRANT

    world.redeemed = [spent]
    assert secret(world.acquire()) == "theirs"


def test_a_spent_refresh_token_of_one_cache_is_followed_by_that_of_the_other() -> None:
    """A process that died between its two writes leaves a spent one in the other cache; no sign-in is needed then."""
    world = World(states={False: rows.rows(WALL - 4000, refresh_token="RT2"), True: rows.rows(WALL - 4000)})
    world.redeemed = [GRANT, tokens("new")]
    assert secret(world.acquire(replace(REQUEST, enable_cae=True))) == "new"
    assert [step.refresh_token for step in world.steps(Redeem)] == [Secret("RT"), Secret("RT2")]


def test_refresh_tokens_that_are_all_refused_ask_the_user_once() -> None:
    """None of them looks like a new sign-in afterwards."""
    world = World(states={False: rows.rows(WALL - 4000, refresh_token="RT2"), True: rows.rows(WALL - 4000)})
    world.redeemed, world.sign_ins = [GRANT, GRANT], [tokens("asked")]
    assert secret(world.acquire(replace(REQUEST, enable_cae=True), may_ask=True)) == "asked"


def test_a_valid_token_goes_on_when_its_refresh_token_is_spent() -> None:
    """It is still the best there is."""
    world = cached(refresh_in=1800, age=2000)
    world.redeemed = [GRANT]
    assert secret(world.acquire()) == "AT"
    assert "still valid" in world.steps(LogWarning)[0].message


def test_another_refusal_than_a_spent_token_is_not_tried_again() -> None:
    """Only invalid_grant says that the refresh token itself was at fault."""
    world = cached(age=4000)

    def refuse(_step: Redeem) -> ServiceError:
        world.states[False] = rows.rows(WALL - 4000, refresh_token="RT2")
        return ServiceError("interaction_required")

    world.redeemed = [refuse]
    assert reason(world.acquire()) is Reason.REQUIRED


def test_claims_skip_what_is_cached_but_try_the_refresh_token_first() -> None:
    """A claims challenge says that the cached token is not good enough; the grant still may be."""
    world = cached()
    world.redeemed = [tokens("with claims")]
    request = replace(REQUEST, claims='{"access_token":{}}')
    assert secret(world.acquire(request)) == "with claims"
    assert world.count(ReadMemory) == 0


def test_cae_uses_the_refresh_token_of_the_other_cache_and_never_its_access_token() -> None:
    """One sign-in serves both."""
    world = cached()
    world.redeemed = [tokens("CAE")]
    assert secret(world.acquire(replace(REQUEST, enable_cae=True))) == "CAE"
    assert secret(world.acquire(REQUEST)) == "AT"


def test_nothing_cached_and_nobody_to_ask_makes_no_request() -> None:
    """disable_automatic_authentication with an empty cache ends before anything is sent."""
    world = World()
    assert reason(world.acquire()) is Reason.REQUIRED
    assert {type(step) for step in world.taken} == {ReadMemory, ReadCache}


def test_the_only_account_is_used_and_several_are_listed() -> None:
    """Without a record one signed-in account is enough; of two, nobody guesses."""
    world = cached()
    world.who = ANYBODY
    assert secret(world.acquire()) == "AT"
    second = rows.rows(WALL, account="other.utid", username="grace@contoso.example")
    world = World(who=ANYBODY, states={False: changes.merge(world.states[False], second), True: {}})
    outcome = world.acquire()
    assert isinstance(outcome, Failure)
    assert [account.username for account in outcome.candidates] == ["ada@contoso.example", "grace@contoso.example"]
    assert "grace@contoso.example" in outcome.message


def test_an_access_token_without_a_refresh_token_is_used_to_its_end() -> None:
    """Past its freshness there is nothing better; past its end a sign-in is needed."""
    assert secret(cached(age=3400, refresh_token=None).acquire()) == "AT"
    assert reason(cached(age=3600, refresh_token=None).acquire()) is Reason.REQUIRED


def followed(request: TokenRequest, failure: Failure | None, then: Callable[[], None]) -> Callable[[], FlightResult]:
    """Return an answer to JoinFlight: another caller's flight ended so, and this is what it left behind."""

    def end() -> FlightResult:
        then()
        return FlightResult(request, failure)

    return end


def test_who_waits_for_a_refresh_gets_its_token() -> None:
    """The follower of the same request finds the leader's token, also with claims."""
    for request in (REQUEST, replace(REQUEST, claims='{"access_token":{}}')):
        world = cached(age=4000)

        def landed(world: World = world) -> None:
            world.memory[REQUEST] = (token("leader's"), WALL + 10)

        world.roles = [followed(request, None, landed)]
        assert secret(world.acquire(request)) == "leader's"
        assert world.count(Redeem) == 0


def test_who_waits_for_another_request_refreshes_for_itself() -> None:
    """Other scopes are not answered by the leader's token."""
    world = cached(age=4000)
    world.roles = [FlightResult(replace(REQUEST, scopes=("https://other/.default",))), FlightRole.ABANDONED]
    world.redeemed = [tokens("own")]
    assert secret(world.acquire()) == "own"


def test_an_outage_is_everybodys_and_a_refusal_its_own() -> None:
    """Thirty-two threads do not each wait for a network that is down; a refusal may concern one scope only."""
    other = replace(REQUEST, scopes=("https://other/.default",))
    world = cached(age=4000)
    world.roles = [FlightResult(other, unreachable(REFUSED))]
    assert reason(world.acquire()) is Reason.UNREACHABLE
    world = cached(age=4000)
    world.roles, world.redeemed = [FlightResult(other, required(GRANT))], [tokens("own")]
    assert secret(world.acquire()) == "own"
    world = cached(age=4000)
    world.roles = [FlightResult(REQUEST, required(GRANT))]
    outcome = world.acquire()
    assert isinstance(outcome, Failure)
    assert (outcome.reason, outcome.error) == (Reason.REQUIRED, GRANT)
    assert world.count(Redeem) == 0


def test_a_refusal_that_one_waited_for_does_not_look_like_a_new_sign_in() -> None:
    """The user is asked once for it, and not first taken for having signed in."""
    world = cached(age=4000)
    world.roles, world.sign_ins = [FlightResult(REQUEST, required(GRANT))], [tokens("asked")]
    assert secret(world.acquire(may_ask=True)) == "asked"
    assert world.count(Redeem) == 0


def test_flights_are_named_after_account_and_tenant() -> None:
    """Other people and other tenants are not waited for."""
    for who, whose in ((WHO, rows.ACCOUNT), (replace(WHO, home_account_id=None, username="ada"), "ada")):
        world = World(who=who, sign_ins=[tokens()])
        world.acquire(may_ask=True)
        assert world.steps(JoinFlight)[0].name == ("sign-in", whose, rows.TENANT)
    world = cached(age=4000)
    world.redeemed = [tokens()]
    world.acquire()
    assert world.steps(JoinFlight)[0].name == ("refresh", rows.ACCOUNT)


def test_who_waits_for_a_sign_in_goes_on_silently() -> None:
    """After somebody else's sign-in, the refresh token serves one's own scopes."""
    world = World()

    def signed_in() -> None:
        world.states[False] = rows.rows(WALL - 4000)

    world.roles = [followed(replace(REQUEST, scopes=("x",)), None, signed_in)]
    world.redeemed = [tokens("silent")]
    assert secret(world.acquire(may_ask=True)) == "silent"
    assert world.count(RequestToken) == 0


def test_a_failed_sign_in_reaches_everybody_once() -> None:
    """Whoever waited fails with it, and the user is not asked again."""
    world = World(roles=[FlightResult(REQUEST, refused(ServiceError("authorization_declined")))])
    assert reason(world.acquire(may_ask=True)) is Reason.DECLINED
    assert world.count(RequestToken) == 0


def test_a_leader_who_left_is_followed_by_one_who_waited() -> None:
    """One of those who waited asks instead."""
    world = World(roles=[FlightRole.ABANDONED, FlightRole.LEAD], sign_ins=[tokens("second try")])
    assert secret(world.acquire(may_ask=True)) == "second try"


def test_a_sign_in_that_just_ended_is_noticed_before_asking() -> None:
    """Between one's own silent look and one's turn to ask, somebody else may have signed in."""
    world = World()

    def lead() -> FlightRole:
        world.states[False] = rows.rows(WALL)
        return FlightRole.LEAD

    world.roles = [lead]
    assert secret(world.acquire(may_ask=True)) == "AT"
    assert world.count(RequestToken) == 0
    assert world.count(FinishFlight) == 1


def test_a_sign_in_without_asking_first_what_is_cached() -> None:
    """``prompt`` asks whatever is there, and counts a sign-in that is under way already."""
    world = cached()
    world.sign_ins = [tokens("asked")]
    assert secret(world.drive(acquire.prompt(REQUEST, by_request_token))) == "asked"
    assert world.memory[REQUEST] == (token("asked"), token().fresh_until)
    world = cached()
    world.roles = [FlightRole.ABANDONED, FlightResult(replace(REQUEST, scopes=("x",)))]
    assert secret(world.drive(acquire.prompt(REQUEST, by_request_token))) == "AT"
    world = World(roles=[FlightResult(REQUEST, refused(PENDING))])
    assert isinstance(world.drive(acquire.prompt(REQUEST, by_request_token)), Failure)
    world = World(sign_ins=[refused(PENDING)])
    assert isinstance(world.drive(acquire.prompt(REQUEST, by_request_token)), Failure)
    assert world.steps(FinishFlight)[0].failure is not None


def test_a_process_that_waits_for_anothers_prompt_says_so_and_picks_its_result_up() -> None:
    """Where its own prompt would stand, it says after 2 s that another process asks; no second code is shown."""
    world = World(leases=[False] * 1000)
    looks = 0

    def signed_in_at_the_seventh_read(step: ReadCache) -> None:
        nonlocal looks
        looks += not step.cae
        if looks == 7:
            world.states[False] = rows.rows(WALL)

    world.on_read = signed_in_at_the_seventh_read
    assert secret(world.acquire(may_ask=True)) == "AT"
    assert [step.message for step in world.steps(Notify)] == [waiting_for(LeaseHolder(4711, "login1", 600), 0.0)]
    kinds = [type(step) for step in world.taken]
    assert kinds[: kinds.index(Notify)].count(Sleep) == interactive.TELL_AFTER / interactive.LOOK_FOR_SIGN_IN
    assert world.count(RequestToken) == 0


@pytest.mark.parametrize("reason_of", [Reason.EXPIRED, Reason.TIMED_OUT, Reason.DECLINED])
@pytest.mark.parametrize("meanwhile", [True, False])
def test_a_prompt_that_ran_out_while_the_user_signed_in_elsewhere(reason_of: Reason, meanwhile: bool) -> None:  # noqa: FBT001 - a column
    """A process that was stopped uses what another one has stored; a user who declined is not overruled."""
    world = World(sign_ins=[Failure(reason_of, "over")])

    def signed_in(_step: ReadCache) -> None:
        if meanwhile and not world.sign_ins:
            world.states[False] = rows.rows(WALL)

    world.on_read = signed_in
    outcome = world.acquire(may_ask=True)
    if meanwhile and reason_of is not Reason.DECLINED:
        assert secret(outcome) == "AT"
    else:
        assert reason(outcome) is reason_of


def test_a_sign_in_of_another_process_that_is_soon_over_is_not_talked_about() -> None:
    """Within two seconds there is nothing to say."""
    world = World(leases=[False, False, False], sign_ins=[tokens("asked")])
    assert secret(world.acquire(may_ask=True)) == "asked"
    assert world.count(Notify) == 0


def test_a_process_whose_sign_in_dies_is_followed_by_the_one_that_waited() -> None:
    """Its lease ends with it, and the next one asks the user."""
    world = World(leases=[False, False, True], sign_ins=[tokens("asked")])
    assert secret(world.acquire(may_ask=True)) == "asked"
    lease = world.steps(TakeLease)[-1]
    assert world.steps(DropLease) == [DropLease(lease.name)]


def test_what_was_signed_in_while_the_lease_changed_hands_is_noticed() -> None:
    """The last look is under the lease, which is then given back."""
    world = World(leases=[False, True])

    def late(step: ReadCache) -> None:
        if world.count(TakeLease) == 2:
            world.states[False] = rows.rows(WALL)

    world.on_read = late
    assert secret(world.acquire(may_ask=True)) == "AT"
    assert world.count(RequestToken) == 0
    assert world.count(DropLease) == 1


def test_waiting_for_another_process_ends_with_ones_own_timeout() -> None:
    """``timeout`` bounds the wait for whoever asks."""
    for flow in (
        acquire.acquire(REQUEST, by_request_token, may_ask=True, timeout=1.2),
        acquire.prompt(REQUEST, by_request_token, timeout=1.2),
    ):
        world = World(leases=[False] * 100)
        outcome = world.drive(flow)
        assert isinstance(outcome, Failure)
        assert (outcome.reason, "after 1.2 s" in outcome.message) == (Reason.TIMED_OUT, True)
        assert world.now == pytest.approx(WALL + 1.2)


def test_other_people_are_asked_meanwhile() -> None:
    """Leases of sign-ins are per application and tenant."""
    names = set()
    for request in (REQUEST, replace(REQUEST, tenant_id="other")):
        for who in (WHO, replace(WHO, home_account_id=None), replace(WHO, client_id="other")):
            world = World(who=who, sign_ins=[tokens()])
            world.acquire(request, may_ask=True)
            names |= {step.name for step in world.steps(TakeLease)}
    assert len(names) == 4
    same = World(sign_ins=[tokens()])
    same.acquire(replace(REQUEST, tenant_id=rows.TENANT.upper()), may_ask=True)
    assert {step.name for step in same.steps(TakeLease)} <= names


def test_an_account_that_was_found_is_used_from_then_on() -> None:
    """The choice is made once, over both caches."""
    world = World(who=ANYBODY, states={False: rows.rows(WALL), True: {}})
    assert isinstance(world.acquire(), StoredToken)
    assert [step.account.home_account_id for step in world.steps(UseAccount)] == [rows.ACCOUNT]
    world.memory.clear()
    assert isinstance(world.acquire(), StoredToken)
    assert world.count(UseAccount) == 1


def test_an_account_that_was_found_too_late_is_not_used() -> None:
    """Another account signed in meanwhile: the look begins anew, for that one."""
    eve = replace(WHO, home_account_id="eve.utid")
    world = World(who=ANYBODY, states={False: rows.rows(WALL), True: {}}, used=[False])

    def sign_in(_: ReadCache) -> None:
        if world.count(UseAccount):
            world.who = eve

    world.on_read = sign_in
    failure = world.acquire()
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.REQUIRED
    assert world.count(UseAccount) == 1


@pytest.mark.parametrize("insists", [True, False])
def test_of_several_accounts_none_is_taken(insists: bool) -> None:  # noqa: FBT001
    """A program that asked for one is told in its log, a single time."""
    bobs = rows.rows(WALL, account="bob.utid", username="bob@contoso.example")
    world = World(who=replace(ANYBODY, insists=insists), states={False: rows.rows(WALL), True: bobs})
    failure = world.acquire()
    assert isinstance(failure, Failure)
    assert [account.home_account_id for account in failure.candidates] == [rows.ACCOUNT, "bob.utid"]
    warned = world.steps(LogWarning)
    assert [step.once for step in warned] == [True] * insists
    assert all("bob@contoso.example" in step.message and "username" in step.message for step in warned)


@pytest.mark.parametrize(
    ("who", "lease"),
    [
        (ANYBODY, True),
        (replace(ANYBODY, adopts=False), False),
        (replace(ANYBODY, adopts=False, username="ada@contoso.example"), True),
    ],
)
def test_users_who_cannot_use_each_others_sign_in_do_not_wait_for_each_other(who: Who, lease: bool) -> None:  # noqa: FBT001
    """A lease is taken where another process's sign-in would do."""
    world = World(who=who, sign_ins=[tokens()])
    assert isinstance(world.acquire(may_ask=True), StoredToken)
    assert world.count(TakeLease) == lease


def test_two_users_of_one_program_have_leases_of_their_own() -> None:
    """A program that takes no account from the cache knows each of its users: Ada's prompt does not hold up Grace."""
    alone = replace(ANYBODY, adopts=False)
    each = [replace(alone, username=name) for name in ("ada@x", "grace@x")]
    anybodys = [replace(ANYBODY, home_account_id=name) for name in ("ada.x", "grace.x")]
    names = [interactive._user_lease(who, "tid") for who in (*each, *anybodys)]
    assert names[0] != names[1]
    assert names[2] == names[3] == interactive._user_lease(ANYBODY, "TID")


# -- a refresh that was refused


def calls(world: World, times: list[float], request: TokenRequest = REQUEST) -> list[str]:
    """Return the messages of calls at these times, in seconds from now."""
    start, messages = world.now, []
    for at in times:
        world.now = start + at
        outcome = world.acquire(request)
        assert isinstance(outcome, Failure)
        messages.append(outcome.message)
    return messages


def test_a_refused_refresh_is_not_sent_again_for_a_while() -> None:
    """A program that calls once a second sends 5 requests in two minutes, and learns when the next may be."""
    world = cached(age=4000)
    sent: list[float] = []

    def refuse(_step: Redeem) -> ServiceError:
        sent.append(world.now - WALL)
        return GRANT

    world.redeemed = [refuse] * 10
    messages = calls(world, [float(second) for second in range(120)])
    assert sent == [0, 5, 15, 35, 75]
    assert all("AADSTS70008" in message for message in messages)
    assert messages[0].endswith("This refresh is not tried again for 5 s.")
    assert messages[3].endswith("not tried again for 2 s.")
    assert messages[75].endswith("not tried again for 60 s.")
    # None of them takes a lease or waits for another call.
    assert world.count(TakeLease) == world.count(JoinFlight) == 5


@pytest.mark.parametrize(
    ("reply", "times"),
    [
        (busy(429, 30), [0, 30, 60]),
        (busy(429), [0, 5, 15, 35]),
        (busy(503, 20), [0, 20, 40, 60]),
        (replace(GRANT, retry_after=40.0), [0, 40]),
        (replace(GRANT, retry_after=0.0), list(range(61))),
        (busy(503), list(range(61))),
        (REFUSED, list(range(61))),
    ],
    ids=["429 with a time", "429", "503 with a time", "a refusal with a time", "at once", "503", "no network"],
)
def test_what_is_left_alone_for_how_long(reply: ServiceError | Fault, times: list[float]) -> None:
    """Retry-After counts; without it, a refusal does, and trouble on the way to the authority does not."""
    world = cached(age=4000)
    sent: list[float] = []

    def answer(_step: Redeem) -> ServiceError | Fault:
        sent.append(world.now - WALL)
        return reply

    world.redeemed = [answer] * 61
    messages = calls(world, [float(second) for second in range(61)])
    assert sent == times
    if isinstance(reply, Fault) and len(times) < 61:
        assert {message.splitlines()[0] for message in messages} == {f"Authentication failed: {reply.message}"}
        assert f"Wait {times[1] - 1:g} s, then call again." in messages[1]


@pytest.mark.parametrize(
    "reply", [busy(503, 0), busy(429, 0), replace(GRANT, retry_after=0.0)], ids=["503", "429", "400"]
)
def test_a_wait_of_no_seconds_is_not_advised(reply: ServiceError | Fault) -> None:
    """A Retry-After that is over, as a date is where this machine's clock is ahead, is no advice to wait 0 s."""
    world = cached(age=4000)
    world.redeemed = [lambda _step: reply]
    assert " 0 s" not in calls(world, [0])[0]


def test_other_claims_another_scope_another_refresh_token_or_a_sign_in_are_sent_at_once() -> None:
    """Only the very same request is known to be refused."""
    world = cached(age=4000)
    world.redeemed = [GRANT]
    calls(world, [0])
    for other in (
        replace(REQUEST, claims='{"access_token":{}}'),
        replace(REQUEST, scopes=("https://other/.default",)),
        replace(REQUEST, tenant_id="other"),
        replace(REQUEST, enable_cae=True),
    ):
        world.redeemed = [GRANT]
        calls(world, [0], other)
        assert world.redeemed == []
    world.states[False] = rows.rows(WALL - 4000, refresh_token="RT2")
    world.redeemed = [tokens("new")]
    assert secret(world.acquire()) == "new"


def test_a_refresh_that_is_accepted_again_begins_anew() -> None:
    """Its next refusal is the first one."""
    world = cached(age=4000)
    world.redeemed = [GRANT, GRANT, tokens("new"), GRANT]
    calls(world, [0, 5])
    world.now = WALL + 20
    assert secret(world.acquire()) == "new"
    world.memory.clear()
    assert "for 5 s" in calls(world, [0])[0]


def test_a_user_is_asked_without_another_refresh_that_would_be_refused() -> None:
    """With prompts allowed, a refused refresh costs one request, and the user is asked each time."""
    world = cached(age=4000)
    world.redeemed, world.sign_ins = [GRANT], [Failure(Reason.DECLINED, "no"), tokens("asked")]
    assert reason(world.acquire(may_ask=True)) is Reason.DECLINED
    assert secret(world.acquire(may_ask=True)) == "asked"


def test_a_valid_token_goes_on_while_its_refresh_is_left_alone() -> None:
    """Another call for it neither asks nor warns again."""
    world = cached(refresh_in=1800, age=2000)
    world.redeemed = [busy(429, 300)]
    assert secret(world.acquire()) == "AT"
    world.memory.clear()
    assert secret(world.acquire()) == "AT"
    assert world.count(Redeem) == world.count(LogWarning) == 1
    leave = cached(refresh_in=1800, age=2000)
    leave.redeemed = [GRANT]
    leave.acquire()
    leave.memory.clear()
    assert secret(leave.acquire()) == "AT"


def test_what_another_process_has_stored_is_used_where_the_own_refresh_token_was_refused() -> None:
    """A refusal that is remembered hides nothing that came later."""
    world = cached(age=4000)
    world.redeemed = [GRANT]
    calls(world, [0])
    world.states[True] = rows.rows(WALL - 4000, refresh_token="RT2")
    world.redeemed = [tokens("new")]
    assert secret(world.acquire()) == "new"
    redeem = world.steps(Redeem)[-1]
    assert (redeem.refresh_token, redeem.refused) == (Secret("RT2"), (Secret("RT"),))
    world.states[False] = rows.rows(world.now, access_token="theirs", refresh_token="RT")
    world.memory.clear()
    assert secret(world.acquire()) == "theirs"


def test_refusals_are_few_and_show_no_secret() -> None:
    """The oldest ones are forgotten; what is kept is safe to print."""
    refusals = Refusals()
    for number in range(MOST + 10):
        refusals.note(replace(REQUEST, tenant_id=str(number)), Secret("hidden"), GRANT, 0.0)
    found = [refusals.find(replace(REQUEST, tenant_id=str(number)), Secret("hidden")) for number in range(MOST + 10)]
    assert [refusal is not None for refusal in found] == [False] * 10 + [True] * MOST
    assert "hidden" not in repr(vars(refusals))
    refusals.clear()
    assert refusals.find(replace(REQUEST, tenant_id=str(MOST)), Secret("hidden")) is None
    signed_out = ServiceError(SIGNED_OUT)
    assert refusals.note(REQUEST, Secret("hidden"), signed_out, 0.0) is None


def test_a_process_with_a_timeout_says_how_long_it_waits_itself() -> None:
    """The other process's prompt may be valid for much longer."""
    world = World(leases=[False] * 1000)
    outcome = world.drive(acquire.prompt(REQUEST, by_request_token, timeout=12.0))
    assert isinstance(outcome, Failure)
    (told,) = world.steps(Notify)
    assert told.message.endswith("This process waits for that sign-in, for 10 seconds at most.")
