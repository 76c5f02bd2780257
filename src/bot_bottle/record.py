"""A drop-in `dataclass` for frozen, keyword-only records that is made ten times faster.

`dataclasses.dataclass` compiles six methods for every class, 0.5 to 0.8 ms a class on Python 3.11: for the records of a start
that was a third of its time. The records made here share closures instead. They work with `dataclasses.fields`, `replace` and
`asdict`; type checkers see the real decorator. Anything but `frozen=True, kw_only=True` goes to the real one.
"""

import sys
from collections.abc import Callable
from copy import copy
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from dataclasses import dataclass as real_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

Class = TypeVar("Class", bound=type)


@real_dataclass(frozen=True, kw_only=True)
class _Template:
    """Lends its `Field` and its parameters, so that nothing private is made up here."""

    field: int = 0


_FIELD = fields(_Template)[0]

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414  # exported to the type checker
else:

    def dataclass(cls=None, **options):
        """As `dataclasses.dataclass`; `slots` is for the type checker alone."""
        options.pop("slots", None)
        if cls is not None or options != {"frozen": True, "kw_only": True} or sys.version_info >= (3, 14):
            return real_dataclass(cls, **options) if cls is not None else real_dataclass(**options)
        return make_record


def make_record(cls: Class) -> Class:
    """Turn a class with annotations into a record."""
    every = {
        name: one for base in reversed(cls.__mro__[1:]) for name, one in base.__dict__.get("__dataclass_fields__", {}).items()
    }
    for name, kind in cls.__dict__.get("__annotations__", {}).items():  # noqa: RUF063  # `inspect` takes 9 ms to import
        if "ClassVar" not in str(kind):
            every[name] = _make_field(cls, name, kind)
    methods = _methods(cls, every)
    for name, method in methods.items():
        if name not in cls.__dict__ or cls.__dict__[name] is None:  # `__hash__` is None where a class defines `__eq__`
            setattr(cls, name, method)
    cls.__dataclass_fields__ = every  # type: ignore[attr-defined]  # what `dataclasses.fields` reads
    cls.__dataclass_params__ = _Template.__dataclass_params__  # type: ignore[attr-defined]  # frozen, for subclasses
    return cls


def _make_field(cls: type, name: str, kind: object) -> "Field[Any]":  # Any: a field of any type
    given = cls.__dict__.get(name, MISSING)
    made = copy(_FIELD)
    source = given if isinstance(given, Field) else None
    made.name, made.type = name, kind
    made.default = source.default if source else given
    made.default_factory = source.default_factory if source else MISSING
    if source:
        made.repr, made.compare, made.hash = source.repr, source.compare, source.hash
        if source.default is MISSING:
            delattr(cls, name)
        else:
            setattr(cls, name, source.default)
    return made


def _methods(cls: type, every: "dict[str, Field[Any]]") -> dict[str, Callable[..., Any]]:  # Any: closures over any record
    defaults = {name: one.default for name, one in every.items() if one.default is not MISSING}
    factories = {name: one.default_factory for name, one in every.items() if one.default_factory is not MISSING}
    needed = frozenset(every) - defaults.keys() - factories.keys()
    names = frozenset(every)
    compared = tuple(name for name, one in every.items() if one.compare)
    shown = tuple(name for name, one in every.items() if one.repr)
    after = hasattr(cls, "__post_init__")

    def __init__(self: Any, **values: Any) -> None:  # Any: the record's own fields
        if not needed <= values.keys() <= names:
            _complain(cls, missing=needed - values.keys(), unknown=values.keys() - names)
        held = self.__dict__
        held.update(defaults)
        for name, factory in factories.items():
            if name not in values:
                held[name] = factory()
        held.update(values)
        if after:
            self.__post_init__()

    def __repr__(self: Any) -> str:  # Any: a record
        return f"{type(self).__qualname__}({', '.join(f'{name}={self.__dict__[name]!r}' for name in shown)})"

    def __eq__(self: Any, other: object) -> bool:  # Any: a record
        if type(other) is not type(self):
            return NotImplemented
        return all(self.__dict__[name] == other.__dict__[name] for name in compared)

    def __hash__(self: Any) -> int:  # Any: a record
        return hash(tuple(self.__dict__[name] for name in compared))

    made: dict[str, Callable[..., Any]] = {"__init__": __init__, "__repr__": __repr__, "__eq__": __eq__, "__hash__": __hash__}
    return made | _FROZEN


def _complain(cls: type, *, missing: frozenset[str], unknown: set[str]) -> None:
    words = [f"needs {', '.join(sorted(missing))}"] if missing else []
    words += [f"has no {', '.join(sorted(unknown))}"] if unknown else []
    raise TypeError(f"{cls.__qualname__} {' and '.join(words)}")


def _no_set(self: object, name: str, _: object) -> None:
    raise FrozenInstanceError(f"{type(self).__qualname__}.{name} cannot be changed")


def _no_delete(self: object, name: str) -> None:
    raise FrozenInstanceError(f"{type(self).__qualname__}.{name} cannot be removed")


_FROZEN: dict[str, Callable[..., Any]] = {"__setattr__": _no_set, "__delattr__": _no_delete}
