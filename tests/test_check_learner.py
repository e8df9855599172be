"""check-learner: the template passes, and each planted fault is caught by the line meant for it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from test_readme import EXAMPLES

from mamex_bench import cli, learners
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.experiments import conformance, duties
from mamex_bench.experiments.conformance import Subject, check, subject
from mamex_bench.learners._base import FusedLearner
from mamex_bench.model.history import HistoryProfile
from mamex_bench.model.layered import LayeredGame
from mamex_bench.model.profiles import ClassProfile, MarkovProfile

TEMPLATE = Path(learners.__file__).with_name("_template.py")
SOUND = subject(str(TEMPLATE))
MyLearner: Any = SOUND.module.MyLearner  # type: ignore[union-attr]


@pytest.fixture(autouse=True)
def few_games(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three small games: with hypotheses of models, with random rewards, layered."""
    few = {name: conformance.TRIALS[name] for name in ("models", "random rewards", "layered")}
    monkeypatch.setattr(conformance, "TRIALS", few)


def failures(who: Subject, families: tuple[str, ...] = ()) -> dict[str, str]:
    return {line.name: line.detail for line in check(who, families) if line.status == "failed"}


def failure(who: Subject, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the line of that name says, "" unless it says that the learner failed."""
    families = (name.removeprefix("family "),) if name.startswith("family ") else ()
    only = {key: function for key, function in conformance.CHECKS.items() if key == name}
    monkeypatch.setattr(conformance, "CHECKS", only)
    return failures(who, families).get(name, "")


def made_by(cls: type, **change: Any) -> Subject:
    """A subject that makes learners of this class, in a module with the template's guarantee."""

    def factory(instance: Any, *, concept: str, episodes: int, share: float = 0.1) -> Any:
        return cls(instance, concept, episodes, share)

    return Subject(cls.__name__, change.get("factory", factory), change.get("module", SOUND.module))


# ----- what passes -------------------------------------------------------------------------------


def test_the_template_passes_every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    families = ("needle", "three_concepts", "purgatory")
    lines = list(check(SOUND, families))
    assert not [line for line in lines if line.status == "failed"]
    assert [line.name for line in lines] == [
        "guarantee",
        "options",
        *conformance.CHECKS,
        *(f"family {name}" for name in families),
    ]
    others = {line.name for line in lines if line.status != "ok"}
    assert others == {"output", "fused loop", "blocks"}
    repeats = next(line for line in lines if line.name == "repeats")
    assert repeats.detail.endswith("; 12 games, 36 cases")


@pytest.mark.parametrize("name", ["uniform", "ucbvi"])
def test_registered_learners_pass_by_name(name: str) -> None:
    assert not failures(subject(name), ("needle",))


def test_outputs_that_remember_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "CHECKS", {"output": duties.output, "blind": duties.blind})
    lines = {line.name: line for line in check(subject("v_learning_tuned"), ())}
    assert lines["blind"].status == lines["output"].status == "ok"
    assert lines["output"].detail.startswith("certified history-dependent policy, gap at most ")


def test_the_learner_of_the_readme_passes(tmp_path: Path) -> None:
    path = tmp_path / "stubborn.py"
    path.write_text(EXAMPLES["mamex_bench/learners/stubborn.py"], encoding="utf-8")
    assert not failures(subject(str(path)), ("needle",))


def test_games_on_which_a_learner_does_not_exist_are_said_not_to_apply() -> None:
    def factory(instance: Any, *, concept: str, episodes: int) -> Any:
        raise NotApplicableError("it wants no game at all")

    lines = list(check(made_by(MyLearner, factory=factory), ("needle",)))
    states = {line.name: line.status for line in lines}
    assert states["family needle"] == states["protocol"] == "not applicable"
    assert "failed" not in states.values()
    assert "it wants no game at all" in [line.detail for line in lines]


# ----- planted faults ----------------------------------------------------------------------------


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


FAULTS = [
    (Fresh, "protocol", "choose returned another object before anything was observed"),
    (Countless, "protocol", "episode is 0 after 1 observed: expected 1"),
    (Late, "repeats", "it refuses while it runs: late wants fewer episodes; expected that when"),
    (Late, "probabilities", "it refuses while it runs: late wants fewer episodes; expected that"),
    (Late, "family needle", "it refuses while it runs: late wants fewer episodes; expected that"),
    (Wordless, "protocol", "it refuses with '': expected one sentence"),
    (Dependent, "probabilities", "that is no product of the agents' strategies, under Nash: off b"),
    (Overfull, "probabilities", "a profile whose probabilities sum to 1.25"),
    (Wasteful, "probabilities", "a profile whose probabilities sum to 0.75"),
    (Negative, "probabilities", "a profile with a probability of -0.5"),
    (Global, "repeats", "the same seed again: another profile"),
    (Global, "randomness", "it changes the state of numpy's or Python's global random numbers"),
    (Seeded, "randomness", "it changes the state of numpy's or Python's global random numbers"),
    (Deaf, "randomness", "rng is not the stream that begin was given"),
    (Private, "randomness", "own is a generator of its own: expected rng, or one of rng.spawn()"),
    (Unseeded, "repeats", "the same seed again: "),
    (Timed, "repeats", "the same seed again: profiles change in other episodes"),
    (Slips, "fused loop", "choose and observe instead of advance: "),
    (Forgets, "blocks", "blocks of 7 episodes: "),
    (Rewrites, "hands off the instance", "the instance, or its payoffs, are not what they were"),
    (Shortens, "hands off the instance", "the instance, or its payoffs, are not what they were"),
    (Peeks, "blind to the truth", "the same data, another choice where only what it must not"),
    (Told, "blind to the truth", "the same data, another choice where only what it must not"),
    (Layered, "blind to the truth", "on layered, nash: episode "),
    (Means, "blind to the truth", "on random rewards, nash: episode "),
    (Confesses, "blind to the truth", "the same data, another output where only what it must not"),
    (Points, "output", "expected a ClassProfile, MarkovProfile or HistoryProfile"),
    (Restless, "output", "output_profile gives something else when it is asked again"),
    (Heavy, "output", "an output whose probabilities sum to 1.25"),
    (Mislabels, "output", "on models, ce: an output of concept 'cce': expected 'ce'"),
    (Thin, "output", "an output whose probabilities sum to 0.75"),
    (Invents, "output", "never visited in a row"),
    (Lenient, "refuses", "concept 'equilibrium' is not refused with an InputError"),
    (Stumbles, "refuses", "episodes 0 is met with ZeroDivisionError: "),
    (Mute, "diagnostics", "solves is 'many': expected a number"),
    (ThreeSteps, "family purgatory", "nash: IndexError: index "),
]


