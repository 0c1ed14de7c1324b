"""After sign_out() has returned, the account is out: whatever was under way meanwhile, here or in another process."""

from __future__ import annotations

import base64
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from doorcode import AuthenticationRecord, AuthenticationRequiredError, TokenCachePersistenceOptions, cache, errors
from doorcode._session.accounts.stored import sign_out
from doorcode._session.session import Session
from doorcode.cache import StoreUnavailable
from doorcode.cache._every_store import EveryStore
from doorcode.cache._process_caches import MemoryCache
from doorcode.cache._token_cache import StoredCache
from doorcode.emulator import Emulator, ServerError
from support.signing import GRACE, OTHER, PATIENCE, SCOPE, outcome, start

Methods: TypeAlias = "tuple[tuple[type[Any], str], ...]"
KEY = b"k" * 32
READS = tuple((cls, name) for cls in (StoredCache, MemoryCache) for name in ("state", "borrowed"))
WRITES = (
    (StoredCache, "commit"),
    (MemoryCache, "commit"),
    (Session, "remember"),
    (Session, "use_account"),
)
REMOVALS = (StoredCache, "remove"), (MemoryCache, "remove"), (EveryStore, "clear")
MOST = 200


class Seams:
    """Let something happen at one of the moments at which a flow touches what it shares.

    Args:
        monkeypatch: puts itself in front of the methods.
        reads: methods after which there is a moment.
        writes: methods before and after which there is one.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, reads: Methods = READS, writes: Methods = WRITES) -> None:
        self._at = self._passed = 0
        self._work: Callable[[], object] | None = None
        self.over = False
        """Whether there was no such moment any more."""
        for cls, name in (*reads, *writes):
            monkeypatch.setattr(cls, name, self._watched(getattr(cls, name), (cls, name) in writes))

    @contextmanager
    def at(self, number: int, work: Callable[[], object]) -> Iterator[None]:
        """Do something at the moment of that number, from 0."""
        self._at, self._passed, self._work = number, 0, work
        yield
        self.over, self._work = self._work is not None, None

    def _watched(self, method: Callable[..., Any], writes: bool) -> Callable[..., Any]:  # noqa: FBT001
        @functools.wraps(method)
        def watched(*args: Any, **options: Any) -> Any:
            if writes:
                self._pass()
            result = method(*args, **options)
            self._pass()
            return result

        return watched

    def _pass(self) -> None:
        if self._passed == self._at and self._work is not None:
            work, self._work = self._work, None
            work()
        self._passed += 1


def moments(seams: Seams, once: Callable[[int], None]) -> None:
    """Try every moment that a flow has."""
    for number in range(MOST):
        once(number)
        if seams.over:
            assert number, "something happened at least once"
            return
    pytest.fail("a flow has no end of moments")


@pytest.fixture(params=["memory", "persistent"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], dict[str, Any]]:
    """Give the options of credentials that share one cache, or have one of their own in memory; new each time."""
    if request.param == "memory":
        return dict
    places = iter(range(MOST))

    def fresh() -> dict[str, Any]:
        place = tmp_path / f"cache-{next(places)}"
        return {"cache_persistence_options": TokenCachePersistenceOptions(path=place, encryption_key=KEY)}

    return fresh


def signed_out(credential: Any) -> bool:
    """Return whether a credential that may not ask has nothing to hand out."""
    requests = [(scope, cae) for scope in (SCOPE, OTHER) for cae in (False, True)]
    answers = [outcome(functools.partial(credential.get_token, scope, enable_cae=cae)) for scope, cae in requests]
    return credential.accounts() == () and all(isinstance(answer, AuthenticationRequiredError) for answer in answers)


UNDER_WAY: dict[str, Callable[[Any], Any]] = {
    "a lookup": lambda credential: credential.get_token(SCOPE),
    "a refresh": lambda credential: credential.get_token(OTHER),
    "a refresh for clients that handle claims challenges": lambda credential: credential.get_token(
        OTHER, enable_cae=True
    ),
}


@pytest.mark.parametrize("call", UNDER_WAY.values(), ids=UNDER_WAY)
def test_a_call_under_way_keeps_nothing(
    make: Any, options: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, call: Callable[[Any], Any]
) -> None:
    """Whatever the call has read already, nothing of it is stored or handed out later."""
    seams = Seams(monkeypatch)

    def once(number: int) -> None:
        given = options()
        credential = make(**given, disable_automatic_authentication=True)
        credential.authenticate(scopes=[SCOPE])
        credential._memory.clear()  # so that the call looks further
        with seams.at(number, lambda: sign_out(credential._session, None)):
            outcome(lambda: call(credential))
        if not seams.over:
            assert signed_out(credential), number
            if given:
                assert signed_out(make(**given, disable_automatic_authentication=True)), number

    moments(seams, once)


@pytest.mark.parametrize("call", UNDER_WAY.values(), ids=UNDER_WAY)
def test_a_call_during_the_sign_out_keeps_nothing(
    make: Any, options: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, call: Callable[[Any], Any]
) -> None:
    """Between the removal from one cache and from the other, the account is half there."""
    seams = Seams(monkeypatch, (), REMOVALS)

    def once(number: int) -> None:
        given = options()
        credential = make(**given, disable_automatic_authentication=True)
        credential.authenticate(scopes=[SCOPE])
        credential.get_token(SCOPE, enable_cae=True)
        with seams.at(number, lambda: outcome(lambda: call(credential))):
            sign_out(credential._session, None)
        assert signed_out(credential), number
        if given:
            assert signed_out(make(**given, disable_automatic_authentication=True)), number

    moments(seams, once)


class Lock:
    """A lock that tells when a thread asks for it.

    Args:
        asked: called before a thread takes it, or waits for it.
    """

    def __init__(self, asked: Callable[[], object]) -> None:
        self._lock = threading.RLock()
        self._asked = asked

    def __enter__(self) -> None:
        self._asked()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_a_second_sign_out_waits_for_the_first(
    make_sync: Any, options: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds no account that is half removed, of which it would say that the credential may not use it."""
    seams = Seams(monkeypatch, (), REMOVALS)

    def once(number: int) -> None:
        credential = make_sync(**options(), disable_automatic_authentication=True)
        credential.authenticate(scopes=[SCOPE])
        second: list[Any] = []
        first, waits = threading.current_thread(), threading.Event()
        lock = Lock(lambda: None if threading.current_thread() is first else waits.set())
        monkeypatch.setattr(credential._session.sign_outs, "_one_at_a_time", lock)

        def sign_out_again() -> None:
            second.append(start(credential.sign_out))
            second[0].add_done_callback(lambda _: waits.set())
            waits.wait(PATIENCE)

        with seams.at(number, sign_out_again):
            credential.sign_out()
        for each in second:
            each.result(PATIENCE)
        assert signed_out(credential), number

    moments(seams, once)


