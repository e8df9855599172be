"""A run as a row of the results file, and back.

Of every run, its curves at the checkpoints (`CURVES`; those that its kind makes equal to others are
left out), the lengths of its segments, its profiles (`runs.archive`) and the gaps of these: of all
segments where all profiles are kept, of those that are kept otherwise.

    lengths, profiles_*           (G,) and the archive of J profiles
    gaps                          (J, n) headline gaps
    class_gaps                    (J, n) Markov profiles: gaps inside the class
    unrestricted_gaps             (1, J, n), or (2, J, n) where not all are exact; class profiles
    curve_<name>                  at the checkpoints, as in `runs.results.Cell`
    offered_*                     the learner's own output (`runs.offered`)

Files of versions 1 and 2 hold gaps of all G segments and no curves, which are computed from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.runs.archive import Archive
from mamex_bench.runs.record import Run, curves
from mamex_bench.runs.store import RunKey, Store, Stored

DONE = "done"
# Axes before those of the checkpoints, and whether there is one of agents behind them.
CURVES = {
    "regret": (0, True),
    "class_regret": (0, True),
    "positive_regret": (0, True),
    "gap": (0, False),
    "output_gap": (0, False),
    "best_gap": (0, False),
    "unrestricted_regret": (1, True),
    "unrestricted_gap": (1, False),
}
_ARCHIVE = ("shape", "kept", "starts", "cells", "weights", "ratios", "errors")


@dataclass(frozen=True, eq=False)
class StoredRun:
    """What a file holds of a run.

    Attributes:
        lengths: (G,).
        archive: of J profiles.
        gaps, class_gaps: (J, n), of these.
        unrestricted_gaps: (2, J, n) lower and upper ends, or None in files that lack them.
        curves: name -> array, see `CURVES`; the unrestricted ones may be missing.
    """

    lengths: Ints
    archive: Archive
    gaps: Floats
    class_gaps: Floats
    unrestricted_gaps: Floats | None
    curves: Mapping[str, Floats]


def stored_run(run: Run) -> Stored:
    """The row of a finished run."""
    archive, kept = run.archive, run.archive.kept
    header = {
        "status": DONE,
        "reason": "",
        "eta": run.eta,
        "profile_kind": archive.kind,
        "seconds": run.seconds,
        "diagnostics": dict(run.diagnostics),
        "offered": "" if run.offered is None else run.offered.kind,
    }
    found = run.curves()
    arrays: dict[str, Any] = {"lengths": run.lengths, "gaps": run.gaps[kept]}
    arrays |= {f"profiles_{name}": array for name, array in archive.arrays().items()}
    if archive.kind == "markov":
        arrays["class_gaps"] = run.class_gaps[kept]
        del found["unrestricted_regret"], found["unrestricted_gap"]
    else:
        del found["class_regret"]
        arrays["unrestricted_gaps"] = _once(run.unrestricted_gaps)
        found |= {name: _once(found[name]) for name in found if CURVES[name][0]}
    arrays |= {f"curve_{name}": array for name, array in found.items()}
    if run.offered is not None:
        arrays |= run.offered.arrays()
    return Stored(header, arrays)


def read_curves(store: Store, key: RunKey, kind: str, times: Ints) -> dict[str, Floats]:
    """The curves of a stored run of that kind, without its profiles."""
    if store.version < 3:
        return dict(_read_old(store, key, kind, times, False).curves)
    left_out = (
        ("unrestricted_regret", "unrestricted_gap") if kind == "markov" else ("class_regret",)
    )
    names = [name for name in CURVES if name not in left_out]
    arrays = store.arrays(key.owner, [f"curve_{name}" for name in names])
    return _completed({name: arrays[f"curve_{name}"] for name in names}, kind)


def read_run(store: Store, key: RunKey, kind: str, times: Ints) -> StoredRun:
    """All of a stored run of that kind but its learner's own output."""
    if store.version < 3:
        return _read_old(store, key, kind, times, True)
    arrays = store.arrays(key.owner)
    gaps = arrays["gaps"]
    inside, free = gaps, np.stack([gaps, gaps])
    if kind == "markov":
        inside = arrays["class_gaps"]
    else:
        free = _both(arrays["unrestricted_gaps"])
    return StoredRun(
        arrays["lengths"],
        _archive(arrays, kind, key.concept),
        gaps,
        inside,
        free,
        read_curves(store, key, kind, times),
    )


def _read_old(store: Store, key: RunKey, kind: str, times: Ints, profiles: bool) -> StoredRun:
    """Of a file of version 1 or 2: class profiles without gaps against all policies."""
    arrays = store.arrays(key.owner, None if profiles else _old_names(kind))
    lengths, gaps = arrays["lengths"], arrays["gaps"]
    inside = arrays["class_gaps"] if kind == "markov" else gaps
    free = np.stack([gaps, gaps]) if kind == "markov" else None
    found = curves(times, lengths, gaps, inside, free, arrays["output_gaps"])
    if not profiles:
        empty = Archive(kind, key.concept, (), *(np.zeros(0, dtype=np.int64),) * 3, np.zeros(0))
        return StoredRun(lengths, empty, gaps, inside, free, found)
    archive = _archive(arrays, kind, key.concept)
    kept = archive.kept
    free = None if free is None else free[:, kept]
    return StoredRun(lengths, archive, gaps[kept], inside[kept], free, found)


def _old_names(kind: str) -> tuple[str, ...]:
    return ("lengths", "gaps", "output_gaps", *(("class_gaps",) if kind == "markov" else ()))


def _archive(arrays: Mapping[str, Any], kind: str, concept: str) -> Archive:
    own = {name: arrays[f"profiles_{name}"] for name in _ARCHIVE if f"profiles_{name}" in arrays}
    return Archive.from_arrays(kind, concept, own)


def _completed(found: dict[str, Floats], kind: str) -> dict[str, Floats]:
    """With the curves that a run of this kind need not store."""
    if kind == "markov":
        worst = found["gap"]
        free = {"unrestricted_regret": found["regret"], "unrestricted_gap": worst}
        return found | {name: np.stack([curve, curve]) for name, curve in free.items()}
    both = {name: _both(curve) for name, curve in found.items() if CURVES[name][0]}
    return found | both | {"class_regret": found["regret"]}


def _once(ends: Floats) -> Floats:
    """(1, ...) where both ends are the same, else (2, ...)."""
    return ends[:1] if np.array_equal(ends[0], ends[1]) else ends


def _both(ends: Floats) -> Floats:
    return np.repeat(ends, 2 // ends.shape[0], axis=0)
