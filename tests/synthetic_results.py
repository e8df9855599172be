"""Invented results that hold every case a report must show; no learner was run for them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from mamex_bench.runs.results import BoundArrays, Cell, InstanceRecord, Results

CONCEPTS = ("nash", "cce", "ce")
# id, registered name, level, growth, kind, expected
LEARNERS = (
    ("mamex", "mamex", 0.6, 0.35, "class", None),
    ("mamex_paper_eta", "mamex", 1.1, 0.42, "class", None),
    ("certainty_equivalence", "certainty_equivalence", 0.9, 0.5, "class", None),
    ("uniform", "uniform", 0.35, 1.0, "class", None),
    ("optimistic_vi", "optimistic_vi", 0.5, 0.98, "markov", None),
    ("optimistic_vi_tuned", "optimistic_vi_tuned", 0.8, 0.62, "markov", None),
    ("planted_no_optimism", "planted_no_optimism", 0.9, 1.0, "class", "violated"),
    ("planted_wrong_sign", "planted_wrong_sign", 0.8, 1.0, "class", "violated"),
)
INSTANCES = (
    ("lock", "combination_lock", 20_000),
    ("needle_8", "needle", 20_000),
    ("mixture", "linear_mixture", 20_000),
    ("hypercube@100", "linear_mixture_hypercube", 100),
    ("hypercube@1000", "linear_mixture_hypercube", 1_000),
    ("hypercube@10000", "linear_mixture_hypercube", 10_000),
    ("linear_q", "linear_markov", 5_000),
    ("grid|50%_#1", "gridworld", 5_000),
)


def checkpoints(episodes: int) -> np.ndarray:
    points = np.unique(np.geomspace(1, episodes, 30).round().astype(np.int64))
    return points


def cell(
    instance: str, learner: tuple[Any, ...], concept: str, episodes: int, **change: Any
) -> Cell:
    identity, name, level, growth, kind, expected = learner
    rng = np.random.default_rng([episodes, len(instance), len(identity), len(concept)])
    at = checkpoints(episodes)
    seeds, agents = 20, 2
    if instance.startswith("hypercube") and growth < 0.9:
        level, growth = 0.9, 0.53
    noise = np.exp(0.25 * rng.standard_normal((seeds, 1, agents)))
    wiggle = np.exp(0.05 * rng.standard_normal((seeds, len(at), agents)).cumsum(axis=1))
    regret = level * at[None, :, None] ** growth * noise * wiggle / agents
    if identity == "certainty_equivalence" and concept == "cce":
        regret = -0.1 * regret
    if instance == "needle_8" and identity == "certainty_equivalence":
        regret = np.zeros_like(regret)
    increments = np.diff(regret.sum(axis=2), axis=1, prepend=0.0)
    gap = np.abs(increments) / np.diff(at, prepend=0)
    output = np.abs(regret.sum(axis=2)) / at
    if kind == "markov":
        output = np.full_like(gap, np.nan)
    trivial = 2.0 * agents * at.astype(float)
    sharp = 40.0 if identity == "mamex" else 900.0
    bounds = None
    if name in ("mamex", "planted_no_optimism", "planted_wrong_sign"):
        tuned = 11.0 if name != "mamex" or identity == "mamex" else 250.0
        scale = 0.4 if expected else 1.0
        explicit = scale * tuned * np.sqrt(episodes) * (0.5 + 0.5 * at / episodes)
        bounds = BoundArrays(
            explicit=explicit,
            explicit_probability=1.4 * explicit + sharp,
            paper_shape=2.0 * np.sqrt(at) * np.log(2.0 + at),
            trivial=trivial,
            agents=agents,
            failure_probability=0.1,
            nonvacuous_from=820.0 if identity == "mamex" else None,
            note="",
        )
    values: dict[str, Any] = {
        "instance": instance,
        "learner": identity,
        "learner_name": name,
        "concept": concept,
        "episodes": episodes,
        "eta": 0.013 if name == "mamex" else None,
        "options": {},
        "status": "done",
        "reason": "",
        "profile_kind": kind,
        "expected": expected,
        "seeds": tuple(range(seeds)),
        "checkpoints": at,
        "regret": regret,
        "class_regret": regret * 0.7 if kind == "markov" else regret,
        "positive_regret": np.maximum(regret, 0),
        "gap": gap,
        "output_gap": output,
        "best_gap": np.minimum.accumulate(gap, axis=1),
        "diagnostics": {"solves": np.full(seeds, 37.0), "epsilon_sum": np.full(seeds, 0.4)},
        "seconds": np.full(seeds, 0.8) * (1 + len(identity) / 10),
        "bounds": bounds,
    }
    return Cell(**{**values, **change})


def without_data(template: Cell, status: str, reason: str) -> Cell:
    empty = np.zeros((0, 0, 2))
    flat = np.zeros((0, 0))
    return Cell(
        **{
            **vars(template),
            "status": status,
            "reason": reason,
            "seeds": (),
            "checkpoints": np.zeros(0, dtype=np.int64),
            "regret": empty,
            "class_regret": empty,
            "positive_regret": empty,
            "gap": flat,
            "output_gap": flat,
            "best_gap": flat,
            "diagnostics": {},
            "seconds": np.zeros(0),
            "bounds": None,
        }
    )


def record(identity: str, family: str, episodes: int) -> InstanceRecord:
    rng = np.random.default_rng(len(identity))
    lower = float(rng.uniform(0.5, 3))
    bracket: dict[str, Any] | None = {
        "lower": 0.0 if identity == "linear_q" else lower,
        "upper": lower * float(rng.uniform(1.0, 8.0)),
        "method": "clusters of policies (hull)",
        "witness_length": int(rng.integers(3, 60)),
        "episodes": episodes,
        "seconds": 0.7,
        "c": 2.0,
        "U": 31.2,
    }
    if identity.startswith("grid"):
        bracket = None
    return InstanceRecord(
        id=identity,
        group=identity.split("@")[0],
        family=family,
        parameters={"length": 4, "note": "50 % & more_stuff"},
        description=f"A synthetic stand-in for the family {family}: numbers invented, 100% "
        "made_up.",
        agents=2,
        states=8,
        horizon=4,
        action_counts=(2, 3),
        policy_counts=(32, 32),
        hypotheses={"net": "512 transition models, truth inside"},
        known={"value": (0.75, "backward induction"), "d_K-free": (4.0, "closed form, M/2")},
        return_range=2.0,
        value_bound=4.0,
        bracket=bracket,
        structure="linear mixture of dimension 3",
        episodes=episodes,
    )


def verdicts_of(cells: list[Cell]) -> list[Any]:
    found = []
    for one in cells:
        for claim in ("regret_in_expectation", "regret_in_probability", "online_to_batch"):
            status, ratio = "not applicable", 0.0
            if one.bounds is not None and one.status == "done":
                ratio = float(one.regret[:, -1].sum(axis=1).mean() / one.bounds.explicit[-1])
                vacuous = one.bounds.explicit[-1] >= one.bounds.trivial[-1]
                status = "vacuous" if vacuous else "violated" if ratio > 1.5 else "holds"
                if status == "holds" and ratio > 0.5:
                    status = "inconclusive"
            found.append(
                verdict(
                    claim,
                    one,
                    status,
                    {"ratio": ratio, "measured": 1.0, "bound": 2.0, "runs": len(one.seeds)},
                )
            )
    return found


def verdict(claim: str, one: Cell, status: str, numbers: dict[str, float]) -> Any:
    return SimpleNamespace(
        claim=claim,
        instance=one.instance,
        learner=one.learner,
        concept=one.concept,
        episodes=one.episodes,
        status=status,
        expected=one.expected,
        statement=f"Mean signed sum of regrets {numbers['ratio'] or 0:.3g} of the bound; "
        f"{status}, N = {int(numbers['runs'])} runs.",
        numbers=numbers,
    )


def results(
    instances: int = len(INSTANCES), concepts: tuple[str, ...] = CONCEPTS, learners: int = 8
) -> Results:
    """Synthetic results; smaller numbers give a smaller report."""
    cells: list[Cell] = []
    for identity, _, episodes in INSTANCES[:instances]:
        for name in concepts:
            for learner in LEARNERS[:learners]:
                one = cell(identity, learner, name, episodes)
                if identity == "linear_q" and learner[1].startswith("optimistic"):
                    one = without_data(one, "not applicable", "no transition model to plan with")
                if identity == "grid|50%_#1" and learner[0] == "mamex_paper_eta":
                    one = without_data(
                        one, "failed", "ConvergenceError: best gap 3e-4 | after 10_000"
                    )
                if identity == "grid|50%_#1" and learner[0] == "uniform":
                    one = without_data(one, "missing", "0 of 20 seeds run")
                cells.append(one)
    return Results(
        suite="synthetic",
        title="Synthetic suite",
        description="Invented numbers in every shape that a report must show.",
        episodes=20_000,
        delta=0.05,
        instances=tuple(record(*row) for row in INSTANCES[:instances]),
        cells=tuple(cells),
        provenance={
            "mamex-bench": "0.1.0",
            "commit": "0123abc",
            "processor": "x86_64, 2 cores",
            "duration": "123 s",
        },
        suite_text=(
            'episodes = 20_000\nseeds = 20\n\n[[instance]]\nid = "lock"  # `ticks` & <tags>\n'
        ),
        verdicts=tuple(verdicts_of(cells)),
    )


def mixed_statuses(whole: Results) -> Results:
    """The same, with every verdict status on the first instance."""
    statuses = ("holds", "violated", "vacuous", "inconclusive", "not applicable")
    changed = [
        SimpleNamespace(**{**vars(one), "status": statuses[index % 5]}) if index < 10 else one
        for index, one in enumerate(whole.verdicts)
    ]
    return Results(**{**vars(whole), "verdicts": tuple(changed)})
