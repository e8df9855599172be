"""Learners on finite hypothesis classes: what they refuse, and how they say so."""

from __future__ import annotations

import numpy as np
import pytest
from test_mamex_payoffs import random_game, random_instance

import mamex_bench as mb
from mamex_bench.errors import InputError, MisspecifiedError, NotApplicableError

REFUSED = [
    ("posterior_sampling", "tabular", "nash", "needs a finite class of models"),
    ("optimistic_mle", "linear", "nash", "needs a finite class of models"),
    ("optimistic_mle_tuned", "tabular", "nash", "optimistic_mle_tuned needs a finite class"),
    ("golf", "models", "nash", "needs a finite class of action values"),
    ("golf_tuned", "linear", "nash", "golf_tuned needs a finite class of action values"),
    ("vmg", "models", "ce", "not 'ce'"),
    ("vmg", "completion", "cce", "needs a finite class of models"),
    ("e2d", "models", "nash", "not for 'nash'"),
    ("e2d_tuned", "tabular", "cce", "e2d_tuned needs a finite class of models"),
    ("onemg", "models", "nash", "sum to a constant"),
    ("onemg_tuned", "models", "nash", "onemg_tuned needs two agents"),
    ("mex", "models", "nash", "for one agent"),
]


@pytest.mark.parametrize(("name", "kind", "concept", "words"), REFUSED)
def test_what_does_not_apply_is_said(name: str, kind: str, concept: str, words: str) -> None:
    with pytest.raises(NotApplicableError, match=words):
        mb.learners.make(name, random_instance(0, kind), concept=concept, episodes=10)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("optimistic_mle", {"beta": -1.0}),
        ("optimistic_mle", {"delta": 0.0}),
        ("optimistic_mle", {"delta": "small"}),
        ("optimistic_mle_tuned", {"scale": 0.0}),
        ("posterior_sampling", {"hypotheses": "values"}),
        ("vmg", {"alpha": 0.0}),
        ("vmg", {"d": -1.0}),
        ("e2d", {"gamma": float("nan")}),
        ("e2d_tuned", {"scale": -1.0}),
    ],
)
def test_bad_options_are_refused(name: str, options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        mb.learners.make(name, random_instance(0, "models"), concept="cce", episodes=9, **options)


@pytest.mark.parametrize("name", ["posterior_sampling", "optimistic_mle", "vmg", "e2d"])
def test_impossible_observations_are_reported(name: str) -> None:
    game = random_game(np.random.default_rng(0), (2, 2), 2, 2)
    stay = np.zeros_like(game.transition)
    stay[..., 0] = 1.0
    policies = mb.PurePolicies.sample(game, [2, 2], 0)
    instance = mb.Instance(game, policies, mb.ModelClass(stay[None], None))
    learner = mb.learners.make(name, instance, concept="cce", episodes=50)
    with pytest.raises(MisspecifiedError, match="probability zero"):
        mb.run(instance, learner, 50)
