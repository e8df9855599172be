"""What every learner owes, each duty a function of a subject, a small instance and a concept.

It returns a word on what it saw, raises `Broken` with what is wrong, or NotApplicableError.
`conformance` asks for all of them.
"""

from __future__ import annotations

import contextlib
import inspect
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from mamex_bench import catalogue
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.experiments.subjects import EPISODES, Broken, Subject, late, words
from mamex_bench.experiments.trials import SMALL, blind_twin
from mamex_bench.learners._base import FusedLearner, Learner
from mamex_bench.learners._guarantee import Guarantee
from mamex_bench.model._arrays import Floats
from mamex_bench.model.concepts import CONCEPTS
from mamex_bench.model.fingerprint import fingerprint
from mamex_bench.model.game import Trajectory
from mamex_bench.model.history import HistoryProfile
from mamex_bench.model.instance import Instance
from mamex_bench.model.profiles import ClassProfile, MarkovProfile, Profile
from mamex_bench.model.simulator import Simulator
from mamex_bench.runs.offered import measure
from mamex_bench.runs.record import Run

SHORT = 20  # episodes on members of registered families
BLIND = 40
ROUNDING = 1e-9


# ----- the same again ----------------------------------------------------------------------------


def repeats(who: Subject, instance: Instance, concept: str = "cce") -> str:
    """The same seed gives the same run, whatever was run before and the global random numbers are.

    The first of these runs should be the learner's first of all.
    """
    with _global_numbers(1):
        first = who.play(instance, concept, 3)
    with _global_numbers(2):
        who.run(instance, concept, 4)
        _same(first, who.play(instance, concept, 3), "the same seed again")
    return f"{EPISODES} episodes twice, others between"


def fused(who: Subject, instance: Instance, concept: str = "cce") -> str:
    """`advance` gives what choose and observe give, bit for bit."""
    _expect_fused(who, instance, concept)
    first = who.play(instance, concept, 3)
    again = who.play(instance, concept, 3, fused=False)
    _same(first, again, "choose and observe instead of advance")
    return "advance = choose and observe"


def blocks(who: Subject, instance: Instance, concept: str = "cce") -> str:
    """The result of `advance` does not depend on how many episodes it gets at once."""
    _expect_fused(who, instance, concept)
    first = who.play(instance, concept, 3)
    _same(first, who.play(instance, concept, 3, block=7), "blocks of 7 episodes")
    return "blocks of 7 = one block"


def _expect_fused(who: Subject, instance: Instance, concept: str) -> None:
    if not isinstance(who.make(instance, concept), FusedLearner):
        raise NotApplicableError("it has no compiled loop")


@contextlib.contextmanager
def _global_numbers(seed: int) -> Iterator[None]:
    """Global generators seeded with this, and as they were afterwards."""
    before = np.random.get_state(), random.getstate()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before[0])  # noqa: NPY002
        random.setstate(before[1])


# ----- what it may touch -------------------------------------------------------------------------


def randomness(who: Subject, instance: Instance, concept: str = "cce") -> str:
    """Draws come from the stream that `begin` gives, or from one spawned from it."""
    with _global_numbers(1):
        before = fingerprint(np.random.get_state(), random.getstate())  # noqa: NPY002
        learner = who.make(instance, concept)
        stream = np.random.default_rng(np.random.SeedSequence(0x6D616D6578))
        learner.begin(stream)
        if learner.rng is not stream:
            raise Broken("rng is not the stream that begin was given")
        for _ in _played(learner, instance):
            pass
        if fingerprint(np.random.get_state(), random.getstate()) != before:  # noqa: NPY002
            raise Broken("it changes the state of numpy's or Python's global random numbers")
    for name, value in vars(learner).items():
        if _foreign(value, stream):
            raise Broken(f"{name} is a generator of its own: expected rng, or one of rng.spawn()")
    return "rng alone"


def _foreign(value: Any, stream: np.random.Generator) -> bool:
    """Whether it is a generator that does not stem from the stream."""
    if isinstance(value, np.random.Generator):
        own, root = value.bit_generator.seed_seq, stream.bit_generator.seed_seq
        return getattr(own, "entropy", None) != getattr(root, "entropy", None)
    return isinstance(value, (np.random.RandomState, random.Random))


