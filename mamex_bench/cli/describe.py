"""A game in words, for `mamex-bench show`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mamex_bench import catalogue
from mamex_bench.cli.text import hanging, table
from mamex_bench.equilibria import CONCEPTS, backward_induction
from mamex_bench.errors import ConvergenceError
from mamex_bench.model.instance import Instance
from mamex_bench.words import count

if TYPE_CHECKING:
    from mamex_bench.model.game import Game

# States times joint actions up to which backward induction takes seconds: where stage games are
# solved one by one, by the full oracle, and where compiled code does nearly all of them.
ENTRIES, COMPILED = 20_000, 500_000
_FIRST = 8  # entries of a distribution that are written out


def family(name: str, instance: Instance, parameters: Mapping[str, Any]) -> bool:
    """A family and one of its members; whether the certificate holds."""
    print(inspect.cleandoc(catalogue.REGISTRY.load(name).__doc__ or ""))
    _head("parameters")
    rows = []
    for key, default in catalogue.parameters(name).items():
        here = f", here {parameters[key]!r}" if key in parameters else ""
        rows.append((key, f"{default!r}{here}"))
    table(rows, indent=2)
    print()
    item(instance)
    return _certificate(name, instance)


def item(item: Instance | Game) -> None:
    """An instance, or a game alone: sizes, units, values, policies, hypotheses, known constants."""
    instance = item if isinstance(item, Instance) else None
    game = item.game if isinstance(item, Instance) else item
    print(instance.name if instance else "a game alone")
    rows = [
        ("agents", str(game.agents)),
        ("states", _states(game)),
        ("actions", " x ".join(map(str, game.action_counts))),
        ("first state", _distribution(game)),
        ("own units", _units(game)),
    ]
    if instance is not None:
        counts = " x ".join(map(str, instance.policies.counts))
        low, high = _ranges(instance)
        rows.append(("policies", f"{counts}, pure; returns from {low} to {high}, in own units"))
        rows += [("hypotheses", f"{key}: {each!r}") for key, each in instance.hypotheses.items()]
    table(rows, indent=2)
    _head("values by backward induction: one equilibrium per concept, in own units, every policy")
    _values(game)
    if instance is not None and instance.known:
        _head("known constants")
        known = instance.known.items()
        table([(key, f"{each.value:.10g}", each.source) for key, each in known], indent=2)


def _head(text: str) -> None:
    print(f"\n{text}")


def _certificate(name: str, instance: Instance) -> bool:
    _head("certificate: what the proof claims, measured on this instance")
    checks = catalogue.certify(name, instance)
    if not checks:
        print("  none: this family proves nothing about its members")
    for check in checks:
        verdict = "holds" if check.holds else "FAILS"
        print(hanging(f"  {verdict}  ", f"{check.statement}: {check.comparison}"))
    return all(check.holds for check in checks)


def _states(game: Game) -> str:
    sizes = np.diff(game.layers.first)[:-1]
    if sizes.min() == sizes.max():
        return f"{sizes[0]:,} at each of {count(game.horizon, 'step')}"
    return f"{game.states:,} in {game.horizon} steps, {sizes.min():,} to {sizes.max():,} in each"


def _distribution(game: Game) -> str:
    possible = np.flatnonzero(game.initial)
    if possible.size == 1:
        return f"state {possible[0]}"
    if possible.size > 1 and np.ptp(game.initial[possible]) <= 1e-12:
        return f"uniform over {possible.size:,}"
    if possible.size > _FIRST:
        return f"random, {possible.size:,} are possible"
    return ", ".join(f"state {s} with probability {game.initial[s]:.4g}" for s in possible)


def _units(game: Game) -> str:
    """How returns, sums of rewards in [0, 1], become the game's own."""
    scale, offset = game.units.scale, game.units.offset
    if (scale == 1.0).all() and (offset == 0.0).all():
        return "returns, sums of rewards in [0, 1]"
    maps = [f"{a:.6g} return {'+' if b >= 0 else '-'} {abs(b):.6g}" for a, b in zip(scale, offset)]
    if len(set(maps)) == 1:
        return maps[0]
    return "; ".join(f"agent {i}: {each}" for i, each in enumerate(maps))


def _ranges(instance: Instance) -> tuple[str, str]:
    own = instance.game.units.to_own(instance.payoffs).reshape(instance.game.agents, -1)
    return _tuple(own.min(axis=1)), _tuple(own.max(axis=1))


def _values(game: Game) -> None:
    entries = game.rewards.shape[1] * game.actions
    rows = []
    for concept in CONCEPTS:
        compiled = concept == "cce" or (concept == "nash" and game.agents == 2)
        limit = COMPILED if compiled else ENTRIES
        if entries > limit:
            text = f"left out: {entries:,} states times joint actions, above {limit:,}"
            rows.append((concept, text))
            continue
        try:
            rows.append((concept, _tuple(backward_induction(game, concept).value)))
        except ConvergenceError as error:
            rows.append((concept, str(error)))
    table(rows, indent=2)


def _tuple(values: Any) -> str:
    # Rounded first, so that 0 up to rounding errors is shown as 0.
    return f"({', '.join(f'{round(float(value), 12) + 0.0:.6g}' for value in values)})"
