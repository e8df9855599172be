"""Brackets as a header that JSON can hold and arrays by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mamex_bench.complexity._bracket import AgentBracket, Bracket
from mamex_bench.complexity._counts import Counts
from mamex_bench.complexity._lower import Witness
from mamex_bench.complexity._potential import Potential
from mamex_bench.complexity._spans import Elliptical, Occupancy, Span
from mamex_bench.complexity._steps import Step, Steps
from mamex_bench.complexity._upper import Partition
from mamex_bench.model._arrays import frozen

ELLIPTICAL = ("reach", "weight", "largest", "scale")
OCCUPANCY = ("weight", "largest", "scale")
Arrays = Mapping[str, np.ndarray]


def pack(bracket: Bracket) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Everything, certificates included."""
    arrays: dict[str, np.ndarray] = {}
    header: dict[str, Any] = {
        "instance": bracket.instance,
        "hypotheses": bracket.hypotheses,
        "episodes": bracket.episodes,
        "horizon": bracket.horizon,
        "burn_in": bracket.burn_in,
        "agents": [_pack(agent, i, arrays) for i, agent in enumerate(bracket.agents)],
    }
    return header, arrays


def unpack(header: Mapping[str, Any], arrays: Arrays) -> Bracket:
    """The inverse of `pack`."""
    return Bracket(
        header["instance"],
        header["hypotheses"],
        header["episodes"],
        header["horizon"],
        header["burn_in"],
        tuple(_unpack(entry, i, arrays) for i, entry in enumerate(header["agents"])),
    )