def hands_off(who: Subject, instance: Instance, concept: str = "cce") -> str:
    """The instance is afterwards what it was before, its cached payoffs too."""
    before = fingerprint(instance, instance.payoffs)
    who.run(instance, concept, 0)
    if fingerprint(instance, instance.payoffs) != before:
        raise Broken("the instance, or its payoffs, are not what they were before the run")
    return "nothing changed"


def blind(who: Subject, instance: Instance, concept: str = "cce") -> str:
    """Other transition probabilities, and other means of random rewards, change no choice."""
    one = who.make(instance, concept, BLIND)
    two = who.make(blind_twin(instance), concept, BLIND)
    if one.reads_truth:
        raise NotApplicableError("a yardstick, which says that it reads the truth")
    differs = "the same data, another {} where only what it must not read differs"
    for episode, (profile, trajectory) in enumerate(_played(one, instance), 1):
        if not same(profile, two.choose()):
            raise Broken(f"episode {episode}: {differs.format('choice')}")
        two.observe(trajectory)
    if _offers(one) and not same(_output(one), _output(two)):
        raise Broken(differs.format("output"))
    return f"{BLIND} episodes"


# ----- the protocol ------------------------------------------------------------------------------


def protocol(who: Subject, instance: Instance, concept: str = "cce") -> str:
    """Attributes, one profile object until something changes, and a count of episodes."""
    learner = who.make(instance, concept)
    for name, wanted in (("concept", concept), ("episodes", EPISODES), ("episode", 0)):
        if getattr(learner, name, None) != wanted:
            raise Broken(f"{name} is {getattr(learner, name, None)!r}: expected {wanted!r}")
    if not isinstance(getattr(learner, "name", None), str):
        raise Broken("it has no name")
    if learner.profile_kind not in ("class", "markov"):
        raise Broken(f"profile_kind is {learner.profile_kind!r}: expected 'class' or 'markov'")
    if isinstance(learner, FusedLearner) != hasattr(learner, "advance"):
        raise Broken("advance belongs to a FusedLearner")
    profile = learner.choose()
    if isinstance(profile, ClassProfile) != (learner.profile_kind == "class"):
        raise Broken(f"it chose {profile!r}, but profile_kind is {learner.profile_kind!r}")
    if learner.choose() is not profile:
        raise Broken("choose returned another object before anything was observed")
    for count, _ in enumerate(_played(learner, instance, 2), 1):
        if learner.episode != count:
            raise Broken(f"episode is {learner.episode} after {count} observed: expected {count}")
    return f"{learner.profile_kind} profiles"


def probabilities(who: Subject, instance: Instance, concept: str = "cce") -> str:
    """Every profile is a distribution of the learner's concept; a product for Nash."""
    seen = 0
    last: Profile | None = None
    for profile, _ in _played(who.make(instance, concept), instance):
        if profile is not last:
            _expect_distribution(profile, instance, concept, "a profile")
            seen, last = seen + 1, profile
    return f"profiles seen: {seen}"


def _expect_distribution(
    profile: ClassProfile | MarkovProfile, instance: Instance, concept: str, what: str
) -> None:
    if profile.concept != concept:
        raise Broken(f"{what} of concept {profile.concept!r}: expected {concept!r}")
    if isinstance(profile, ClassProfile):
        counts, shape = instance.policies.counts, profile.distribution.shape
        table, wanted = profile.distribution[None], counts
    else:
        counts, shape = instance.game.action_counts, profile.joint.shape
        table, wanted = profile.joint, (*instance.game.table_shape, instance.game.actions)
    if shape != wanted:
        raise Broken(f"{what} of shape {shape}: expected {wanted}")
    table = np.ascontiguousarray(table).reshape(-1, *counts)
    _expect_stochastic(table.reshape(len(table), -1), what)
    if concept == "nash" and (off := _far_from_product(table)) > 1e-6:
        raise Broken(
            f"{what} that is no product of the agents' strategies, under Nash: off by {off:.2g}"
        )


