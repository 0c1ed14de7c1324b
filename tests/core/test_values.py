"""Values are as those of ``dataclass(frozen=True, slots=True)``."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from doorcode._core.values import field, replace, value_class


@value_class(frozen=True, slots=True)
class Ours:
    """A value of ours."""

    name: str
    size: int = 1
    options: dict[str, int] = field(default_factory=dict, hash=False, repr=False)

    @property
    def twice(self) -> int:
        return 2 * self.size


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    """The same by the standard library."""

    name: str
    size: int = 1
    options: dict[str, int] = dataclasses.field(default_factory=dict, hash=False, repr=False)


def both(use: Callable[[Any], object]) -> tuple[object, object]:
    """Return what becomes of the one class and of the other."""
    return outcome(use, Ours), outcome(use, Theirs)


def outcome(use: Callable[[Any], object], cls: type) -> object:
    """Return what is shown of a result, or the class of the exception."""
    try:
        return str(use(cls)).replace("Theirs", "Ours")
    except Exception as error:  # noqa: BLE001 - the kind of it is compared
        return type(error)


USES: dict[str, Callable[[Any], object]] = {
    "by place": lambda cls: cls("a", 2, {"x": 1}),
    "by name": lambda cls: cls(size=2, name="a"),
    "by default": lambda cls: (cls("a"), cls("a").options),
    "missing": lambda cls: cls(),
    "too many": lambda cls: cls("a", 1, {}, 4),
    "twice": lambda cls: cls("a", name="b"),
    "unknown": lambda cls: cls("a", other=1),
    "equal": lambda cls: (cls("a") == cls("a"), cls("a") != cls("b"), cls("a") == "a"),
    "options count": lambda cls: cls("a", 1, {}) == cls("a", 1, {"x": 1}),
    "hash": lambda cls: hash(cls("a", 1, {"x": 1})) == hash(cls("a", 1, {})),
    "set": lambda cls: setattr(cls("a"), "name", "b"),
    "delete": lambda cls: delattr(cls("a"), "name"),
    "replace": lambda cls: dataclasses.replace(cls("a"), size=3),
    "fields": lambda cls: [
        (each.name, str(each.type), each.default, each.default_factory, each.repr, each.hash, each.compare, each.init)
        for each in dataclasses.fields(cls)
    ],
    "fields of an object": lambda cls: [each.name for each in dataclasses.fields(cls("a"))],
    "is one": lambda cls: (dataclasses.is_dataclass(cls), dataclasses.is_dataclass(cls("a"))),
    "as a tuple": lambda cls: dataclasses.astuple(cls("a")),
    "replace with an unknown name": lambda cls: dataclasses.replace(cls("a"), other=3),
    "as a dict": lambda cls: dataclasses.asdict(cls("a")),
    "match": lambda cls: cls.__match_args__,
    "slots": lambda cls: hasattr(cls("a"), "__dict__"),
    "copy": lambda cls: copy.deepcopy(cls("a", 1, {"x": 1})).options,
    "pickle": lambda cls: pickle.loads(pickle.dumps(cls("a", 2))),  # noqa: S301 - made here
}


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_a_value_is_as_the_standard_librarys(use: Callable[[Any], object]) -> None:
    """The same result, or an exception of the same kind."""
    ours, theirs = both(use)
    assert ours == theirs


@value_class(frozen=True, slots=True)
class Larger(Ours):
    """A value with the fields of another, one of which has another default."""

    kind: ClassVar[str] = "larger"
    size: int = 2
    extra: str = "x"


def test_a_class_inherits_fields_in_their_order() -> None:
    """A field that is defined again keeps its place; a class variable is no field."""
    assert repr(Larger("a", extra="y")) == "Larger(name='a', size=2, extra='y')"
    assert [each.name for each in dataclasses.fields(Larger)] == ["name", "size", "options", "extra"]
    assert (Larger.kind, Larger("a").twice, hasattr(Larger("a"), "__dict__")) == ("larger", 4, False)
    assert Larger("a") != Ours("a", 2)


def test_one_field_is_replaced() -> None:
    """The others stay, and the value is of the same class."""
    assert replace(Larger("a", extra="y"), size=3) == Larger("a", 3, extra="y")
    with pytest.raises(TypeError, match="no such field"):
        replace(Ours("a"), other=1)  # type: ignore[call-arg]


def test_what_a_class_defines_itself_stays() -> None:
    """Its own methods are not written over."""

    @value_class(frozen=True, slots=True)
    class Told:
        """Shows itself."""

        name: str

        def __repr__(self) -> str:
            return "told"

    assert repr(Told("a")) == "told"
    assert Ours("a", 2).twice == 4
