"""A decorator for frozen values that imports faster than ``dataclass(frozen=True, slots=True)`` and behaves the same.

``dataclasses`` imports ``inspect``, generates and compiles six functions for every class, and makes each class twice.
That was most of the time that importing this package took. Here all classes share functions that read the fields.
``dataclasses`` is imported when a caller first asks it about a value, with ``dataclasses.fields`` for example.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

__all__ = ["field", "replace", "value_class"]

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as value_class
    from dataclasses import field, replace
    from typing import TypeVar

    T = TypeVar("T")

_UNSET: Final = ...
_MISSING: Final = object()
_put: Final = object.__setattr__


class _Field(NamedTuple):
    """One field of a class, with the arguments of ``dataclasses.field``."""

    annotation: str = ""
    default: Any = _MISSING
    default_factory: Any = _MISSING
    repr: bool = True
    hash: bool | None = None
    compare: bool = True


def _field(**arguments: Any) -> _Field:
    """Describe a field; see ``dataclasses.field``."""
    return _Field("", **arguments)


def _value_class(*, frozen: bool, slots: bool) -> Callable[[type[T]], type[T]]:
    """Make a class whose objects hold fields that never change.

    Args:
        frozen: always True; type checkers read it, because to them this is ``dataclasses.dataclass``.
        slots: always True, likewise.
    """
    assert frozen, "only values are made here"
    assert slots, "only values are made here"
    return _made


def _made(cls: type[T]) -> type[T]:
    namespace = dict(vars(cls))
    inherited = getattr(cls, "__value_fields__", {})
    fields: dict[str, _Field] = dict(inherited)
    for name, annotation in cls.__annotations__.items():
        if not annotation.startswith("ClassVar"):
            default = namespace.pop(name, _MISSING)
            assert type(default).__module__ != "dataclasses", "field comes from this module"
            described = default if isinstance(default, _Field) else _Field(default=default)
            fields[name] = described._replace(annotation=annotation)
    for name in ("__dict__", "__weakref__"):
        namespace.pop(name, None)
    namespace.update({name: function for name, function in _SHARED.items() if name not in namespace})
    namespace.update(
        __qualname__=cls.__qualname__,
        __slots__=tuple(name for name in fields if name not in inherited),
        __match_args__=tuple(fields),
        __value_fields__=fields,
    )
    made: type[T] = type(cls)(cls.__name__, cls.__bases__, namespace)  # type: ignore[misc] # a metaclass's call
    return made


class _OfDataclasses:
    """An attribute by which ``dataclasses`` knows its classes; it is made when it is first read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, value: object, owner: Any) -> object:
        import dataclasses

        fields: dict[str, _Field] = owner.__value_fields__
        described = [
            (
                name,
                each.annotation,
                dataclasses.field(
                    default=dataclasses.MISSING if each.default is _MISSING else each.default,
                    default_factory=(dataclasses.MISSING if each.default_factory is _MISSING else each.default_factory),
                    repr=each.repr,
                    hash=each.hash,
                    compare=each.compare,
                ),
            )
            for name, each in fields.items()
        ]
        twin = dataclasses.make_dataclass(
            owner.__name__, described, namespace={"__doc__": ""}, init=False, repr=False, eq=False
        )
        kept: object = getattr(twin, self._name)
        setattr(owner, self._name, kept)
        return kept


def _replace(value: T, /, **changes: object) -> T:
    """Return a value with other contents of some fields; see ``dataclasses.replace``."""
    kept = {name: getattr(value, name) for name in _fields(value) if name not in changes}
    return type(value)(**kept, **changes)


def _fields(value: object) -> dict[str, _Field]:
    made: Any = type(value)
    fields: dict[str, _Field] = made.__value_fields__
    return fields


def _init(self: object, *args: object, **kwargs: object) -> None:
    made: Any = type(self)
    names: tuple[str, ...] = made.__match_args__
    if len(args) > len(names):
        message = f"{type(self).__name__}() takes {len(names)} fields and got {len(args)}"
        raise TypeError(message)
    for name, content in zip(names, args):  # noqa: B905 - checked above; the keyword costs as much as a field
        _put(self, name, content)
    if len(args) < len(names) or kwargs:
        _init_by_name(self, names[len(args) :], kwargs)


def _init_by_name(self: object, names: tuple[str, ...], given: dict[str, object]) -> None:
    fields = _fields(self)
    for name in names:
        described = fields[name]
        if name in given:
            _put(self, name, given.pop(name))
        elif described.default is not _MISSING:
            _put(self, name, described.default)
        elif described.default_factory is not _MISSING:
            _put(self, name, described.default_factory())
        else:
            message = f"{type(self).__name__}() misses its field {name!r}"
            raise TypeError(message)
    if given:
        message = f"{type(self).__name__}() was given {', '.join(given)} once too often, or has no such field"
        raise TypeError(message)


def _repr(self: object) -> str:
    # The object may be incomplete: if its constructor failed, a crash reporter shows it from the constructor's frame.
    shown = (f"{name}={getattr(self, name, _UNSET)!r}" for name, each in _fields(self).items() if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: object, other: object) -> object:
    if type(self) is not type(other):
        return NotImplemented
    return all(getattr(self, name) == getattr(other, name) for name, each in _fields(self).items() if each.compare)


def _hash(self: object) -> int:
    fields = _fields(self).items()
    counted = (name for name, each in fields if (each.compare if each.hash is None else each.hash))
    return hash(tuple(getattr(self, name) for name in counted))


def _frozen(self: object, name: str, value: object = None) -> None:  # noqa: ARG001 - as __setattr__ and __delattr__
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"{name!r} of a {type(self).__name__} cannot be changed")


def _reduce(self: object) -> tuple[type, tuple[object, ...]]:
    return type(self), tuple(getattr(self, name) for name in _fields(self))


_SHARED: Final = {
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _frozen,
    "__delattr__": _frozen,
    "__reduce__": _reduce,
    "__replace__": _replace,
    "__dataclass_fields__": _OfDataclasses("__dataclass_fields__"),
    "__dataclass_params__": _OfDataclasses("__dataclass_params__"),
}
if not TYPE_CHECKING:
    # Type checkers see the standard library's, so that they know the fields and arguments.
    value_class, field, replace = _value_class, _field, _replace
