"""Functions in the place of built-in ones."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class StandIn:
    """A function in the place of a built-in one: like that it becomes no method of a class that it is an attribute of, and it
    is pickled by its name."""

    __name__: str

    def __init__(self, original: "Callable[..., Any]", function: "Callable[..., Any]") -> None:
        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            vars(self)[name] = getattr(original, name)
        self.__wrapped__, self.function = original, function

    def __call__(self, /, *args: "Any", **keywords: "Any") -> "Any":
        return self.function(*args, **keywords)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce__(self) -> str:
        return self.__name__
