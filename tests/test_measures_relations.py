"""Relations between measures: each holds on the whole catalogue, and each can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reduced import reduced
from test_catalogue import NAMES, small

from mamex_bench import catalogue, complexity
from mamex_bench.complexity import _relation_list
from mamex_bench.complexity._relation import Relation, Subject
from mamex_bench.errors import InputError
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass, ValueClass
from mamex_bench.model.instance import Instance
from mamex_bench.model.policies import PurePolicies

# Comparisons of a search for an eluder dimension.
WORK = 100_000

# Where both sides are one measure: what the left is asked for.
ONLY = {
    "constrained_below_offset": {"form": "constrained"},
    "estimation_cce_below_ce": {"concept": "cce"},
    "estimation_ce_below_nash": {"concept": "ce"},
}


def checks(instance, **options):
    found = complexity.check_relations(instance, episodes=20, limit=WORK, **options)
    return {each.relation.name: each for each in found}


@pytest.mark.parametrize("name", NAMES)
def test_no_relation_is_violated_on_any_family(name):
    instance = reduced(small(name), 2, 4)
    for key in instance.hypotheses:
        found = checks(instance, hypotheses=key)
        assert [str(each) for each in found.values() if each.outcome == "violated"] == []
        assert found["coverability_below_policies"].outcome == "holds"


def closed():
    """One step, one state: the classes hold the reward, to which all targets are equal."""
    reward = np.array([0.1, 0.4, 0.9])
    game = MarkovGame(np.ones((1, 1, 3, 1)), reward.reshape(1, 1, 1, 3), (3,))
    policies = PurePolicies([np.arange(3).reshape(3, 1, 1)])
    others = np.random.default_rng(0).random((4, 3))
    values = np.concatenate([reward[None], others]).reshape(-1, 1, 1, 3)
    return Instance(game, policies, {"values": ValueClass([values])})


@pytest.fixture(scope="module")
def subjects():
    return reduced(catalogue.make("random_game"), 2, 4), closed()


@pytest.mark.parametrize("relation", complexity.relations(), ids=lambda each: each.name)
def test_each_relation_applies_and_fails_when_its_left_side_is_inflated(
    relation, subjects, monkeypatch
):
    def outcomes():
        return [
            each.outcome
            for subject in subjects
            for each in complexity.check_relations(subject, 20, limit=WORK, chosen=[relation])
        ]

    assert "violated" not in outcomes()
    assert {"holds", "undecided"} & set(outcomes())
    left = relation.left.split("(")[0].strip()
    if left == "decoupling":
        monkeypatch.setattr(Subject, "coefficient", (1e9, 1e9))
    elif left.startswith("E "):
        monkeypatch.setattr(Subject, "largest_error", 1e9)
    else:
        measured = Subject.measured

        def inflated(self, name, **options):
            found = measured(self, name, **options)
            asked = ONLY.get(relation.name, {}).items()
            if name != left or any(options.get(key) != value for key, value in asked):
                return found
            return replace(found, lower=1e9, upper=1e9)

        monkeypatch.setattr(Subject, "measured", inflated)
    assert "violated" in outcomes()


def three_functions():
    """Three members that need three points: a scale above 0 lets all three pairs witness."""
    values = np.array([[0.12, 0.11, 0.0], [0.0, 0.05, 0.2], [0.06, 0.0, 0.0]])
    game = MarkovGame(np.ones((1, 1, 3, 1)), np.zeros((1, 1, 1, 3)), (3,))
    policies = PurePolicies([np.arange(3).reshape(3, 1, 1)])
    return Instance(game, policies, ValueClass([values.reshape(3, 1, 1, 3)]))


def test_a_false_relation_is_found_out():
    guess = Relation(
        "eluder_below_size",
        "eluder_dimension(eps)",
        "|F| - 1",
        "true as eps goes to 0, where pairs that witness form no cycle",
        "conjectured",
        lambda s: (s.ends("eluder_dimension", scale=s.scale), (2.0, 2.0)),
    )
    (found,) = complexity.check_relations(three_functions(), chosen=[guess])
    assert found.outcome == "violated"
    assert str(found) == ("violated: eluder_dimension(eps) <= |F| - 1 on 'instance': 3 against 2")
    (found,) = complexity.check_relations(three_functions(), chosen=[guess], scale=0.01)
    assert found.outcome == "violated" or found.left == (2.0, 2.0)


def test_relations_are_data():
    found = complexity.relations()
    assert len({each.name for each in found}) == len(found) >= 20
    for each in found:
        assert each.status in ("proved", "checked", "conjectured")
        assert len(each.source) > 10
        measures = {*complexity.names(), "E "}
        assert any(each.left.startswith(name) for name in measures)


def test_intervals_that_overlap_decide_nothing():
    def relation(left, right):
        return Relation("r", "a", "b", "planted", "conjectured", lambda s: (left, right))

    instance = three_functions()
    for left, right, outcome in (
        ((1.0, 2.0), (2.0, 3.0), "holds"),
        ((1.0, 2.5), (2.0, 3.0), "undecided"),
        ((3.1, 4.0), (2.0, 3.0), "violated"),
    ):
        (found,) = complexity.check_relations(instance, chosen=[relation(left, right)])
        assert found.outcome == outcome


def test_a_relation_that_does_not_apply_says_why():
    found = checks(three_functions())
    assert found["witness_below_bellman"].outcome == "not applicable"
    assert "defined for models" in str(found["witness_below_bellman"])
    game = catalogue.make("needle", arms=3)
    lost = Instance(game.game, game.policies, ModelClass(game.hypothesis().transitions[:2], None))
    assert "misspecified" in checks(lost)["coefficient_below_errors"].reason


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("episodes is 0: expected a whole number", {"episodes": 0}),
        ("scale is -1: expected a positive", {"scale": -1}),
        ("limit is 0: expected a whole number", {"limit": 0}),
    ],
)
def test_bad_input_is_named(message, options):
    with pytest.raises(InputError, match=message):
        complexity.check_relations(three_functions(), **options)


def test_structural_bounds_use_what_the_measures_certify(subjects):
    # A bound that ignored its measure would not notice a larger rank.
    subject = Subject(subjects[0], 20, 0.1, None, WORK)
    _, first = _relation_list._bilinear(subject)
    found = subject.measured("bilinear_rank")
    key = next(key for key in subject.memory if key.startswith("bilinear_rank"))
    subject.memory[key] = replace(found, lower=found.lower + 50, upper=found.upper + 50)
    assert _relation_list._bilinear(subject)[1] > first


def test_where_steps_are_left_out_structure_bounds_nothing():
    instance = reduced(catalogue.make("random_game"), 2, 4)
    models = instance.hypothesis()
    blind = ModelClass(models.transitions, models.truth, ignored_steps=(0,))
    found = checks(Instance(instance.game, instance.policies, blind))
    for name in ("bilinear", "witness", "coverability", "bellman_eluder"):
        assert "leaves out steps" in found[f"coefficient_below_{name}"].reason
    assert found["error_below_coefficient"].outcome != "not applicable"
