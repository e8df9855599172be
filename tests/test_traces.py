"""Every registered family is pinned by a readable trace of one seeded member.

`python tests/test_traces.py` writes tests/traces/ again, after a change that is meant; the
difference then says what has changed.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from test_catalogue import OWN, small

from mamex_bench.model.hypotheses import LinearValueClass, ModelClass, ValueClass

FOLDER = Path(__file__).with_name("traces")
REWRITE = "write it with `python tests/test_traces.py`"
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]\d+)?|-?\d+e[+-]\d+")
SEED, ENTRIES = 1, 6
# Members that are pinned besides the defaults: the name of the file, the family, its parameters.
VARIANTS = {"random_game_rewards": ("random_game", {"rewards": "random"})}
GOLDEN = 0.6180339887498949


def number(value):
    """Ten significant digits, always with a point, so that it is compared as a number."""
    return f"{float(value) + 0.0:#.10g}"


def checksum(array):
    """Sum of the entries with weights in [1, 2) that tell their places apart."""
    flat = np.asarray(array, dtype=np.float64).reshape(-1)
    weights = 1.0 + np.arange(1, flat.size + 1) * GOLDEN % 1.0
    return number(flat @ weights)


def some(array):
    """A few entries by their flat index, spread without a period that rows or diagonals share."""
    flat = np.asarray(array).reshape(-1)
    places = np.unique((np.arange(ENTRIES) * GOLDEN % 1.0 * flat.size).astype(int))
    return "  ".join(f"[{k}] {number(flat[k])}" for k in places)


def shape(array):
    return " x ".join(map(str, array.shape))


def hypothesis_lines(name, classes):
    if isinstance(classes, ModelClass):
        yield f"{name}: {classes.size} models, truth {classes.truth}"
        yield f"  sum {checksum(classes.transitions)}"
        if classes.rewards is not None:
            yield f"  means of rewards, sum {checksum(classes.rewards)}"
        yield from ignored_lines(classes)
    elif isinstance(classes, ValueClass):
        yield f"{name}: {' x '.join(str(len(each)) for each in classes.per_agent)} values"
        for i, values in enumerate(classes.per_agent):
            yield f"  agent {i}: sum {checksum(values)}"
        yield from ignored_lines(classes)
    elif isinstance(classes, LinearValueClass):
        yield f"{name}: linear, features {shape(classes.features)}"
        yield f"  sum {checksum(classes.features)}"
    else:
        raise TypeError(f"no trace for a {type(classes).__name__}")


def ignored_lines(classes):
    if classes.ignored_steps:
        yield f"  ignoring steps {' '.join(map(str, classes.ignored_steps))}"


def trace(instance):
    """The text that pins an instance."""
    game, policies = instance.game, instance.policies
    lines = [
        instance.name,
        "",
        f"agents {game.agents}, states {game.states}, horizon {game.horizon}, "
        f"actions {' x '.join(map(str, game.action_counts))}, "
        f"policies {' x '.join(map(str, policies.counts))}",
        f"return range {number(instance.return_range)}, "
        f"value bound {number(instance.value_bound())}",
        f"units: scale {some(game.units.scale)}, offset {some(game.units.offset)}",
        "",
        "known",
        *(f"  {key}: {number(k.value)} ({k.source})" for key, k in instance.known.items()),
        "",
        f"transition sum {checksum(game.transition)}",
        f"initial sum {checksum(game.initial)}",
        *(["rewards are random"] if game.random_rewards else []),
        *(f"reward of agent {i} sum {checksum(r)}" for i, r in enumerate(game.reward)),
        *(f"policies of agent {i} sum {checksum(t)}" for i, t in enumerate(policies.tables)),
    ]
    for i, own in enumerate(instance.payoffs):
        lines += [f"payoffs of agent {i} sum {checksum(own)}", f"  {some(own)}"]
    for name, classes in instance.hypotheses.items():
        lines += ["", *hypothesis_lines(name, classes)]
    return "\n".join(lines) + "\n"


def same_text(found, stored):
    """Equal words; numbers equal to ten digits, whatever the order of summation."""
    if NUMBER.split(found) != NUMBER.split(stored):
        return False
    pairs = zip(NUMBER.findall(found), NUMBER.findall(stored))
    return all(abs(float(a) - float(b)) <= 2e-9 * max(abs(float(b)), 1.0) for a, b in pairs)


def member(name):
    family, parameters = VARIANTS.get(name, (name, {}))
    return small(family, seed=SEED, **parameters)


# Families of other packages are pinned there, if at all.
@pytest.mark.parametrize("name", [*OWN, *VARIANTS])
def test_every_family_is_as_its_trace_says(name):
    path = FOLDER / f"{name}.txt"
    assert path.exists(), f"{name} has no trace in tests/traces: {REWRITE}"
    found, stored = trace(member(name)), path.read_text(encoding="utf-8")
    assert same_text(found, stored), f"{name} differs from its trace: {found}\nif meant, {REWRITE}"


def test_every_trace_belongs_to_a_family():
    assert {path.stem for path in FOLDER.glob("*.txt")} <= {*OWN, *VARIANTS}


def test_a_trace_notices_small_changes():
    text = trace(small("everett", seed=SEED))
    assert same_text(text, text)
    assert not same_text(text, trace(small("everett", seed=SEED + 1)))
    assert not same_text(text, trace(small("everett", seed=SEED, horizon=6)))
    first = NUMBER.search(text).group()
    assert not same_text(text, text.replace(first, number(float(first) + 1e-8), 1))
    assert same_text(text, text.replace(first, number(float(first) + 1e-9), 1))
    assert not same_text(text, text.replace("states 2", "states 3"))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in [*OWN, *VARIANTS]:
        text = trace(member(each))
        (FOLDER / f"{each}.txt").write_text(text, encoding="utf-8")