def _pack(agent: AgentBracket, i: int, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    arrays[f"witness{i}"] = _runs(agent.witness)
    arrays[f"grid{i}"] = agent.grid
    certificates = _pack_end(agent, f"{i}", arrays)
    free = agent.free_witness
    if free is not None:
        arrays[f"free_witness{i}"] = _runs(free)
    arrays[f"free_grid{i}"] = agent.free_grid
    if agent.counts is not None:
        arrays[f"counts{i}"] = np.stack([agent.counts.mus, agent.counts.values])
        if agent.counts.pruned is not None:
            arrays[f"pruned{i}"] = agent.counts.pruned
    for span in agent.spans:
        if isinstance(span, Elliptical):
            arrays[f"elliptical{i}"] = np.stack([getattr(span, part) for part in ELLIPTICAL])
            for h, basis in enumerate(span.bases):
                arrays[f"basis{i}.{h}"] = basis
        else:
            arrays[f"occupancy{i}"] = np.stack([span.cover, span.top])
            arrays[f"reached{i}"] = np.stack([getattr(span, part) for part in OCCUPANCY])
    return {
        "lower": agent.lower,
        "upper": agent.upper,
        "mu": agent.witness.mu,
        **certificates,
        "largest_error": agent.largest_error,
        "method": agent.method,
        "unseen": agent.unseen,
        "free": [_number(end) for end in agent.free],
        "free_mu": None if free is None else free.mu,
        "counts": None if agent.counts is None else agent.counts.episodes,
        "steps": None if agent.steps is None else _pack_steps(agent.steps, i, arrays),
    }


def _pack_end(end: AgentBracket | Step, mark: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Clusters, groups of pairs and the pairs that are left out."""
    for j, part in enumerate(end.partitions):
        arrays[f"labels{mark}.{j}"] = part.labels
        arrays[f"lines{mark}.{j}"] = np.stack([part.height, part.slope])
        arrays[f"offsets{mark}.{j}"] = part.offsets
    for j, each in enumerate(end.potentials):
        arrays[f"groups{mark}.{j}"] = each.labels
        arrays[f"factors{mark}.{j}"] = each.factors
        arrays[f"tops{mark}.{j}"] = each.tops
    if end.replaced is not None:
        arrays[f"replaced{mark}"] = end.replaced
    return {
        "partitions": len(end.partitions),
        "potentials": [[each.levy, each.idle] for each in end.potentials],
    }


def _pack_steps(steps: Steps, i: int, arrays: dict[str, np.ndarray]) -> list[Any]:
    return [
        None if part is None else {**_pack_end(part, f"{i}h{h}", arrays), "largest": part.largest}
        for h, part in enumerate(steps.parts)
    ]


def _unpack(entry: Mapping[str, Any], i: int, arrays: Arrays) -> AgentBracket:
    partitions, potentials, replaced = _unpack_end(entry, f"{i}", arrays)
    low, high = (float(end) for end in entry.get("free", (entry["lower"], "inf")))
    free = None
    if entry.get("free_mu") is not None:
        free = _witness(arrays[f"free_witness{i}"], entry["free_mu"], low)
    unseen = entry["unseen"]
    counts = None
    if entry.get("counts") is not None:
        mus, values = (frozen(row.copy()) for row in arrays[f"counts{i}"])
        pruned = _array(arrays, f"pruned{i}") if f"pruned{i}" in arrays else None
        counts = Counts(mus, values, entry["counts"], pruned)
    return AgentBracket(
        entry["lower"],
        entry["upper"],
        _witness(arrays[f"witness{i}"], entry["mu"], entry["lower"]),
        partitions,
        _array(arrays, f"grid{i}"),
        entry["largest_error"],
        entry["method"],
        None if unseen is None else (int(unseen[0]), int(unseen[1])),
        potentials,
        (low, high),
        free,
        frozen(arrays.get(f"free_grid{i}", np.empty(0)).copy()),
        replaced,
        counts,
        _spans(i, arrays),
        _unpack_steps(entry.get("steps"), i, arrays),
    )


def _unpack_end(
    entry: Mapping[str, Any], mark: str, arrays: Arrays
) -> tuple[tuple[Partition, ...], tuple[Potential, ...], np.ndarray | None]:
    partitions = tuple(
        Partition(
            _array(arrays, f"labels{mark}.{j}"),
            frozen(arrays[f"lines{mark}.{j}"][0].copy()),
            frozen(arrays[f"lines{mark}.{j}"][1].copy()),
            _array(arrays, f"offsets{mark}.{j}"),
        )
        for j in range(entry["partitions"])
    )
    # Brackets that were stored before these existed lack them.
    potentials = tuple(
        Potential(
            _array(arrays, f"groups{mark}.{j}"),
            _array(arrays, f"factors{mark}.{j}"),
            _array(arrays, f"tops{mark}.{j}"),
            idle,
            levy,
        )
        for j, (levy, idle) in enumerate(entry.get("potentials", ()))
    )
    replaced = _array(arrays, f"replaced{mark}") if f"replaced{mark}" in arrays else None
    return partitions, potentials, replaced


def _unpack_steps(entries: Any, i: int, arrays: Arrays) -> Steps | None:
    if entries is None:
        return None
    return Steps(
        tuple(
            None
            if entry is None
            else Step(*_unpack_end(entry, f"{i}h{h}", arrays), float(entry["largest"]))
            for h, entry in enumerate(entries)
        )
    )


def _spans(i: int, arrays: Arrays) -> tuple[Span, ...]:
    found: list[Span] = []
    if f"elliptical{i}" in arrays:
        steps = [frozen(row.copy()) for row in arrays[f"elliptical{i}"]]
        bases = tuple(_array(arrays, f"basis{i}.{h}") for h in range(steps[0].size))
        found.append(Elliptical(bases, **dict(zip(ELLIPTICAL, steps))))
    if f"occupancy{i}" in arrays:
        cover, top = (frozen(each.copy()) for each in arrays[f"occupancy{i}"])
        steps = [frozen(row.copy()) for row in arrays[f"reached{i}"]]
        found.append(Occupancy(cover, top, **dict(zip(OCCUPANCY, steps))))
    return tuple(found)


def _array(arrays: Arrays, name: str) -> np.ndarray:
    return frozen(arrays[name].copy())


def _runs(witness: Witness) -> np.ndarray:
    return np.stack([witness.hypotheses, witness.policies, witness.counts])


def _witness(runs: np.ndarray, mu: float, value: float) -> Witness:
    f, pi, counts = (frozen(row.copy()) for row in runs)
    return Witness(f, pi, counts, mu, value)


def _number(value: float) -> float | str:
    """JSON has no infinity."""
    return float(value) if np.isfinite(value) else "inf"
