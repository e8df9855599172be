"""Tables of a TOML file, read key by key with messages that name file, key and allowed values."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from mamex_bench.errors import SuiteError


class Table:
    """One table of a suite: keys are taken one by one, and none may be left over."""

    def __init__(self, path: str, where: str, values: Mapping[str, Any]) -> None:
        self.path, self.where = path, where
        self._values = dict(values)
        self._taken: list[str] = []

    def called(self, where: str) -> None:
        kind, _, id = where.partition(" ")
        self.where = f"[[{kind}]] {id}: "

    def error(self, message: str) -> SuiteError:
        return SuiteError(f"{self.path}: {self.where}{message}")

    def _take(self, key: str, expected: str, default: Any, fits: Any) -> Any:
        self._taken.append(key)
        if key not in self._values:
            if default is _REQUIRED:
                raise self.error(f"{key} is missing: expected {expected}")
            return default
        value = self._values.pop(key)
        if not fits(value):
            raise self.error(f"{key} is {written(value)}: expected {expected}")
        return value

    def string(self, key: str, default: Any) -> Any:
        return self._take(key, "a string", default, lambda v: isinstance(v, str))

    def identifier(self, key: str) -> str:
        expected = "a name of letters, digits, '_', '-' and '.'"

        def fits(value: Any) -> bool:
            return (
                isinstance(value, str)
                and bool(value)
                and all(c.isascii() and (c.isalnum() or c in "_-.") for c in value)
            )

        return self._take(key, expected, _REQUIRED, fits)

    def whole(self, key: str, default: int) -> int:
        return self._take(key, _WHOLE, default, is_whole)

    def whole_or_list(self, key: str, default: int) -> int | list[int]:
        def fits(value: Any) -> bool:
            if not isinstance(value, list):
                return is_whole(value)
            return bool(value) and all(map(is_whole, value)) and len(set(value)) == len(value)

        expected = f"{_WHOLE}, or a list of different ones"
        return self._take(key, expected, default, fits)

    def probability(self, key: str, default: float) -> float:
        expected = "a number strictly between 0 and 1"
        return float(self._take(key, expected, default, lambda v: is_number(v) and 0 < v < 1))

    def strings(self, key: str, default: Any) -> Any:
        def fits(value: Any) -> bool:
            several = isinstance(value, list) and bool(value)
            return isinstance(value, str) or (several and all(isinstance(v, str) for v in value))

        value = self._take(key, "a string or a list of at least one", default, fits)
        return [value] if isinstance(value, str) else value

    def names(self) -> list[str]:
        """The keys that have not been taken."""
        return list(self._values)

    def mapping(self, key: str) -> dict[str, Any]:
        return self._take(key, "a table { ... }", {}, lambda v: isinstance(v, dict))

    def any(self, key: str) -> Any:
        return self._take(key, "", None, lambda _: True)

    def tables(self, key: str) -> list[Table]:
        def fits(value: Any) -> bool:
            several = isinstance(value, list) and bool(value)
            return several and all(isinstance(v, dict) for v in value)

        found = self._take(key, f"at least one table [[{key}]]", _REQUIRED, fits)
        return [
            Table(self.path, f"[[{key}]] number {number}: ", values)
            for number, values in enumerate(found, start=1)
        ]

    def one_of(self, key: str, value: str, allowed: Collection[str]) -> None:
        if value not in allowed:
            choices = ", ".join(allowed) or "nothing"
            hint = nearest(value, allowed)
            raise self.error(f"{key} is {written(value)}: expected one of {choices}{hint}")

    def rest(self, allowed: Collection[str]) -> dict[str, Any]:
        """What is left, its keys among `allowed`."""
        self._refuse_unknown(allowed)
        return self._values

    def finish(self) -> None:
        self._refuse_unknown(())

    def _refuse_unknown(self, further: Collection[str]) -> None:
        known = [*self._taken, *further]
        for key in self._values:
            if key not in further:
                raise self.error(
                    f"unknown key {key!r}: expected one of {', '.join(known)}{nearest(key, known)}"
                )


_REQUIRED = object()
_LARGEST = 10**12
_WHOLE = "a whole number from 1 to 10^12"


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def written(value: Any) -> str:
    """A value roughly as TOML writes it."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return str(value)


def nearest(word: str, allowed: Collection[str]) -> str:
    close = difflib.get_close_matches(word, list(allowed), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
