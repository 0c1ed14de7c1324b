"""A base for frozen values that imports faster than ``dataclass(frozen=True, slots=True)`` and behaves the same.

``dataclasses`` generates and compiles six functions for every class at import: 0.3 ms a class, which was most of the
time that importing this package took. Here all classes share functions that read the list of fields.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["dataclass"]

_UNSET: Final = ...
_put: Final = object.__setattr__


def _value(*, frozen: bool, slots: bool) -> Callable[[type[T]], type[T]]:
    """Make a class whose objects hold fields that never change.

    Args:
        frozen: always True; type checkers read it.
        slots: always True, likewise.
    """
    assert frozen, "only values are made here"
    assert slots, "only values are made here"
    return _made


def _made(cls: type[T]) -> type[T]:
    assert cls.__doc__, "without one, dataclasses makes it out of the signature, which costs more than all else here"
    made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    own = vars(made)
    for name, function in _SHARED.items():
        if name not in own:
            setattr(made, name, function)
    return made


def _fields(value: object) -> tuple[dataclasses.Field[object], ...]:
    return dataclasses.fields(value)  # type: ignore[arg-type] # its class was made above


def _init(self: object, *args: object, **kwargs: object) -> None:
    names: tuple[str, ...] = type(self).__match_args__  # type: ignore[attr-defined] # as made above
    if len(args) > len(names):
        message = f"{type(self).__name__}() takes {len(names)} fields and got {len(args)}"
        raise TypeError(message)
    for name, content in zip(names, args):  # noqa: B905 - checked above; the keyword costs as much as a field
        _put(self, name, content)
    if len(args) < len(names) or kwargs:
        _init_by_name(self, names[len(args) :], kwargs)


def _init_by_name(self: object, names: tuple[str, ...], given: dict[str, object]) -> None:
    fields: dict[str, dataclasses.Field[object]] = type(self).__dataclass_fields__  # type: ignore[attr-defined] # likewise
    for name in names:
        field = fields[name]
        if name in given:
            _put(self, name, given.pop(name))
        elif field.default is not dataclasses.MISSING:
            _put(self, name, field.default)
        elif field.default_factory is not dataclasses.MISSING:
            _put(self, name, field.default_factory())
        else:
            message = f"{type(self).__name__}() misses its field {name!r}"
            raise TypeError(message)
    if given:
        message = f"{type(self).__name__}() was given {', '.join(given)} once too often, or has no such field"
        raise TypeError(message)


def _repr(self: object) -> str:
    # The object may be incomplete: if its constructor failed, a crash reporter shows it from the constructor's frame.
    shown = (f"{field.name}={getattr(self, field.name, _UNSET)!r}" for field in _fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: object, other: object) -> object:
    if type(self) is not type(other):
        return NotImplemented
    return all(getattr(self, field.name) == getattr(other, field.name) for field in _fields(self) if field.compare)


def _hash(self: object) -> int:
    counted = (field for field in _fields(self) if (field.compare if field.hash is None else field.hash))
    return hash(tuple(getattr(self, field.name) for field in counted))


def _frozen(self: object, name: str, value: object = None) -> None:  # noqa: ARG001 - as __setattr__ and __delattr__
    raise dataclasses.FrozenInstanceError(f"{name!r} of a {type(self).__name__} cannot be changed")


def _reduce(self: object) -> tuple[type, tuple[object, ...]]:
    return type(self), tuple(getattr(self, field.name) for field in _fields(self))


_SHARED: Final = {
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _frozen,
    "__delattr__": _frozen,
    "__reduce__": _reduce,
}
if not TYPE_CHECKING:
    # Type checkers see the standard library's decorator, so that they know the fields and arguments.
    dataclass = _value
