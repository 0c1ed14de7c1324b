"""A small world of processes, credentials and users, stores and one authority, under a virtual clock.

The code under test is the real one: the flows, ``Session``, ``StepHandler``, ``SingleFlight`` and ``StoredCache``.
What is simulated is around it: the scheduler, which interleaves the flows step by step as its seed says, the
authority, the store's bytes and the users. Every step is one event; between two of them a process may die or be
stopped. A request is two events more: when the authority has it, and when its reply is there.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from doorcode._config import Config
from doorcode._core.account_selection import AccountOptions, may_use_cache
from doorcode._core.authorities import AuthorityAddress
from doorcode._core.flows import acquire, device_code
from doorcode._core.model import CacheSnapshot, Failure, FlightRole, TokenRequest, Tokens
from doorcode._core.msal_cache import lookup
from doorcode._core.msal_cache.rows import State, StoredToken, rows_of
from doorcode._core.replies.faults import Endpoint, Fault, FaultKind
from doorcode._core.steps import (
    Begin,
    Exchange,
    FinishSignIn,
    Flow,
    JoinFlight,
    Notify,
    Poll,
    ReadCache,
    Redeem,
    Show,
    Sleep,
    Step,
)
from doorcode._session.accounts.stored import sign_out
from doorcode._session.session import Session
from doorcode._session.step_handler import StepHandler
from doorcode.cache._cae_section import CaeSection
from doorcode.cache._errors import StoreError
from doorcode.cache._protocol import TokenStore
from doorcode.cache._token_cache import StoredCache, TokenCache
from simulation.authority import Grant, SimAuthority, account_of
from simulation.server import LONGEST_OUTAGE, SimServer
from simulation.store import SimStore
from support import rows

EPOCH = 1_700_000_000.0
ADA = "ada"
LOST = Fault(FaultKind.TIMEOUT, Endpoint.TOKEN, "No answer in time")
_DUE = attrgetter("due")


@dataclass(frozen=True)
class Odds:
    """How often things go wrong, each as a probability per event, and how slow the authority is.

    Attributes:
        lost_request: the authority never sees a request.
        lost_reply: it answers, and the answer is lost.
        death: a process dies.
        store_fault: the store refuses a write.
        jump: the wall clock jumps, by up to two hours.
        decline: the user says no.
        slow: the user takes longer than the code lives.
        stop: a process is stopped, for up to ``stopped_for`` seconds; ``most_stops`` times at most.
        latency: seconds that a request takes at most.
        away: the server of the cache goes away for up to a minute.
        failover: the server fails over to a copy that lacks the writes of up to two seconds.
    """

    lost_request: float = 0.0
    lost_reply: float = 0.0
    death: float = 0.0
    store_fault: float = 0.0
    jump: float = 0.0
    decline: float = 0.0
    slow: float = 0.0
    stop: float = 0.0
    stopped_for: float = 400.0
    most_stops: int = 1000
    latency: float = 0.01
    away: float = 0.0
    failover: float = 0.0


class SimApplication:
    """The requests, as ``MsalApplication`` makes them: each is answered by what has arrived for it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def begin(self, *_request: object) -> object:
        """Return the reply to a request for a device code."""
        return self._world.arrived

    def poll(self, *_request: object) -> object:
        """Return the reply to a poll."""
        return self._world.arrived

    def redeem(self, *_request: object, repeat: bool) -> object:
        """Return the reply to a refresh."""
        del repeat
        return self._world.arrived


class SimSession(Session):
    """A credential's session in a simulated process."""

    def __init__(self, world: World, config: Config, user: str, place: str) -> None:
        self._world = world
        self.user = user
        self.stores = world.stores_at(place)
        self._opened: dict[bool, TokenCache] = {}
        self._searched: dict[bool, tuple[State, set[str]]] = {}
        super().__init__(config, clock=lambda: world.wall)

    @property
    def application(self) -> Any:
        """Return what makes the requests."""
        return SimApplication(self._world)

    def cache(self, *, cae: bool) -> TokenCache:
        """Return one of the two caches."""
        if cae not in self._opened:
            self._opened[cae] = StoredCache(self.stores[cae], (), lambda _message: None, served=self.served)
        return self._opened[cae]

    def refresh_tokens(self, state: State, *, cae: bool) -> set[str]:
        """Return the refresh tokens that the state of one cache holds for the user; a state is searched once."""
        searched = self._searched.get(cae)
        if searched is None or searched[0] is not state:
            known = lookup.refresh_token(state, rows.CLIENT, frozenset({rows.HOST}), account_of(self.user))
            all_of_them = {str(row["secret"]) for _, row in rows_of(state, "RefreshToken")}
            searched = self._searched[cae] = state, all_of_them if known is not None else set()
        return searched[1]


