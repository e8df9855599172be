"""What a measure returns: an interval, how it was found, and of which published definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from math import isclose
from time import perf_counter
from typing import Any, ParamSpec

from mamex_bench.errors import InputError
from mamex_bench.words import html_table

Arguments = ParamSpec("Arguments")

# Ends this close to one another, relatively, are one number up to rounding.
SAME = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class Measurement:
    """An interval that holds a complexity measure of an instance.

    Attributes:
        measure: registered name.
        instance: name of the instance.
        lower, upper: the ends; equal when the value is exact.
        method: in a few words, where the ends come from.
        definition: the published definition that is computed, and its source.
        options: what the measure was asked for, for example scale or family.
        certificate: data behind the ends, by name.
        seconds: wall-clock time.
    """

    measure: str
    instance: str
    lower: float
    upper: float
    method: str
    definition: str
    options: Mapping[str, Any] = field(default_factory=dict)
    certificate: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if not self.lower <= self.upper + SAME * max(1.0, abs(self.upper)):
            raise AssertionError(f"{self.measure}: lower {self.lower} above upper {self.upper}")

    @property
    def exact(self) -> bool:
        """Whether both ends are the same number, up to rounding."""
        return isclose(self.lower, self.upper, rel_tol=SAME, abs_tol=SAME)

    @property
    def value(self) -> float:
        """The exact value; InputError where there is only an interval."""
        if not self.exact:
            raise InputError(
                f"{self.measure} of {self.instance!r} is known only to lie in {self.interval}: "
                "use lower and upper"
            )
        return self.upper

    @property
    def interval(self) -> str:
        """'3' or '[2, 5]'."""
        if self.exact:
            return f"{self.upper:.6g}"
        return f"[{self.lower:.6g}, {self.upper:.6g}]"

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"{self.measure}({self.instance!r}{options}) = {self.interval} by {self.method}"

    def _repr_html_(self) -> str:
        rows = {
            "value" if self.exact else "interval": self.interval,
            **{key: repr(value) for key, value in self.options.items()},
            "by": self.method,
            "definition": self.definition,
            "seconds": f"{self.seconds:.3g}",
        }
        return html_table(f"{self.measure.replace('_', ' ')} of {self.instance}", rows)


def timed(measure: Callable[Arguments, Measurement]) -> Callable[Arguments, Measurement]:
    """The same measure, its wall-clock time filled in."""

    @wraps(measure)
    def clocked(*arguments: Arguments.args, **options: Arguments.kwargs) -> Measurement:
        start = perf_counter()
        found = measure(*arguments, **options)
        return replace(found, seconds=perf_counter() - start)

    return clocked


def positive(value: float, name: str) -> float:
    """A positive finite number, or InputError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(value, bool) or not 0.0 < number < float("inf"):
        raise InputError(f"{name} is {value!r}: expected a positive number")
    return number
