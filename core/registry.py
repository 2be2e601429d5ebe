"""A small registry that refuses duplicates, and the walk that fills it from the modules of a package."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Declared things by name, in the order of their names."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> T:
        """Raises ValueError when the name is taken by another declaration."""
        if name in self._items and self._items[name] is not item:
            raise ValueError(f"There are two {self.what}s named {name!r}.")
        self._items[name] = item
        return item

    def get(self, name: str) -> T:
        """Raises LookupError that lists the names there are."""
        try:
            return self._items[name]
        except KeyError:
            raise LookupError(f"There is no {self.what} named {name!r}. There are: {', '.join(sorted(self._items))}.") from None

    def remove(self, name: str) -> None:
        """Forget a declaration, as a test does with the one it made."""
        del self._items[name]

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[T]:
        return iter([self._items[name] for name in sorted(self._items)])

    def names(self) -> list[str]:
        return sorted(self._items)


def discover(package: str) -> None:
    """Import every module of a package, so that what they declare is registered."""
    for module in iter_modules(import_module(package).__path__, f"{package}."):
        import_module(module.name)
