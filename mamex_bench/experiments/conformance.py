"""All that a learner owes, checked on small games: `mamex-bench check-learner`, line by line."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mamex_bench import catalogue
from mamex_bench.errors import NotApplicableError
from mamex_bench.experiments import duties
from mamex_bench.experiments.subjects import Broken, Subject, subject, words
from mamex_bench.experiments.trials import TRIALS
from mamex_bench.model.concepts import CONCEPTS
from mamex_bench.words import count

__all__ = ["CHECKS", "FAILED", "NOT_APPLICABLE", "OK", "Line", "Subject", "check", "subject"]

OK, FAILED, NOT_APPLICABLE = "ok", "failed", "not applicable"


@dataclass(frozen=True)
class Line:
    """One check's result: its name, "ok", "failed" or "not applicable", and what was seen."""

    name: str
    status: str
    detail: str


CHECKS: Mapping[str, Callable[..., str]] = {
    "repeats": duties.repeats,  # before any other run
    "protocol": duties.protocol,
    "probabilities": duties.probabilities,
    "output": duties.output,
    "fused loop": duties.fused,
    "blocks": duties.blocks,
    "randomness": duties.randomness,
    "hands off the instance": duties.hands_off,
    "blind to the truth": duties.blind,
    "refuses": duties.refuses,
    "diagnostics": duties.diagnostics,
}


def check(who: Subject, families: Sequence[str] | None = None) -> Iterator[Line]:
    """Every check of a learner, one line after another; those on games name where they were made.

    families: names of registered families to run on; None for all.

    Raises:
        InputError: an unknown family.
    """
    chosen = catalogue.names() if families is None else list(families)
    for name in chosen:
        catalogue.REGISTRY.load(name)
    yield _line("guarantee", lambda: duties.guarantee(who))
    yield _line("options", lambda: duties.options(who))
    usable = [name for name in TRIALS if _usable(who, name)]
    for name, function in CHECKS.items():
        yield _over_trials(name, function, who, usable)
    for name in chosen:
        yield _line(f"family {name}", lambda name=name: duties.family(who, name))  # type: ignore[misc]


def _usable(who: Subject, name: str) -> bool:
    """Whether the learner exists there under any concept; what breaks in making it is shown."""
    for concept in CONCEPTS:
        try:
            who.make(TRIALS[name](), concept)
        except NotApplicableError:
            continue
        except Exception:
            return True
        return True
    return False


def _over_trials(
    name: str, function: Callable[..., str], who: Subject, usable: Sequence[str]
) -> Line:
    """One line for a check on all trial games and concepts that apply; it stops at a failure."""
    passed: dict[str, list[str]] = {}
    detail, reason = "", "it applies to none of the small games"
    for place in usable:
        for concept in CONCEPTS:
            # Made anew: what a bad learner does to an instance stays with the check that sees it.
            line = _line(name, lambda: function(who, TRIALS[place](), concept))  # noqa: B023
            if line.status == FAILED:
                return Line(name, FAILED, f"on {place}, {concept}: {line.detail}")
            if line.status == OK:
                passed.setdefault(place, []).append(concept)
                detail = line.detail
            else:
                reason = line.detail
    if not passed:
        return Line(name, NOT_APPLICABLE, reason)
    games, cases = len(passed), sum(map(len, passed.values()))
    return Line(name, OK, f"{detail}; {count(games, 'game')}, {count(cases, 'case')}")


def _line(name: str, function: Callable[[], str]) -> Line:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return Line(name, OK, function())
    except NotApplicableError as reason:
        return Line(name, NOT_APPLICABLE, str(reason))
    except Broken as error:
        return Line(name, FAILED, str(error))
    except Exception as error:
        return Line(name, FAILED, words(error))