def test_a_refresh_under_way_leaves_a_new_sign_in_alone(
    make_sync: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed out and in again meanwhile: what the old grant brought goes into neither cache."""
    seams = Seams(monkeypatch, (), ((StoredCache, "commit"),))  # all of them after the refresh token was redeemed

    def once(number: int) -> None:
        options = TokenCachePersistenceOptions(path=tmp_path / f"c{number}", encryption_key=KEY)
        credential = make_sync(cache_persistence_options=options, disable_automatic_authentication=True)
        credential.authenticate(scopes=[SCOPE])
        credential.get_token(SCOPE, enable_cae=True)
        signed_in: list[set[str]] = []

        def anew() -> None:
            credential.sign_out()
            for cae in (False, True):
                credential.authenticate(scopes=[SCOPE], enable_cae=cae, force_prompt=True)
            signed_in.append(grants(credential))

        with seams.at(number, anew):
            outcome(lambda: credential.get_token(OTHER))
        assert seams.over or grants(credential) == signed_in[0], number

    moments(seams, once)


def grants(credential: Any) -> set[str]:
    """Return the refresh tokens that are stored."""
    states = [credential._session.cache(cae=cae).state() for cae in (False, True)]
    return {row["secret"] for state in states for row in state.get("RefreshToken", {}).values()}


SIGN_INS: dict[str, Callable[[Any], Any]] = {
    "get_token": lambda credential: credential.get_token(SCOPE),
    "authenticate": lambda credential: credential.authenticate(scopes=[SCOPE], force_prompt=True),
}


@pytest.mark.parametrize("known", [False, True], ids=["no account is signed in", "the account is signed in"])
@pytest.mark.parametrize("call", SIGN_INS.values(), ids=SIGN_INS)
def test_a_sign_in_under_way_keeps_nothing(
    make: Any, options: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, call: Callable[[Any], Any], *, known: bool
) -> None:
    """The user approves a code that was shown before the program signed them out."""
    seams = Seams(monkeypatch)

    def once(number: int) -> None:
        given = options()
        credential = make(**given)
        if known:
            credential.authenticate(scopes=[OTHER])
        with seams.at(number, lambda: sign_out(credential._session, None)):
            outcome(lambda: call(credential))
        asked = len(make.approver.prompts)
        credential.get_token(SCOPE)
        if not seams.over:
            # A sign-in that began after the sign-out counts; nothing older does.
            again = len(make.approver.prompts) - asked
            assert again <= 1
            assert not again or len(credential.accounts()) == 1

    moments(seams, once)


def test_a_prompt_that_is_open_signs_nobody_in(make: Any, options: Callable[[], Any], authority: Emulator) -> None:
    """The call says that its account was signed out; the next one asks again, and counts."""
    given = options()
    credential = make(**given, prompt_callback=LATER)
    LATER.then = lambda user_code: (sign_out(credential._session, None), authority.approve(user_code))
    for call in SIGN_INS.values():
        with pytest.raises(errors.SignInCancelledError, match="signed the account out"):
            call(credential)
        assert credential.accounts() == ()
    LATER.then = authority.approve
    credential.get_token(SCOPE)
    assert len(credential.accounts()) == 1


class Later:
    """A prompt callback whose work is chosen by the test."""

    then: Callable[[str], object]

    def __call__(self, uri: str, user_code: str, expires_on: object) -> None:
        self.then(user_code)


LATER = Later()


def waited(make: Any, credential: Any, pending: Any) -> AuthenticationRecord:
    """Wait for the end of a sign-in in two steps, on the loop of an asyncio one."""
    record: AuthenticationRecord = credential._done(pending.wait()) if make.kind == "aio" else pending.wait()
    return record


@pytest.mark.parametrize("method", ["begin", "resume"])
def test_a_code_that_was_handed_out_signs_nobody_in(
    make: Any, options: Callable[[], Any], authority: Emulator, method: str
) -> None:
    """A sign-in in two steps that began before the sign-out ends without an account."""
    credential = make(**options(), prompt_callback=None, disable_automatic_authentication=True)
    pending = credential.begin(scopes=[SCOPE])
    if method == "resume":
        pending = credential.resume(pending.serialize())
    credential.sign_out()
    authority.approve(pending.user_code)
    with pytest.raises(errors.SignInCancelledError, match="signed the account out"):
        waited(make, credential, pending)
    assert signed_out(credential)


def test_another_accounts_sign_in_goes_on(make: Any, options: Callable[[], Any], authority: Emulator) -> None:
    """Signing Ada out does not end Grace's sign-in."""
    credential = make(**options(), prompt_callback=None)
    graces, adas = (credential.begin(scopes=[SCOPE]) for _ in range(2))
    authority.approve(adas.user_code)
    credential.sign_out(waited(make, credential, adas))
    authority.approve(graces.user_code, GRACE)
    waited(make, credential, graces)
    assert [account.username for account in credential.accounts()] == [GRACE]
    assert credential.get_token(SCOPE).token


def test_a_valid_token_whose_refresh_fails_is_not_remembered(
    make: Any,
    authority: Emulator,
    shift: Callable[[float], None],
    options: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call that goes on with the token that it has, because the authority is away, may finish and keeps nothing."""
    authority.configure(refresh_in=600)
    credential = make(**options(), disable_automatic_authentication=True, retry_total=0)
    credential.authenticate(scopes=[SCOPE])
    shift(1200)
    authority.faults.queue("token:refresh_token", ServerError())
    monkeypatch.setattr(Session, "warn", lambda session, _: sign_out(session, None))
    assert credential.get_token(SCOPE).token
    assert signed_out(credential)


def sign_out_of_cache(_: Session, options: TokenCachePersistenceOptions) -> None:
    """Sign every account out without a credential."""
    for account in cache.accounts(options):
        cache.sign_out(account, options)


OUT: dict[str, Callable[[Session, TokenCachePersistenceOptions], None]] = {
    "of the credential": lambda session, _: sign_out(session, None),
    "of the cache": sign_out_of_cache,
    "by a clearing of the cache": lambda _, options: cache.clear(options),
}


class TestAnotherProcess:
    """Another credential object stands for another process: it shares the cache alone."""

    @pytest.mark.parametrize("cae", [False, True])
    @pytest.mark.parametrize("call", UNDER_WAY.values(), ids=UNDER_WAY)
    def test_brings_nothing_back(
        self,
        make: Any,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        call: Callable[[Any], Any],
        *,
        cae: bool,
    ) -> None:
        """Wherever its call stands when this process signs the account out, the cache stays without it."""
        seams = Seams(monkeypatch)

        def once(number: int) -> None:
            options = TokenCachePersistenceOptions(path=tmp_path / f"c{number}", encryption_key=KEY)
            ours, theirs = (
                make(cache_persistence_options=options, disable_automatic_authentication=True) for _ in range(2)
            )
            ours.authenticate(scopes=[SCOPE], enable_cae=cae)
            with seams.at(number, lambda: sign_out(ours._session, None)):
                outcome(lambda: call(theirs))
            if not seams.over:
                assert cache.accounts(options) == (), number
                assert signed_out(make(cache_persistence_options=options, disable_automatic_authentication=True))

        moments(seams, once)

    @pytest.mark.parametrize("remove", OUT.values(), ids=OUT)
    @pytest.mark.parametrize("cae", [False, True])
    @pytest.mark.parametrize("call", UNDER_WAY.values(), ids=UNDER_WAY)
    def test_brings_nothing_back_during_the_sign_out(
        self,
        make: Any,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        call: Callable[[Any], Any],
        remove: Callable[[Session, TokenCachePersistenceOptions], None],
        *,
        cae: bool,
    ) -> None:
        """Its whole call may fall between the removal from one cache and from the other."""
        seams = Seams(monkeypatch, (), REMOVALS)

        def once(number: int) -> None:
            options = TokenCachePersistenceOptions(path=tmp_path / f"c{number}", encryption_key=KEY)
            ours, theirs = (
                make(cache_persistence_options=options, disable_automatic_authentication=True) for _ in range(2)
            )
            ours.authenticate(scopes=[SCOPE], enable_cae=cae)
            with seams.at(number, lambda: outcome(lambda: call(theirs))):
                remove(ours._session, options)
            assert cache.accounts(options) == (), number

        moments(seams, once)

    @pytest.mark.parametrize("call", [SIGN_INS["authenticate"], UNDER_WAY["a refresh"]], ids=["sign-in", "refresh"])
    def test_stores_nothing_later_that_could_not_be_stored_before(
        self, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[Any], Any]
    ) -> None:
        """What waits in memory for a full disk to have room is not of an account that was signed out meanwhile."""
        options = TokenCachePersistenceOptions(path=tmp_path / "c", encryption_key=KEY)
        ours, theirs = (make(cache_persistence_options=options) for _ in range(2))
        ours.authenticate(scopes=[SCOPE])
        theirs.get_token(SCOPE)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("os.fsync", full)
            call(theirs)
        ours.sign_out()
        make.person = GRACE
        theirs.authenticate(scopes=[SCOPE], force_prompt=True)
        assert [account.username for account in cache.accounts(options)] == [GRACE]


class TestEveryStore:
    """The same program signed a user in with a key of the environment, and without: into two stores of one name."""

    @pytest.fixture
    def signed_in(self, make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
        def refuse() -> None:
            raise StoreUnavailable("the kernel's keyring is blocked here")

        monkeypatch.setattr("doorcode.cache._ciphers.keyctl.key_calls", refuse)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)

        def new(**more: Any) -> Any:
            options = TokenCachePersistenceOptions(allow_unencrypted_storage=True)
            return make(cache_persistence_options=options, disable_automatic_authentication=True, **more)

        new().authenticate(scopes=[SCOPE])
        monkeypatch.setenv("DOORCODE_CACHE_KEY", base64.b64encode(KEY).decode())
        new().authenticate(scopes=[SCOPE])
        return new

    def test_is_signed_out_of(self, signed_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """By a credential that has used one of them, or none yet."""
        credential = signed_in()
        assert len(credential.accounts()) == 1
        credential.sign_out()
        assert signed_out(signed_in())
        monkeypatch.delenv("DOORCODE_CACHE_KEY")
        assert signed_out(signed_in())

    def test_is_signed_out_of_though_it_came_later(
        self, signed_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A credential that has its cache open already looks again at what there is."""
        monkeypatch.delenv("DOORCODE_CACHE_KEY")
        credential = signed_in()
        assert credential.get_token(SCOPE).token
        monkeypatch.setenv("DOORCODE_CACHE_KEY", base64.b64encode(KEY).decode())
        credential.sign_out()
        assert signed_out(signed_in())

    @pytest.mark.parametrize("opened", [False, True])
    def test_is_an_error_where_one_cannot_be_looked_into(
        self, signed_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, *, opened: bool
    ) -> None:
        """It is named; the account is out of everything else, and of this credential."""
        monkeypatch.delenv("DOORCODE_CACHE_KEY")
        credential = signed_in()
        if opened:
            assert credential.get_token(SCOPE).token
        with pytest.raises(cache.StoreError, match=r"msal\.cache\.nocae\.keyed"):
            credential.accounts()
        with pytest.raises(cache.StoreError, match=r"msal\.cache\.nocae\.keyed"):
            credential.sign_out()
        for other in (credential, signed_in()):
            with pytest.raises(AuthenticationRequiredError):
                other.get_token(SCOPE)

    def test_is_no_matter_to_a_program_without_a_home(self, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its tokens are in memory."""
        monkeypatch.setattr("doorcode.cache._select.home_of_user", lambda: None)
        monkeypatch.setenv("HOME", "")
        credential = make(
            cache_persistence_options=TokenCachePersistenceOptions(), disable_automatic_authentication=True
        )
        credential.authenticate(scopes=[SCOPE])
        assert len(credential.accounts()) == 1
        credential.sign_out()
        assert signed_out(credential)


def test_threads_that_never_stop_asking(make: Any, options: Callable[[], Any]) -> None:
    """Many threads ask all the time, switched as often as can be: none gets a token that it asked for afterwards."""
    given = options()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(10):
            credential = make(**given, disable_automatic_authentication=True)
            credential.authenticate(scopes=[SCOPE])
            out, end = threading.Event(), threading.Event()

            def ask(out: threading.Event = out, end: threading.Event = end, credential: Any = credential) -> int:
                late = 0
                while not end.is_set():
                    afterwards = out.is_set()
                    for scope in (SCOPE, OTHER):
                        got = outcome(lambda scope=scope: credential.get_token(scope))  # type: ignore[misc]
                        late += afterwards and not isinstance(got, AuthenticationRequiredError)
                return late

            asking = [start(ask) for _ in range(4)]
            credential.sign_out()
            out.set()
            assert signed_out(credential)
            end.set()
            assert sum(future.result(PATIENCE) for future in asking) == 0
    finally:
        sys.setswitchinterval(interval)
