"""Learners with one thing wrong each, and the sound ones that the faults were planted in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mamex_bench import learners
from mamex_bench.errors import NotApplicableError
from mamex_bench.experiments.subjects import subject
from mamex_bench.learners._base import FusedLearner
from mamex_bench.model.history import HistoryProfile
from mamex_bench.model.layered import LayeredGame
from mamex_bench.model.profiles import ClassProfile, MarkovProfile

TEMPLATE = Path(learners.__file__).with_name("_template.py")
SOUND = subject(str(TEMPLATE))
MyLearner: Any = SOUND.module.MyLearner  # type: ignore[union-attr]


class Fresh(MyLearner):
    """A new object every time."""

    def choose(self) -> Any:
        held = super().choose()
        return ClassProfile(held.policies, held.distribution, held.concept)


class Countless(MyLearner):
    """Does not count its episodes."""

    def observe(self, trajectory: Any) -> None:
        super().observe(trajectory)
        self.episode -= 1


class Late(MyLearner):
    """Finds out in the middle of a run that it does not exist here."""

    def _equilibrium(self) -> Any:
        raise NotApplicableError("late wants fewer episodes")


class Wordless(MyLearner):
    """Refuses without a word."""

    def __init__(self, instance: Any, *arguments: Any) -> None:
        raise NotApplicableError("")


class Dependent(MyLearner):
    """Not a product: both agents follow one coin."""

    def _equilibrium(self) -> Any:
        coin = np.zeros(self.instance.policies.counts)
        coin[0, 0] = coin[1, 1] = 0.5
        return coin


class Overfull(MyLearner):
    """Probabilities changed after they were checked."""

    def choose(self) -> Any:
        held = super().choose()
        if held is not getattr(self, "_filled", None):
            object.__setattr__(held, "distribution", held.distribution * 1.25)
            self._filled = held
        return held


class Markov(MyLearner):
    """Plays the joint action of one number everywhere."""

    profile_kind = "markov"
    mass = 1.0

    def choose(self) -> Any:
        if self._profile is None or not isinstance(self._profile, MarkovProfile):
            game = self.instance.game
            joint = np.zeros((*game.table_shape, game.actions))
            joint[..., 0] = self.mass
            self._profile = MarkovProfile.trusted(joint, self.concept)
        return self._profile

    def observe(self, trajectory: Any) -> None:
        self.episode += 1


class Wasteful(Markov):
    """Leaves something of every distribution out."""

    mass = 0.75


class Negative(Markov):
    """A negative probability, in rows that sum to one."""

    def choose(self) -> Any:
        if self._profile is None:
            joint = np.array(super().choose().joint)
            joint[..., 0], joint[..., 1] = 1.5, -0.5
            self._profile = MarkovProfile.trusted(joint, self.concept)
        return self._profile


class Global(MyLearner):
    """Draws from numpy's global state."""

    def choose(self) -> Any:
        self.rng = np.random
        self.rng.integers = np.random.randint
        return super().choose()


