"""The README promises nothing that does not work: its examples run, its commands exist."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mamex_bench as mb
from mamex_bench import claims, cli, experiments
from mamex_bench.runs.results import load_results

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", README, re.DOTALL))
TINY = """
episodes = 30
seeds = 2
[[instance]]
id = "needle"
family = "needle"
[[learner]]
id = "uniform"
concept = ["cce"]
"""
ROOMS = {
    "catalogue": mb.catalogue,
    "learners": mb.learners,
    "complexity": mb.complexity,
    "bounds": mb.bounds,
    "claims": mb.claims,
}


@pytest.fixture
def newcomer(tmp_path):
    """The rooms of the house with the README's files in them, and nothing else touched."""
    added = []
    for name, text in EXAMPLES.items():
        path = Path(name)
        if path.suffix == ".py" and path.parts[0] == "mamex_bench":
            folder = tmp_path / path.parts[1]
            folder.mkdir()
            (folder / path.name).write_text(text, encoding="utf-8")
            ROOMS[path.parts[1]].__path__.append(str(folder))
            added.append((ROOMS[path.parts[1]], str(folder), path.stem))
    yield tmp_path
    for room, folder, module in added:
        room.__path__.remove(folder)
        sys.modules.pop(f"{room.__name__}.{module}", None)


def test_the_session_runs(capsys):
    exec(compile(EXAMPLES["session"], "README.md", "exec"), {})
    regret, bracket = capsys.readouterr().out.splitlines()
    assert len(regret.strip("[]").split()) == 2
    lower, upper = map(float, bracket.split())
    assert 0 < lower <= upper


def test_the_game_the_learner_and_the_measure_need_no_other_file(newcomer):
    assert "meeting" in mb.catalogue.names()
    assert "stubborn" in mb.learners.names()
    instance = mb.catalogue.make("meeting", places=4)
    learner = mb.learners.make("stubborn", instance, concept="nash", episodes=10)
    run = mb.run(instance, learner, episodes=10, seed=0)
    assert np.array_equal(run.regret, np.zeros((10, 2))), "the first place is an equilibrium"
    assert mb.complexity.measure("log_policies", instance) == pytest.approx(np.log(16))
    assert mb.equilibria.gaps(instance.payoffs, np.eye(4) / 4, "ce").max() <= 1e-12
    assert instance.known["welfare"].value == instance.payoffs.sum(axis=0).max()


def test_the_bound_of_the_learner_is_found_and_holds(newcomer):
    instance = mb.catalogue.make("needle")
    at = np.array([1, 10])
    words = {"concept": "cce", "episodes": 10, "checkpoints": at}
    (found,) = mb.bounds.of_learner("stubborn", instance, options={}, **words)
    assert (found.name, found.kind) == ("all_lost", "proved")
    run = mb.run(instance, mb.learners.make("stubborn", instance, episodes=10), episodes=10)
    regret = run.cumulative(at).sum(axis=1)
    assert (regret > 0.0).all()
    assert (regret <= found.values).all()
    assert not mb.bounds.of_learner("uniform", instance, options={}, **words)


def test_the_certificate_of_the_game_is_shown_and_can_fail(newcomer, capsys):
    assert cli.main(["show", "meeting"]) == 0
    assert capsys.readouterr().out.count("\n  holds  ") == 2
    instance = mb.catalogue.make("meeting")
    game = instance.game
    richer = mb.MarkovGame(game.transition, np.ones_like(game.reward), game.action_counts)
    poorer = mb.MarkovGame(game.transition, game.reward / 2, game.action_counts)
    for other, holds in ((game, [True, True]), (richer, [True, True]), (poorer, [False, False])):
        checks = mb.catalogue.certify("meeting", mb.Instance(other, instance.policies))
        assert [check.holds for check in checks] == holds


def test_the_claim_needs_no_other_file(newcomer):
    suite = newcomer / "tiny.toml"
    suite.write_text(TINY, encoding="utf-8")
    path = experiments.run_suite(suite, newcomer / "tiny.sqlite", workers=1, quiet=True)
    loaded = load_results(path)
    (verdict,) = claims.judge("trivial_bound", loaded)
    assert verdict.status == "holds"
    assert verdict.statement.endswith("the bound 30"), "a range of 1 times 30 episodes"
    cells = [replace(cell, class_regret=cell.class_regret + 31) for cell in loaded.cells]
    (verdict,) = claims.judge("trivial_bound", replace(loaded, cells=tuple(cells)))
    assert verdict.status == "violated"
    assert EXAMPLES["theory/trivial_bound.md"].startswith("# ")


def test_every_command_line_of_the_readme_parses():
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    lines = [line.partition("#")[0].split() for line in "".join(blocks).splitlines()]
    calls = [words[1:] for words in lines if words[:1] == ["mamex-bench"]]
    assert len(calls) >= 4
    for call in calls:
        assert cli.parser().parse_args(call).command


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"\bmake ([a-z]+)\b", README))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {"report", "test"} <= targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_every_link_of_the_readme_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target