def _expect_stochastic(rows: Floats, what: str) -> None:
    """Rows along the last axis are probability vectors."""
    if not np.isfinite(rows).all():
        raise Broken(f"{what} with a probability that is no number")
    if rows.min() < -ROUNDING:
        raise Broken(f"{what} with a probability of {rows.min():.3g}")
    total = rows.sum(axis=-1)
    worst = float(total.reshape(-1)[np.abs(total - 1.0).argmax()])
    if abs(worst - 1.0) > ROUNDING:
        raise Broken(f"{what} whose probabilities sum to {worst:.9g}")


def _far_from_product(table: Floats) -> float:
    """Largest distance of joint distributions (rows, m_0, ...) from the product of marginals."""
    n = table.ndim - 1
    product = np.ones_like(table)
    for i in range(n):
        others = tuple(j + 1 for j in range(n) if j != i)
        product = product * table.sum(axis=others, keepdims=True)
    return float(np.abs(table - product).max())


def output(who: Subject, instance: Instance, concept: str = "cce") -> str:
    """What `output_profile` gives is a policy of this game whose gaps have ends."""
    learner = who.make(instance, concept)
    if not _offers(learner):
        raise NotApplicableError("it offers no output of its own")
    paths = {tuple(instance.game.numbered(t.states)[:-1]) for _, t in _played(learner, instance)}
    profile = _output(learner)
    if not isinstance(profile, (ClassProfile, MarkovProfile, HistoryProfile)):
        raise Broken(
            f"output_profile gave {profile!r}: expected a ClassProfile, MarkovProfile or "
            "HistoryProfile"
        )
    if not same(profile, _output(learner)):
        raise Broken("output_profile gives something else when it is asked again")
    if isinstance(profile, HistoryProfile):
        if profile.concept != concept:
            raise Broken(f"an output of concept {profile.concept!r}: expected {concept!r}")
        for own in np.split(profile.strategies, np.cumsum(profile.action_counts)[:-1], axis=-1):
            _expect_stochastic(own, "an output")
        strange = [path for path in map(tuple, profile.paths) if path not in paths]
        if strange:
            raise Broken(f"an output that records states {strange[0]}, never visited in a row")
    else:
        _expect_distribution(profile, instance, concept, "an output")
    offered = measure(learner, instance)
    assert offered is not None
    low, high = offered.ends
    if not (np.isfinite(offered.ends).all() and (low <= high + ROUNDING).all()):
        raise Broken(f"an output with gaps from {low} to {high}")
    return f"{offered.rule}, gap at most {offered.gap:.3g}"


def _offers(learner: Learner) -> bool:
    return hasattr(learner, "output_profile")


def _output(learner: Any) -> Any:
    return learner.output_profile()


def diagnostics(who: Subject, instance: Instance, concept: str = "cce") -> str:
    """Counters are numbers, with those of equilibrium solves among them."""
    learner = who.make(instance, concept)
    for _ in _played(learner, instance):
        pass
    found = learner.diagnostics()
    bad = [name for name, value in found.items() if not isinstance(value, (int, float))]
    if bad:
        raise Broken(f"{bad[0]} is {found[bad[0]]!r}: expected a number")
    missing = [name for name in ("solves", "solve_seconds") if name not in found]
    return ", ".join(found) if not missing else f"none of {', '.join(missing)}, reports show a dash"


# ----- what it refuses, and what it says of itself -----------------------------------------------


def refuses(who: Subject, instance: Instance, concept: str = "cce") -> str:
    """A bad concept and bad numbers of episodes are InputErrors."""
    who.make(instance, concept)
    for wrong, episodes in (
        ("equilibrium", EPISODES),
        *((concept, each) for each in (0, -1, 2.5)),
    ):
        what = f"concept {wrong!r}" if wrong != concept else f"episodes {episodes!r}"
        try:
            who.make(instance, wrong, episodes)
        except InputError:
            continue
        except Exception as error:
            raise Broken(f"{what} is met with {words(error)}: expected an InputError") from error
        raise Broken(f"{what} is not refused with an InputError")
    return "an unknown concept; episodes 0, -1, 2.5"


