"""A small world of processes, credentials and people, one store and one authority, under a virtual clock.

The code under test is the real one: the flows, ``Session``, ``Turn``, ``Flights`` and ``StoredCache``. What is
simulated is around it: the scheduler, which interleaves the flows step by step as its seed says, the authority, the
store's bytes and the person. Every step is one event; between two of them a process may die.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any

from doorcode._config import Config
from doorcode._core.authorities import Authority
from doorcode._core.flows import acquire, device_code
from doorcode._core.msal_cache.lookup import StoredToken
from doorcode._core.msal_cache.rows import stored_token
from doorcode._core.replies.identity import Identity
from doorcode._core.replies.parse import DeviceCode, Endpoint, Fault, FaultKind, ServiceError
from doorcode._core.secret import Secret, SecretDict
from doorcode._core.steps import (
    AskUser,
    Begin,
    Failure,
    FlightRole,
    Flow,
    JoinFlight,
    Notify,
    Poll,
    Redeem,
    Show,
    Sleep,
    Step,
    TokenRequest,
    Tokens,
)
from doorcode._session.session import Session
from doorcode._session.step_handler import StepHandler, TokenResult
from doorcode.cache._errors import StoreError
from doorcode.cache._protocol import Conflict, Lease, Loaded, Stamp
from doorcode.cache._token_cache import StoredCache, TokenCache
from support import rows
from support.virtual import code as a_code

EPOCH = 1_700_000_000.0
LOST = Fault(FaultKind.TIMEOUT, Endpoint.TOKEN, "No answer in time")


@dataclass(frozen=True)
class Odds:
    """How often things go wrong, each as a probability per event.

    Attributes:
        lost_request: the authority never sees a request.
        lost_reply: it answers, and the answer is lost.
        death: a process dies.
        store_fault: the store refuses a write.
        jump: the wall clock jumps, by up to two hours.
        decline: the person says no.
        slow: the person takes longer than the code lives.
    """

    lost_request: float = 0.0
    lost_reply: float = 0.0
    death: float = 0.0
    store_fault: float = 0.0
    jump: float = 0.0
    decline: float = 0.0
    slow: float = 0.0


@dataclass
class SimStore:
    """The bytes of one cache, shared by every process; compare-and-set, and leases that end with their process."""

    world: World
    data: bytes | None = None
    version: int = 0
    leases: dict[str, SimProcess] = field(default_factory=dict)

    encrypted = True

    def load(self) -> Loaded:
        return Loaded(self.data, self.stamp())

    def stamp(self) -> Stamp:
        return None if self.data is None else str(self.version)

    def save(self, data: bytes, expected: Stamp) -> Stamp | Conflict:
        if self.world.chance(self.world.odds.store_fault):
            self.world.note("the store refuses a write")
            raise StoreError("disk full")
        if expected != self.stamp():
            return Conflict(self.data, self.stamp())
        self.data, self.version = data, self.version + 1
        return self.stamp()

    def delete(self) -> None:
        self.data, self.version = None, self.version + 1

    def describe(self) -> str:
        return "the simulated store"

    def lease(self, name: str, seconds: float) -> Lease | None:
        del seconds
        holder = self.leases.get(name)
        if holder is not None and holder.alive:
            return None
        process = self.world.running
        assert process is not None
        self.leases[name] = process
        return SimLease(self, name, process)


@dataclass
class SimLease:
    """A lease of the simulated store."""

    store: SimStore
    name: str
    process: SimProcess

    def release(self) -> None:
        if self.store.leases.get(self.name) is self.process:
            del self.store.leases[self.name]


@dataclass
class SimAuthority:
    """One account at one authority, whose refresh tokens may be spent once."""

    world: World
    issued: int = 0
    current: set[str] = field(default_factory=set)
    spent: dict[str, SimProcess] = field(default_factory=dict)
    codes: dict[str, tuple[float, float]] = field(default_factory=dict)
    double_spends: list[str] = field(default_factory=list)

    def code(self) -> DeviceCode:
        world = self.world
        self.issued += 1
        name = f"DC{self.issued}"
        wait = world.random.uniform(3, 60) if not world.chance(world.odds.slow) else 2000.0
        code = replace(a_code(5, 900, name), expires_on=world.wall + 900)
        self.codes[name] = (world.now + wait, world.now + 900)
        return code

    def poll(self, code: DeviceCode, request: TokenRequest) -> Tokens | ServiceError:
        name = code.device_code.reveal()
        approved, lapses = self.codes.get(name, (0.0, 0.0))
        if name not in self.codes:
            return ServiceError("bad_verification_code")
        if self.world.now > lapses:
            return ServiceError("expired_token")
        if self.world.now < approved:
            return ServiceError("authorization_pending")
        del self.codes[name]
        if self.world.chance(self.world.odds.decline):
            return ServiceError("authorization_declined")
        return self.issue(request)

    def redeem(self, secret: str, request: TokenRequest) -> Tokens | ServiceError:
        process = self.world.running
        assert process is not None
        if secret in self.spent:
            if self.spent[secret].alive and not self.spent[secret].lost_reply:
                self.double_spends.append(f"{secret}, first by {self.spent[secret].name}, then by {process.name}")
            return ServiceError("invalid_grant")
        if secret not in self.current:
            return ServiceError("invalid_grant")
        self.current.discard(secret)
        self.spent[secret] = process
        return self.issue(request)

    def issue(self, request: TokenRequest) -> Tokens:
        self.issued += 1
        access, refresh = f"AT{self.issued}", f"RT{self.issued}"
        self.current.add(refresh)
        made = rows.rows(
            self.world.wall, access_token=access, refresh_token=refresh, scope=" ".join(request.scopes), expires_in=3600
        )
        row = next(iter(made["AccessToken"].values()))
        token = stored_token(row)
        assert token is not None
        return Tokens(token, Identity(rows.ACCOUNT, rows.TENANT, "ada@contoso.example"), SecretDict(), made)


class SimApplication:
    """The three requests, as ``_msal.Application`` makes them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def begin(self, request: TokenRequest, within: float) -> DeviceCode | Fault:
        del request, within
        code = self._exchange(self._world.authority.code)
        assert isinstance(code, (DeviceCode, Fault))
        return code

    def poll(self, request: TokenRequest, code: DeviceCode, within: float) -> Any:
        del within
        return self._exchange(lambda: self._world.authority.poll(code, request))

    def redeem(
        self, request: TokenRequest, refresh_token: Secret, home_account_id: str, within: float, *, repeat: bool
    ) -> Any:
        del home_account_id, within, repeat
        return self._exchange(lambda: self._world.authority.redeem(refresh_token.reveal(), request))

    def _exchange(self, serve: Callable[[], object]) -> object:
        world = self._world
        if world.chance(world.odds.lost_request):
            world.note("a request is lost")
            return LOST
        answer = serve()
        if world.chance(world.odds.lost_reply):
            world.note("a reply is lost")
            assert world.running is not None
            world.running.lost_reply = True
            return LOST
        return answer


