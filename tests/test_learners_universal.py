"""What every registered learner owes, third parties' included; `mamex-bench check-learner` asks for
the same, on more games."""

from __future__ import annotations

import pkgutil
import re

import pytest

import mamex_bench as mb
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.experiments import duties
from mamex_bench.experiments.subjects import EPISODES, Subject, subject
from mamex_bench.experiments.trials import TRIALS, random_instance, trial
from mamex_bench.learners._base import FusedLearner

KINDS = ("models", "values", "completion", "linear")
OTHERS = sorted(set(TRIALS) - {"models", "values", "values with features", "linear values"})
CONCEPTS = ("nash", "ce", "cce")


def applicable(name: str, instance: mb.Instance, concept: str) -> Subject:
    """The learner; a test ends here if it does not apply."""
    who = subject(name)
    try:
        who.make(instance, concept)
    except NotApplicableError as reason:
        pytest.skip(f"does not apply: {reason}")
    return who


def repeats(who: Subject, instance: mb.Instance, concept: str) -> None:
    """The same run again: by choose and observe, where there is a compiled loop."""
    compiled = isinstance(who.make(instance, concept), FusedLearner)
    (duties.fused if compiled else duties.repeats)(who, instance, concept)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("concept", CONCEPTS)
@pytest.mark.parametrize("name", mb.learners.names())
def test_runs_repeat_and_the_fused_loop_is_bit_identical(
    name: str, concept: str, kind: str
) -> None:
    instance = random_instance(4, kind)
    repeats(applicable(name, instance, concept), instance, concept)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", mb.learners.names())
def test_runs_with_random_rewards_repeat_too(name: str, kind: str) -> None:
    instance = random_instance(4, kind, random_rewards=True)
    who = applicable(name, instance, "cce")
    repeats(who, instance, "cce")
    if isinstance(who.make(instance, "cce"), FusedLearner):
        duties.blocks(who, instance, "cce")


@pytest.mark.parametrize("place", OTHERS)
@pytest.mark.parametrize("name", mb.learners.names())
def test_the_same_on_games_that_some_learners_are_made_for(name: str, place: str) -> None:
    """Zero-sum and layered games, mixtures, one agent, three agents: blind to the truth there too,
    and outputs are sound."""
    instance, concept = trial(place), "nash" if "zero-sum" in place else "cce"
    who = applicable(name, instance, concept)
    repeats(who, instance, concept)
    learner = who.make(instance, concept)
    if not learner.reads_truth:
        duties.blind(who, instance, concept)
    if hasattr(learner, "output_profile"):
        duties.output(who, instance, concept)


@pytest.mark.parametrize("random_rewards", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", mb.learners.names())
def test_learners_are_blind_to_the_truth(name: str, kind: str, random_rewards: bool) -> None:
    """Two games with the same hypotheses but other transitions, and other means of rewards where
    these are random; the same data."""
    instance = random_instance(8, kind, random_rewards=random_rewards)
    who = applicable(name, instance, "cce")
    if who.make(instance, "cce").reads_truth:
        pytest.skip("a yardstick, which says that it reads the truth")
    duties.blind(who, instance, "cce")


@pytest.mark.parametrize("name", mb.learners.names())
def test_every_learner_says_what_it_is(name: str) -> None:
    who = subject(name)
    for place in TRIALS:
        try:
            learner = who.make(trial(place), "cce")
        except NotApplicableError:
            continue
        break
    else:
        pytest.skip("does not apply to any of these games")
    assert learner.name == name
    for check in (
        duties.protocol,
        duties.probabilities,
        duties.randomness,
        duties.hands_off,
        duties.refuses,
        duties.diagnostics,
    ):
        check(who, trial(place), "cce")
    duties.options(who)
    mb.run(trial(place), learner, episodes=EPISODES, seed=0)
    with pytest.raises(InputError, match="used"):
        mb.run(trial(place), learner, episodes=EPISODES, seed=0)


TUNED = [name for name in mb.learners.names() if "_tuned" in name]


@pytest.mark.parametrize("name", TUNED)
def test_the_scale_of_a_tuned_learner_is_the_one_that_its_docstring_names(name: str) -> None:
    """A number chosen by trial is said once, where its choice is explained."""
    text = " ".join((subject(name.removesuffix("_lazy")).module.__doc__ or "").split())
    said = re.search(r"defaults?(?: scale)?,(?: scale =)? ([\d.e-]+\d|\d)", text)
    assert said is not None
    assert mb.learners.options(name)["scale"] == float(said[1])


OWN = [m.name for m in pkgutil.iter_modules(mb.learners.__path__) if not m.name.startswith("_")]


@pytest.mark.parametrize("name", OWN)
def test_every_learner_of_this_package_says_what_its_paper_promises(name: str) -> None:
    duties.guarantee(subject(name))
