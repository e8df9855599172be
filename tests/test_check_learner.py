"""check-learner: the template passes, and each planted fault is caught by the line meant for it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import bad_learners as bad
import pytest
from bad_learners import SOUND, TEMPLATE, MyLearner
from test_readme import EXAMPLES

from mamex_bench import cli
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.experiments import conformance, duties
from mamex_bench.experiments.conformance import Subject, check, subject


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

FAULTS = [
    (bad.Fresh, "protocol", "choose returned another object before anything was observed"),
    (bad.Countless, "protocol", "episode is 0 after 1 observed: expected 1"),
    (bad.Late, "repeats", "it refuses while it runs: late wants fewer episodes; expected"),
    (bad.Late, "probabilities", "it refuses while it runs: late wants fewer episodes"),
    (bad.Late, "family needle", "it refuses while it runs: late wants fewer episodes"),
    (bad.Wordless, "protocol", "it refuses with '': expected one sentence"),
    (bad.Dependent, "probabilities", "that is no product of the agents' strategies, under Nash"),
    (bad.Overfull, "probabilities", "a profile whose probabilities sum to 1.25"),
    (bad.Wasteful, "probabilities", "a profile whose probabilities sum to 0.75"),
    (bad.Negative, "probabilities", "a profile with a probability of -0.5"),
    (bad.Global, "repeats", "the same seed again: "),
    (bad.Global, "randomness", "it changes the state of numpy's or Python's global random numbers"),
    (bad.Seeded, "randomness", "it changes the state of numpy's or Python's global random numbers"),
    (bad.Deaf, "randomness", "rng is not the stream that begin was given"),
    (bad.Private, "randomness", "own is a generator of its own: expected rng, or one"),
    (bad.Unseeded, "repeats", "the same seed again: "),
    (bad.Timed, "repeats", "the same seed again: profiles change in other episodes"),
    (bad.Slips, "fused loop", "choose and observe instead of advance: "),
    (bad.Believes, "fused loop", "other optimistic payoffs after the last episode"),
    (bad.Miscounts, "fused loop", "episode is 1 after 120 in a run"),
    (bad.Forgets, "blocks", "blocks of 7 episodes: "),
    (bad.Rewrites, "hands off the instance", "the instance, or its payoffs, are not"),
    (bad.Shortens, "hands off the instance", "the instance, or its payoffs, are not"),
    (bad.Peeks, "blind to the truth", "the same data, another choice where only what"),
    (bad.Told, "blind to the truth", "the same data, another choice where only what"),
    (bad.Layered, "blind to the truth", "on layered, nash: episode "),
    (bad.Means, "blind to the truth", "on random rewards, nash: episode "),
    (bad.Confesses, "blind to the truth", "the same data, another output where only what"),
    (bad.Points, "output", "expected a ClassProfile, MarkovProfile or HistoryProfile"),
    (bad.Restless, "output", "output_profile gives something else when it is asked again"),
    (bad.Heavy, "output", "an output whose probabilities sum to 1.25"),
    (bad.Mislabels, "output", "on models, ce: an output of concept 'cce': expected 'ce'"),
    (bad.Thin, "output", "an output whose probabilities sum to 0.75"),
    (bad.Invents, "output", "never visited in a row"),
    (bad.Lenient, "refuses", "concept 'equilibrium' is not refused with an InputError"),
    (bad.Stumbles, "refuses", "episodes 0 is met with ZeroDivisionError: "),
    (bad.Mute, "diagnostics", "solves is 'many': expected a number"),
    (bad.ThreeSteps, "family purgatory", "nash: IndexError: index "),
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
    assert "the same seed again" in failures(made_by(bad.Remembers))["repeats"]


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (bad.Fused, "fused loop"),
        (bad.Fused, "blocks"),
        (bad.Markov, "probabilities"),
        (bad.Offers, "output"),
        (bad.Records, "output"),
        (bad.Spawned, "randomness"),
    ],
)
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
    for name in ("uniform", "Bad", "a-b", "import"):
        assert cli.main(["new-learner", name]) == 2
