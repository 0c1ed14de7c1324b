"""Keep a secret out of every text: tokens, codes and keys are passed around as this type."""

from __future__ import annotations

from typing import Final, NoReturn, final

SHOWN: Final = "[secret]"


@final
class Secret:
    """Hold a secret string whose ``repr``, ``str`` and format never show it.

    Equal to another Secret with the same content; refuses to be pickled.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the secret itself; call it only to send it, to store it or to give it to the caller."""
        return self.__value

    def __repr__(self) -> str:
        return SHOWN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__value == other.__value

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __reduce__(self) -> NoReturn:
        message = "a secret cannot be pickled"
        raise TypeError(message)


class SecretDict(dict[str, object]):
    """Hold a reply or a part of a token cache; its ``repr`` shows the keys and no value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: {SHOWN}' for name in self)}}}"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        message = "a reply that holds tokens cannot be pickled"
        raise TypeError(message)