class SimSession(Session):
    """A credential's session in a simulated process."""

    def __init__(self, world: World, config: Config) -> None:
        self._world = world
        super().__init__(config, clock=lambda: world.wall)

    @property
    def application(self) -> Any:
        return SimApplication(self._world)

    def _open(self, *, cae: bool) -> TokenCache:
        return StoredCache(self._world.stores[cae], (), lambda _message: None)


@dataclass
class SimProcess:
    """A process with one credential."""

    name: str
    session: SimSession
    alive: bool = True
    lost_reply: bool = False


@dataclass
class SimTask:
    """One caller of get_token in a process: the stack of its flows, and what it waits for."""

    name: str
    process: SimProcess
    request: TokenRequest
    life: Generator[object, object, StoredToken | Failure]
    started: float
    wake: float = 0.0
    landing: Any = None
    answer: object = None
    outcome: StoredToken | Failure | None = None

    @property
    def ready(self) -> bool:
        """Return whether its next step may be taken now."""
        return self.landing is None or self.landing.done()


@dataclass
class World:
    """Everything there is. Build one with a seed, add processes and tasks, and ``run`` it."""

    seed: int
    odds: Odds = Odds()
    now: float = 0.0
    offset: float = 0.0
    running: SimProcess | None = None
    schedule: list[str] = field(default_factory=list)
    tasks: list[SimTask] = field(default_factory=list)
    prompting: dict[str, SimTask] = field(default_factory=dict)
    prompts: int = 0
    overlaps: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - a seeded schedule, not a secret
        self.authority = SimAuthority(self)
        self.stores = {False: SimStore(self), True: SimStore(self)}

    @property
    def wall(self) -> float:
        """Return the wall clock that processes see, in Unix seconds."""
        return EPOCH + self.now + self.offset

    def chance(self, probability: float) -> bool:
        """Return whether something of that probability happens now."""
        return probability > 0 and self.random.random() < probability

    def note(self, event: str) -> None:
        """Write an event into the schedule, which a failure prints."""
        self.schedule.append(f"{self.now:9.2f}  {event}")

    def process(self, name: str, *, may_ask: bool = True) -> SimProcess:
        """Start a process with a credential."""
        config = Config("Sim", rows.CLIENT, Authority(rows.HOST), rows.TENANT, may_ask=may_ask)
        return SimProcess(name, SimSession(self, config))

    def task(
        self, process: SimProcess, scope: str = "https://r/.default", *, cae: bool = False, at: float = 0.0
    ) -> SimTask:
        """Let a process ask for a token at some time."""
        request = TokenRequest((scope,), rows.TENANT, enable_cae=cae)
        name = f"{process.name}/{len(self.tasks)}"
        task = SimTask(name, process, request, _nothing(), started=at, wake=at)
        task.life = self._live(task)
        self.tasks.append(task)
        return task

    def run(self, *, until: float = 4000.0) -> None:
        """Take one step after the other until every task of a living process has ended."""
        while True:
            waiting = [task for task in self.tasks if task.outcome is None and task.process.alive]
            if not waiting:
                return
            ready = [task for task in waiting if task.ready]
            assert ready, "everybody waits for somebody: a deadlock"
            soonest = min(max(task.wake, self.now) for task in ready)
            assert soonest <= until, f"not ended after {until} s: {[task.name for task in waiting]}"
            self.now = soonest
            due = [task for task in ready if task.wake <= self.now]
            self._step(self.random.choice(due))

    def _step(self, task: SimTask) -> None:
        if self.chance(self.odds.jump):
            self.offset = self.random.uniform(-7200, 7200)
            self.note(f"the clock jumps to {self.offset:+.0f} s")
        if self.chance(self.odds.death):
            self._die(task.process)
            return
        self.running = task.process
        answer = task.landing.result() if task.landing is not None else task.answer
        task.landing, task.answer = None, None
        try:
            next_step = task.life.send(answer)
        except StopIteration as stop:
            task.outcome = stop.value
            self.note(f"{task.name} ends: {_shown(stop.value)}")
            return
        self._perform(task, next_step)

    def _perform(self, task: SimTask, step: object) -> None:
        self.note(f"{task.name}: {type(step).__name__}")
        task.wake = self.now + self.random.uniform(0, 0.01)
        if isinstance(step, Sleep):
            task.wake = self.now + step.seconds
        elif isinstance(step, _Landing):
            task.landing = step.future
        elif isinstance(step, _Answer):
            task.answer = step.value

    def _die(self, process: SimProcess) -> None:
        process.alive = False
        self.note(f"{process.name} dies")
        for key in [key for key, task in self.prompting.items() if task.process is process]:
            del self.prompting[key]

    # -- what a shell does, step by step

    def _live(self, task: SimTask) -> Generator[object, object, StoredToken | Failure]:
        session = task.process.session
        flow = acquire.acquire(task.request, may_ask=session.config.may_ask)
        return (yield from self._drive(task, flow, StepHandler(session)))

    def _drive(self, task: SimTask, flow: Flow[Any], turn: StepHandler) -> Generator[object, object, Any]:
        try:
            step = next(flow)
            while True:
                answer = yield from self._answer(task, step, turn)
                step = flow.send((self.now, answer))
        except StopIteration as stop:
            turn.release(None)
            return stop.value

    def _answer(self, task: SimTask, step: Step[Any], turn: StepHandler) -> Generator[object, object, object]:
        if isinstance(step, Sleep):
            return (yield step)
        if isinstance(step, JoinFlight):
            landing = turn.join(step)
            if landing is None:
                return (yield _Answer(FlightRole.LEAD))
            return (yield _Landing(landing)) if step.wait else (yield _Answer(FlightRole.BUSY))
        if isinstance(step, AskUser):
            return (yield from self._ask(task, step, turn))
        yield step
        if isinstance(step, (Begin, Poll, Redeem)):
            return turn.exchange(step)
        return None if isinstance(step, (Show, Notify)) else turn.perform(step)

    def _ask(self, task: SimTask, step: AskUser, turn: StepHandler) -> Generator[object, object, object]:
        key = step.request.tenant_id
        other = self.prompting.get(key)
        if other is not None:
            self.overlaps.append(f"{other.name} and {task.name}")
        self.prompting[key] = task
        self.prompts += 1
        nested = StepHandler(turn.session)
        flow = device_code.sign_in(step.request, started=self.now, timeout=None)
        outcome = yield from self._drive(task, flow, nested)
        self.prompting.pop(key, None)
        if isinstance(outcome, Failure):
            return outcome
        yield step
        return turn.signed_in(TokenResult(outcome), step.request)


@dataclass
class _Landing:
    future: Any


@dataclass
class _Answer:
    value: object


def _nothing() -> Generator[object, object, StoredToken | Failure]:
    raise AssertionError
    yield


def _shown(outcome: StoredToken | Failure) -> str:
    return outcome.secret.reveal() if isinstance(outcome, StoredToken) else outcome.reason.name