@dataclass(eq=False)
class SimProcess:
    """A process, on a node."""

    name: str
    world: World
    node: str = "node"
    born: float = 0.0
    alive: bool = True
    stops: list[tuple[float, float]] = field(default_factory=list)
    stopped_until: float = 0.0
    sessions: list[SimSession] = field(default_factory=list)

    @property
    def session(self) -> SimSession:
        """Return its first credential's session."""
        return self.sessions[0]

    def goes_on(self, until: float) -> bool:
        """Tell whether it lives, and runs before a time."""
        return self.alive and self.stopped_until <= until

    def stop(self, now: float, seconds: float) -> None:
        """Stop it, until it runs again so many seconds later."""
        self.stopped_until = now + seconds
        self.stops.append((now, self.stopped_until))

    def was_stopped_for(self, seconds: float, *, since: float) -> bool:
        """Tell whether it was stopped for so long, at some time since then."""
        return any(end - start >= seconds and end >= since for start, end in self.stops)

    def credential(self, user: str = ADA, *, may_ask: bool = True, place: str = "home", **account: Any) -> SimSession:
        """Make one more credential, whose user is this one when it asks."""
        options = AccountOptions(**account)
        config = Config("Sim", rows.CLIENT, AuthorityAddress(rows.HOST), rows.TENANT, account=options, may_ask=may_ask)
        self.sessions.append(SimSession(self.world, config, user, place))
        return self.sessions[-1]


@dataclass(eq=False)
class SimTask:
    """One caller in a process: the stack of its flows, and what it waits for.

    Attributes:
        wake: when it would take its next step.
        due: when it takes it, since its process may be stopped; infinite while it waits for another caller.
    """

    name: str
    process: SimProcess
    session: SimSession
    request: TokenRequest
    life: Generator[object, object, Any]
    wake: float
    due: float = math.inf
    started: float | None = None
    flight: Any = None
    answer: object = None
    ended: bool = False
    outcome: StoredToken | Failure | None = None
    seen: dict[bool, set[str]] = field(default_factory=dict)

    def find_due(self) -> None:
        """Set the time of its next step, after what that depends on has changed."""
        waits = self.flight is not None and not self.flight.done()
        self.due = math.inf if waits else max(self.wake, self.process.stopped_until)


@dataclass(frozen=True)
class SignedOut:
    """A sign-out that has returned: whose credential's, when, and of which grants."""

    session: SimSession
    at: float
    grants: frozenset[Grant]