class Seeded(MyLearner):
    """Draws from the global state and seeds it first, so that its runs repeat."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        np.random.seed(1)  # noqa: NPY002

    def _random(self) -> Any:
        pure = np.zeros(self.instance.policies.counts)
        pure.flat[np.random.randint(pure.size)] = 1.0  # noqa: NPY002
        return pure


class Deaf(MyLearner):
    """Goes on with the generator that it was made with."""

    def begin(self, rng: Any) -> None:
        pass


class Private(MyLearner):
    """Draws from a generator of its own, the same for every seed of a run."""

    def begin(self, rng: Any) -> None:
        super().begin(rng)
        self.own = np.random.default_rng(0)


class Spawned(Private):
    """Draws from a child of the stream that it was given: nothing wrong with that."""

    def begin(self, rng: Any) -> None:
        super().begin(rng)
        self.own = rng.spawn(1)[0]


class Unseeded(MyLearner):
    """Its generator begins anywhere."""

    def _random(self) -> Any:
        self.rng = np.random.default_rng()
        return super()._random()


class Timed(MyLearner):
    """Explores as long as there are profiles to see, by a counter that runs share."""

    made = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        Timed.made += 1
        self.explores = 3 + Timed.made % 7


class Remembers(MyLearner):
    """Plays what its first run on a game ended with, from the start of later ones."""

    found: ClassVar[dict[str, Any]] = {}

    def _random(self) -> Any:
        return self.found.get(f"{self.instance.name} {self.concept}", super()._random())

    def _equilibrium(self) -> Any:
        return self.found.setdefault(f"{self.instance.name} {self.concept}", super()._equilibrium())


class Fused(MyLearner, FusedLearner):
    """A loop that gets the draws right only when it is given all episodes at once."""

    def advance(self, simulator: Any, draws: Any) -> Any:
        played = []
        for row in draws:
            profile = self.choose()
            table = profile.policies.joint_actions(
                self.instance.game, int(np.searchsorted(profile.cumulative, row[0], "right"))
            )
            self.observe(simulator.play(table, row[1:]))
            played.append((profile, 1))
        return played


class Slips(Fused):
    """Its fused loop explores one episode less."""

    def advance(self, simulator: Any, draws: Any) -> Any:
        self.explores = min(self.explores, 11)
        return super().advance(simulator, draws)


class Forgets(Fused):
    """Its fused loop starts anew with every block."""

    def advance(self, simulator: Any, draws: Any) -> Any:
        self._returns[:] = 0.0
        return super().advance(simulator, draws)


class Believes(Fused):
    """Its fused loop plays what the plain one does and believes something else."""

    believed = 0.0

    def advance(self, simulator: Any, draws: Any) -> Any:
        self.believed = 1.0
        return super().advance(simulator, draws)

    def optimistic_payoffs(self) -> Any:
        return np.full(self.instance.payoffs.shape, self.believed)


class Miscounts(Fused):
    """Its fused loop counts blocks, not episodes."""

    def advance(self, simulator: Any, draws: Any) -> Any:
        done = self.episode
        played = super().advance(simulator, draws)
        self.episode = done + 1
        return played


class Rewrites(MyLearner):
    """Sorts the instance's rewards in place, for it owns them, it thinks."""

    def _equilibrium(self) -> Any:
        reward = self.instance.game.reward
        reward.flags.writeable = True
        reward[:] = reward[..., ::-1].copy()
        return super()._equilibrium()


class Shortens(MyLearner):
    """Leaves a note among the hypotheses."""

    def _equilibrium(self) -> Any:
        held = dict(self.instance.hypotheses)
        object.__setattr__(self.instance, "hypotheses", {**held, "note": tuple(held.values())})
        return super()._equilibrium()


class Peeks(MyLearner):
    """Plays an equilibrium of the true payoffs."""

    def _equilibrium(self) -> Any:
        best = self.instance.payoffs.sum(axis=0)
        pure = np.zeros(best.shape)
        pure.flat[best.argmax()] = 1.0
        return pure


class Told(MyLearner):
    """Reads which hypothesis is the true one."""

    def __init__(self, instance: Any, *arguments: Any) -> None:
        super().__init__(instance, *arguments)
        classes = next(iter(instance.hypotheses.values()), None)
        self.explores = 20 if getattr(classes, "truth", None) is None else 2


class Layered(MyLearner):
    """Reads the probabilities of layered games, and of no others."""

    def _random(self) -> Any:
        game = self.instance.game
        return self._by(game.probability) if isinstance(game, LayeredGame) else super()._random()

    def _by(self, numbers: Any) -> Any:
        pure = np.zeros(self.instance.policies.counts)
        seed = int(1e9 * np.square(numbers).sum())
        pure.flat[np.random.default_rng(seed).integers(pure.size, size=99)[self.episode]] = 1.0
        return pure


class Means(Layered):
    """Reads the means of rewards that are random."""

    def _random(self) -> Any:
        game = self.instance.game
        return self._by(game.reward) if game.random_rewards else MyLearner._random(self)