@pytest.mark.parametrize(("cls", "name", "words"), FAULTS, ids=lambda x: getattr(x, "__name__", ""))
def test_every_planted_fault_is_caught_by_its_own_line(
    cls: type, name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert words in failure(made_by(cls), name, monkeypatch)


def test_every_line_has_a_planted_fault() -> None:
    lines = {name for _, name, _ in FAULTS if not name.startswith("family")}
    assert lines == set(conformance.CHECKS)


def test_what_an_earlier_run_left_behind_is_noticed_by_the_whole_check() -> None:
    """The first run is compared before others fill what is kept."""
    assert "the same seed again" in failures(made_by(Remembers))["repeats"]


@pytest.mark.parametrize(
    ("cls", "name"),
    [(Fused, "fused loop"), (Fused, "blocks"), (Markov, "probabilities"), (Offers, "output"),
     (Records, "output"), (Spawned, "randomness")],
)  # fmt: skip
def test_what_the_faults_were_planted_in_is_sound_itself(
    cls: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = {name: conformance.CHECKS[name]}
    monkeypatch.setattr(conformance, "CHECKS", only)
    assert [line.status for line in check(made_by(cls), ()) if line.name == name] == ["ok"]


def test_a_missing_guarantee_and_an_option_without_default_are_named() -> None:
    def factory(instance: Any, *, concept: str, episodes: int, share: float) -> Any:
        return MyLearner(instance, concept, episodes, share)

    found = failures(Subject("bare", factory, None))
    assert found["guarantee"].startswith("its module has no GUARANTEE = Guarantee(...)")
    assert found["options"] == "option 'share' has no default"


def test_what_is_no_learner_is_named() -> None:
    who = made_by(MyLearner, factory=lambda instance, *, concept, episodes: object())
    assert "made a object: expected a Learner" in failures(who)["protocol"]


# ----- finding them, and the command line --------------------------------------------------------


def test_a_learner_is_found_by_name_by_file_and_by_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_module_of_mine.py").write_text(TEMPLATE.read_text("utf-8"), encoding="utf-8")
    for target in ("uniform", "own_module_of_mine", "own_module_of_mine.py"):
        assert subject(target).factory.__name__ == "make"
    assert subject("own_module_of_mine:make").name == "make"
    sys.modules.pop("own_module_of_mine")
    for target, words in (
        ("absent.py", "no file 'absent.py'"),
        ("uniforn", "'uniforn' cannot be imported: ModuleNotFoundError"),
        ("own_module_of_mine.py:absent", "has no 'absent' to make a learner with"),
    ):
        with pytest.raises(InputError, match=words):
            subject(target)
    (tmp_path / "broken.py").write_text("x = 1 / 0\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"'broken\.py' cannot be imported: ZeroDivisionError"):
        subject("broken.py")


def test_the_commands_write_a_learner_and_check_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new-learner", "cautious_one"]) == 0
    assert cli.main(["new-learner", "cautious_one"]) == 2
    text = (tmp_path / "cautious_one.py").read_text("utf-8")
    assert "class CautiousOne(Learner)" in text
    assert "my_learner" not in text.lower().replace("my learner", "")
    assert cli.main(["check-learner", "cautious_one.py", "--family", "needle"]) == 0
    printed = capsys.readouterr().out
    assert "  ok              family needle                nash, ce, cce" in printed
    assert printed.endswith("(not applicable: the learner says that it does not exist there)\n")
    bad = text.replace("self.episode += 1", "pass")
    (tmp_path / "cautious_one.py").write_text(bad, encoding="utf-8")
    assert cli.main(["check-learner", "cautious_one.py", "--family", "needle"]) == 1
    assert "  failed          protocol" in capsys.readouterr().out
    assert cli.main(["check-learner", "nobody_knows_me"]) == 2
    assert cli.main(["check-learner", "uniform", "--family", "needl"]) == 2
    for name in ("uniform", "Bad", "a-b"):
        assert cli.main(["new-learner", name]) == 2