@dataclass
class World:
    """Everything there is. Build one with a seed, add processes and tasks, and ``run`` it.

    Attributes:
        overlaps: prompts for one user at one time, through one store.
        needless: prompts in spite of a usable refresh token.
        strangers: tokens of another account than the one that was chosen.
        ghosts: tokens of an account that had been signed out.
        on_server: whether caches are on a server, instead of files.
        set_back_at: when the wall clock was set back last.
        sign_outs: how many were begun; ``signed_out`` has those that ended well.
        disturbed: when a server went away, or failed over.
        blind: refreshes with what the server holds, while it is away.
    """

    seed: int
    odds: Odds = Odds()
    on_server: bool = False
    now: float = 0.0
    offset: float = 0.0
    jumped_at: float = -math.inf
    set_back_at: float = -math.inf
    running: SimProcess | None = None
    arrived: object = None
    schedule: list[str] = field(default_factory=list)
    tasks: list[SimTask] = field(default_factory=list)
    processes: list[SimProcess] = field(default_factory=list)
    waiting: list[SimTask] = field(default_factory=list)
    requests: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    prompting: dict[tuple[str, int], SimTask] = field(default_factory=dict)
    signed_out: list[SignedOut] = field(default_factory=list)
    sign_outs: int = 0
    sent: int = 0
    prompts: int = 0
    stops: int = 0
    overlaps: list[str] = field(default_factory=list)
    needless: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    ghosts: list[str] = field(default_factory=list)
    disturbed: list[float] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - a seeded schedule, not a secret
        self.authority = SimAuthority(self)
        self._stores: dict[str, dict[bool, TokenStore]] = {}

    @property
    def wall(self) -> float:
        """Return the wall clock that processes see, in Unix seconds."""
        return EPOCH + self.now + self.offset

    def stores_at(self, place: str) -> dict[bool, TokenStore]:
        """Return the two stores of a place; on a server, one store holds both caches."""
        if place not in self._stores:
            server: TokenStore = SimServer(self)
            two: dict[bool, TokenStore] = {False: SimStore(self), True: SimStore(self)}
            self._stores[place] = {False: server, True: CaeSection(server)} if self.on_server else two
        return self._stores[place]

    def disturb(self, event: str) -> None:
        """Note that a server went away, or failed over."""
        self.note(event)
        self.disturbed.append(self.now)

    def was_disturbed(self, *, since: float) -> bool:
        """Return whether a server went away, or failed over, since then."""
        return bool(self.disturbed) and self.disturbed[-1] >= since

    def chance(self, probability: float) -> bool:
        """Return whether something of that probability happens now."""
        return probability > 0 and self.random.random() < probability

    def note(self, event: str) -> None:
        """Write an event into the schedule, which a failure prints."""
        self.schedule.append(f"{self.now:9.2f}  {event}")

    def process(
        self, name: str, *, may_ask: bool = True, node: str = "node", place: str = "home", empty: bool = False
    ) -> SimProcess:
        """Start a process with a credential of Ada's; with ``empty``, without one."""
        process = SimProcess(name, self, node, born=self.now)
        self.processes.append(process)
        if not empty:
            process.credential(may_ask=may_ask, place=place)
        return process

    def task(
        self,
        process: SimProcess,
        scope: str = "https://r/.default",
        *,
        cae: bool = False,
        at: float = 0.0,
        session: SimSession | None = None,
    ) -> SimTask:
        """Let a process ask for a token at some time."""
        request = TokenRequest((scope,), rows.TENANT, enable_cae=cae)
        return self._add(process, session or process.session, request, at, self._live)

    def sign_out(self, session: SimSession, process: SimProcess, *, at: float) -> SimTask:
        """Let a process sign its user out at some time."""
        return self._add(process, session, TokenRequest(("-",), rows.TENANT), at, self._sign_out)

    def run(self, *, until: float = 4000.0) -> None:
        """Take one step after the other until every task has ended whose process lives, and is not stopped for good."""
        self._find_waiting(until)
        while self.waiting:
            soonest = max(min(map(_DUE, self.waiting)), self.now)
            assert soonest < math.inf, "everybody waits for somebody: a deadlock"
            assert soonest <= until, f"not ended after {until} s: {[task.name for task in self.waiting]}"
            if self._answers_before(soonest):
                continue
            self.now = soonest
            due = [task for task in self.waiting if task.due <= soonest]
            if not self._step(self.random.choice(due)):
                self._find_waiting(until)

    def _find_waiting(self, until: float) -> None:
        self.waiting = [task for task in self.tasks if not task.ended and task.process.goes_on(until)]

    def _add(
        self,
        process: SimProcess,
        session: SimSession,
        request: TokenRequest,
        at: float,
        live: Callable[[SimTask], Generator[object, object, Any]],
    ) -> SimTask:
        task = SimTask(f"{process.name}/{len(self.tasks)}", process, session, request, _nothing(), wake=at)
        task.life = live(task)
        task.find_due()
        self.tasks.append(task)
        return task

    def _answers_before(self, soonest: float) -> bool:
        """Let the authority answer the request that arrives next, if that is before anything else."""
        if not self.requests or self.requests[0][0] > soonest:
            return False
        at, _, arrive = heapq.heappop(self.requests)
        self.now = max(self.now, at)
        arrive()
        return True

    def _step(self, task: SimTask) -> bool:
        """Take a task's next step, or let something happen to its process; False if either may have ended."""
        if self.chance(self.odds.jump):
            before, self.offset, self.jumped_at = self.offset, self.random.uniform(-7200, 7200), self.now
            self.set_back_at = self.now if self.offset < before else self.set_back_at
            self.note(f"the clock jumps to {self.offset:+.0f} s")
        if self.chance(self.odds.death):
            self._die(task.process)
            return False
        if self.stops < self.odds.most_stops and self.chance(self.odds.stop):
            self.stops += 1
            seconds = self.random.uniform(0.1, self.odds.stopped_for)
            task.process.stop(self.now, seconds)
            self.note(f"{task.process.name} is stopped for {seconds:.0f} s")
            for each in self.waiting:
                each.find_due()
            return False
        self.running = task.process
        task.started = self.now if task.started is None else task.started
        answer = task.flight.result() if task.flight is not None else task.answer
        task.flight, task.answer = None, None
        try:
            next_step = task.life.send(answer)
        except StopIteration as stop:
            task.ended, task.outcome = True, stop.value
            self.note(f"{task.name} ends: {_shown(stop.value)}")
            self._judge(task)
            return False
        self._perform(task, next_step)
        task.find_due()
        return True

    def _perform(self, task: SimTask, step: object) -> None:
        if not isinstance(step, (_Until, _JoinedFlight)):
            self.note(f"{task.name}: {type(step).__name__}")
        task.wake = self.now + self.random.uniform(0, 0.01)
        if isinstance(step, Sleep):
            task.wake = self.now + step.seconds
        elif isinstance(step, _Until):
            task.wake = step.at
        elif isinstance(step, _JoinedFlight):
            task.flight = step.future
            step.future.add_done_callback(lambda _future: task.find_due())
        elif isinstance(step, _Answer):
            task.answer = step.value

    def _die(self, process: SimProcess) -> None:
        process.alive = False
        self.note(f"{process.name} dies")
        for key in [key for key, task in self.prompting.items() if task.process is process]:
            del self.prompting[key]

    def _judge(self, task: SimTask) -> None:
        """Look at what a caller got: whose it is, and whether it should be gone."""
        if not isinstance(task.outcome, StoredToken):
            return
        grant = self.authority.access_tokens[task.outcome.secret.reveal()]
        if grant.user != task.session.user:
            self.strangers.append(f"{task.name} of {task.session.user} got a token of {grant.user}")
        for gone in self.signed_out:
            concerned = task.session is gone.session or task.process.born > gone.at
            if grant in gone.grants and concerned and task.started is not None and task.started > gone.at:
                self.ghosts.append(f"{task.name} got a token that was signed out at {gone.at:.2f}")

    # -- what a driver does, step by step

    def _live(self, task: SimTask) -> Generator[object, object, StoredToken | Failure]:
        session = task.session

        def sign_in(request: TokenRequest, started: float, now: float) -> Flow[Tokens | Failure]:
            return self._sign_in(task, request, started, now)

        flow = acquire.acquire(task.request, sign_in, may_ask=session.config.may_ask)
        return (yield from self._drive(task, flow, StepHandler(session)))

    def _sign_out(self, task: SimTask) -> Generator[object, object, None]:
        session = task.session
        yield _Answer(None)
        self.sign_outs += 1
        grants = {self.authority.usable.get(secret) for cae in (False, True) for secret in self._stored(session, cae)}
        grants |= {self.authority.access_tokens[entry.stored.secret.reveal()] for entry in session.memory.values()}
        try:
            sign_out(session, None)
        except (StoreError, ValueError) as error:
            self.note(f"{task.name} cannot sign out: {error}")
            return
        theirs = frozenset(grant for grant in grants if grant is not None and grant.user == session.user)
        self.signed_out.append(SignedOut(session, self.now, theirs))

    def _drive(self, task: SimTask, flow: Flow[Any], handler: StepHandler) -> Generator[object, object, Any]:
        try:
            step = next(flow)
            while True:
                answer = yield from self._answer(task, step, handler)
                step = flow.send((self.now, answer))
        except StopIteration as stop:
            handler.release(None)
            return stop.value

    def _answer(self, task: SimTask, step: Step[Any], handler: StepHandler) -> Generator[object, object, object]:
        if isinstance(step, Sleep):
            return (yield step)
        if isinstance(step, JoinFlight):
            flight = handler.join(step)
            if flight is None:
                return (yield _Answer(FlightRole.LEAD))
            return (yield _JoinedFlight(flight)) if step.wait else (yield _Answer(FlightRole.BUSY))
        yield step
        if isinstance(step, Exchange):
            return (yield from self._exchange(task, step, handler))
        answer = None if isinstance(step, (Show, Notify, FinishSignIn)) else handler.perform(step)
        if isinstance(step, ReadCache) and isinstance(answer, CacheSnapshot):
            task.seen[step.cae] = task.session.refresh_tokens(answer.state, cae=step.cae)
        return answer

    def _exchange(self, task: SimTask, step: Exchange[Any], handler: StepHandler) -> Generator[object, object, object]:
        """Send a request, which the authority answers whatever becomes of the process, and wait for the reply."""
        self._look_for_blind(task, step)
        sent, replies = self.now, [LOST]
        at_authority = self.now + self.random.uniform(0, self.odds.latency / 2)
        back = at_authority + self.random.uniform(0, self.odds.latency / 2)

        def arrive() -> None:
            replies[0] = self._served(task, step)

        self.sent += 1
        heapq.heappush(self.requests, (at_authority, self.sent, arrive))
        yield _Until(back)
        self.arrived = replies[0]
        answer = handler.exchange(step)
        if self.now - sent <= step.wait(handler.session.limits):
            return answer
        # It came when nobody waited for it any more: the process was stopped.
        self.note(f"{task.name}: a late reply")
        handler.on_late_result(step)(answer)
        return handler.on_timeout(step)

    def _served(self, task: SimTask, step: Exchange[Any]) -> Any:
        if self.chance(self.odds.lost_request):
            self.note(f"{task.name}: a request is lost")
            return LOST
        answer: object
        match step:
            case Begin():
                answer = self.authority.code(task.session.user)
            case Poll(request, code):
                answer = self.authority.poll(code, request)
            case _:
                assert isinstance(step, Redeem)
                answer = self.authority.redeem(step.refresh_token.reveal(), step.request, task.process)
        self.note(f"{task.name}: the authority answers {_answered(answer)}")
        if self.chance(self.odds.lost_reply):
            self.note(f"{task.name}: a reply is lost")
            if isinstance(step, Redeem) and step.refresh_token.reveal() in self.authority.spent:
                self.authority.spent[step.refresh_token.reveal()].lost = True
            return LOST
        return answer

    def _sign_in(self, task: SimTask, request: TokenRequest, started: float, now: float) -> Flow[Tokens | Failure]:
        """Prompt the task's user, and note what a prompt must not be."""
        key = (task.session.user, id(task.session.stores))
        self._look_for_overlap(task, self.prompting.get(key))
        if _shares(task):
            self.prompting[key] = task
        self.prompts += 1
        self._look_for_needless(task)
        outcome = yield from device_code.sign_in(request, started=started, timeout=None, now=now)
        if self.prompting.get(key) is task:
            del self.prompting[key]
        return outcome

    def _look_for_overlap(self, task: SimTask, other: SimTask | None) -> None:
        """Note two prompts at one time, for users of whom each could use the other's sign-in."""
        if other is None or not _shares(task) or other.process.was_stopped_for(0.0, since=self.now - 901):
            return
        if self.was_disturbed(since=self.now - 901):
            return  # the lease is lost
        if self.jumped_at > self.now - 901:
            return  # how long the other prompt lives cannot be told by a clock that was set
        self.overlaps.append(f"{other.name} and {task.name}")

    def _look_for_blind(self, task: SimTask, step: Exchange[Any]) -> None:
        """Note a refresh of a process that cannot know whether another one does the same."""
        server = task.session.stores[False]
        if isinstance(server, SimServer) and isinstance(step, Redeem):
            stopped = task.process.was_stopped_for(0.0, since=server.away_since)
            if not stopped and server.is_used_blindly(step.refresh_token.reveal()):
                self.blind.append(f"{task.name} at {self.now:.2f}")

    def _look_for_needless(self, task: SimTask) -> None:
        """Note a prompt although the process has seen, in its last look, a refresh token that is usable still."""
        if not may_use_cache(task.session.who) or self.was_disturbed(since=self.now - LONGEST_OUTAGE):
            return
        there = {secret for cae in (False, True) for secret in self._stored(task.session, cae)}
        seen = there & set().union(*task.seen.values())
        usable = {secret for secret in seen if self._is_usable(secret, task.session.user)}
        if usable:
            self.needless.append(f"{task.name} asks at {self.now:.2f} with {sorted(usable)} in the cache")

    def _is_usable(self, secret: str, user: str) -> bool:
        grant = self.authority.usable.get(secret)
        return grant is not None and grant.user == user

    def _stored(self, session: SimSession, cae: bool) -> set[str]:  # noqa: FBT001 - one of two caches
        """Return the refresh tokens that one cache of a credential holds for its user."""
        return session.refresh_tokens(session.cache(cae=cae).state(), cae=cae)


@dataclass
class _JoinedFlight:
    future: Any


@dataclass
class _Answer:
    value: object


@dataclass
class _Until:
    at: float


def _shares(task: SimTask) -> bool:
    """Tell whether a caller's credential could use the sign-in of another process, whoever signs in there."""
    who = task.session.who
    return who.adopts and who.username is None


def _nothing() -> Generator[object, object, Any]:
    raise AssertionError
    yield


def _answered(answer: object) -> str:
    error = getattr(answer, "error", None)
    token = getattr(answer, "token", None)
    shown = token.secret.reveal() if token is not None else type(answer).__name__
    return str(error) if isinstance(error, str) else shown


def _shown(outcome: StoredToken | Failure | None) -> str:
    if outcome is None:
        return "nothing"
    return outcome.secret.reveal() if isinstance(outcome, StoredToken) else outcome.reason.name