def family(who: Subject, name: str) -> str:
    """A short run on a small member of a registered family, under every concept that applies."""
    instance = catalogue.make(name, **SMALL.get(name, {}))
    done, reasons = [], []
    for concept in CONCEPTS:
        try:
            result = who.run(instance, concept, 0, SHORT)
        except NotApplicableError as reason:
            reasons.append(str(reason))
            continue
        except Broken:
            raise
        except Exception as error:
            raise Broken(
                f"{concept}: {words(error)}; expected a run, or a NotApplicableError when it is "
                "made"
            ) from error
        if not np.isfinite(result.regret).all():
            raise Broken(f"{concept}: a regret that is no number")
        done.append(concept)
    if not done:
        raise NotApplicableError(reasons[0])
    return ", ".join(done)


def guarantee(who: Subject) -> str:
    """The module says what its paper promises, as data."""
    found = getattr(who.module, "GUARANTEE", None)
    if not isinstance(found, Guarantee):
        raise Broken("its module has no GUARANTEE = Guarantee(...), see learners/_guarantee.py")
    if found.about not in ("executed", "output"):
        raise Broken(f"about is {found.about!r}: expected 'executed' or 'output'")
    wrong = [concept for concept in found.concepts if concept not in CONCEPTS]
    if wrong:
        raise Broken(f"concepts names {wrong[0]!r}: expected {', '.join(CONCEPTS)}")
    if not found.source:
        raise Broken("source is empty")
    return found.source


def options(who: Subject) -> str:
    """Every option beyond instance, concept and episodes has a default."""
    parameters = inspect.signature(who.factory).parameters
    absent = [name for name in ("concept", "episodes") if name not in parameters]
    if absent:
        raise Broken(f"it takes no {absent[0]}")
    own = {k: p for k, p in list(parameters.items())[1:] if k not in ("concept", "episodes")}
    lacking = [name for name, p in own.items() if p.default is p.empty]
    if lacking:
        raise Broken(f"option {lacking[0]!r} has no default")
    return ", ".join(own) or "none"


# ----- playing and comparing ---------------------------------------------------------------------


def _played(
    learner: Learner, instance: Instance, episodes: int | None = None
) -> Iterator[tuple[Profile, Trajectory]]:
    """Choose, play and observe; profile and trajectory of each episode (default: all of them)."""
    game, simulator, rng = instance.game, Simulator(instance.game), np.random.default_rng(0)
    for _ in range(learner.episodes if episodes is None else episodes):
        try:
            profile = learner.choose()
            trajectory = simulator.play(profile.play(game, rng), rng.random(simulator.uniforms))
            learner.observe(trajectory)
        except NotApplicableError as error:
            raise late(error) from error
        yield profile, trajectory


def same(a: Profile | HistoryProfile, b: Profile | HistoryProfile) -> bool:
    """Whether two profiles are the same to the last bit."""
    return type(a) is type(b) and all(map(np.array_equal, _arrays(a), _arrays(b)))


def _arrays(profile: Profile | HistoryProfile) -> tuple[Any, ...]:
    if isinstance(profile, ClassProfile):
        return (profile.distribution,)
    if isinstance(profile, HistoryProfile):
        return profile.paths, profile.strategies
    return (profile.joint,)


def _same(first: tuple[Learner, Run], again: tuple[Learner, Run], how: str) -> None:
    """The runs, and what the learners believe after them where they say: a profile that is played
    throughout shows nothing of it."""
    _same_runs(first[1], again[1], how)
    one, two = (getattr(learner, "optimistic_payoffs", None) for learner, _ in (first, again))
    if one is not None and two is not None and not np.array_equal(one(), two()):
        raise Broken(f"{how}: other optimistic payoffs after the last episode")


def _same_runs(first: Run, again: Run, how: str) -> None:
    if not np.array_equal(first.lengths, again.lengths):
        raise Broken(f"{how}: profiles change in other episodes")
    for a, b in zip(first.profiles, again.profiles, strict=True):
        if not same(a, b):
            raise Broken(f"{how}: another profile")
    if not np.array_equal(first.regret, again.regret):
        raise Broken(f"{how}: another regret")
    one, two = first.offered, again.offered
    if (one is None) != (two is None) or (one and two and not same(one.profile, two.profile)):
        raise Broken(f"{how}: another output")
    for key, value in first.diagnostics.items():
        if "seconds" not in key and not np.array_equal(
            value, again.diagnostics[key], equal_nan=True
        ):
            raise Broken(f"{how}: {key} is {again.diagnostics[key]:g}, before {value:g}")