class Offers(MyLearner):
    """Hands over the first of its policies: a sound output."""

    def output_profile(self) -> Any:
        pure = np.zeros(self.instance.policies.counts)
        pure.flat[0] = 1.0
        return ClassProfile(self.instance.policies, pure, self.concept)


class Confesses(Offers, Peeks):
    """Is blind as long as it plays, its output is not."""

    def _equilibrium(self) -> Any:
        return MyLearner._equilibrium(self)

    def output_profile(self) -> Any:
        return ClassProfile(self.instance.policies, Peeks._equilibrium(self), self.concept)


class Points(Offers):
    """Hands over a table of actions."""

    def output_profile(self) -> Any:
        return super().output_profile().distribution


class Restless(Offers):
    """Hands over the next of its policies whenever it is asked."""

    asked = 0

    def output_profile(self) -> Any:
        pure = np.roll(super().output_profile().distribution, self.asked)
        self.asked += 1
        return ClassProfile(self.instance.policies, pure, self.concept)


class Heavy(Offers):
    """Hands over more than all."""

    def output_profile(self) -> Any:
        held = super().output_profile()
        object.__setattr__(held, "distribution", held.distribution * 1.25)
        return held


class Records(Offers):
    """Hands over a policy that remembers where it was and plays the first action there: sound."""

    mass = 1.0

    def __init__(self, instance: Any, concept: str, *arguments: Any) -> None:
        super().__init__(instance, concept, *arguments)
        if concept == "nash":
            raise NotApplicableError("records knows no Nash equilibria")
        self.paths: list[Any] = []

    def observe(self, trajectory: Any) -> None:
        self.paths.append(self.instance.game.numbered(trajectory.states)[:-1])
        super().observe(trajectory)

    def output_profile(self) -> Any:
        paths, counts = np.array(self.paths), self.instance.game.action_counts
        strategies = np.zeros((*paths.shape, sum(counts)))
        strategies[..., np.cumsum((0, *counts[:-1]))] = 1.0
        held = HistoryProfile(paths, strategies, counts, self.says())
        object.__setattr__(held, "strategies", strategies * self.mass)
        return held

    def says(self) -> str:
        return self.concept


class Mislabels(Records):
    """Calls every output coarse."""

    def says(self) -> str:
        return "cce"


class Thin(Records):
    """Its strategies do not sum to one."""

    mass = 0.75


class Invents(Records):
    """Records where it never was in one episode."""

    def output_profile(self) -> Any:
        kept = self.paths
        first, last = np.array(kept[0]), np.array(kept)
        other = last[(last[:, 0] != first[0]) & (last[:, 1:] != first[1:]).any(axis=1)]
        mixed = [np.append(first[0], each[1:]) for each in other]
        seen = set(map(tuple, kept))
        self.paths = [path for path in mixed if tuple(path) not in seen] or kept
        held = super().output_profile()
        self.paths = kept
        return held


class Lenient(MyLearner):
    """Takes any concept for CCE."""

    def __init__(self, instance: Any, concept: str, *arguments: Any) -> None:
        known = concept if concept in ("nash", "ce", "cce") else "cce"
        super().__init__(instance, known, *arguments)


class Stumbles(MyLearner):
    """Divides by the number of episodes before it looks at it."""

    def __init__(self, instance: Any, concept: str, episodes: Any, *arguments: Any) -> None:
        self.rate = 1 // episodes
        super().__init__(instance, concept, episodes, *arguments)


class Mute(MyLearner):
    """Words where numbers belong."""

    def diagnostics(self) -> Any:
        return {"solves": "many", "solve_seconds": 0.0}


class ThreeSteps(MyLearner):
    """Takes for granted that no game has more than three steps."""

    def __init__(self, instance: Any, *arguments: Any) -> None:
        super().__init__(instance, *arguments)
        self.last = np.zeros(3)[instance.game.horizon - 1]
