"""Atlases as files: mistakes are told before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mamex_bench import catalogue, content
from mamex_bench.errors import SuiteError
from mamex_bench.experiments.atlas.plan import check_buildable, parse_plan, read_plan

GAME = '[[game]]\nid = "n"\nfamily = "needle"\n'


SWEEP = '[[sweep]]\nid = "s"\nfamily = "needle"\n'


MISTAKES = [
    ("", "nothing to measure"),
    ("episodes = 0\n" + GAME, "episodes is 0: expected a whole number"),
    ('catalogue = ["needel"]', "did you mean 'needle'?"),
    ("colour = 1\n" + GAME, "unknown key 'colour'"),
    ('[[game]]\nid = "n"', "[[game]] 'n': family is missing: expected one of"),
    ('[[game]]\nfamily = "needle"', "id is missing"),
    (GAME + "parameters = { legs = 2 }", 'a key of parameters is "legs": expected one of seed'),
    (GAME + GAME, "'n' occurs twice"),
    (GAME + 'bracket_only = "yes"', "expected true or false"),
    (SWEEP, "[[sweep]] 's': parameter is missing: expected one of K, arms"),
    (SWEEP + 'parameter = "legs"\nvalues = [1, 2]', 'parameter is "legs": expected one of K, arms'),
    (SWEEP + 'parameter = "arms"', "values is []: expected at least two values"),
    (SWEEP + 'parameter = "arms"\nvalues = [2]', "expected at least two values"),
    (SWEEP + 'parameter = "arms"\nvalues = [2, 2]', "expected different ones"),
    (SWEEP + 'parameter = "truth"\nvalues = ["none", "last"]', "or axis = one of agents"),
    (SWEEP + 'parameter = "K"\nvalues = [1.5, 2]', "expected whole numbers of episodes"),
    (SWEEP + 'parameter = "arms"\nvalues = [2, 4]\naxis = "z"', 'axis is "z": expected one of'),
    (SWEEP + 'parameter = "arms"\nvalues = [2, 4]\nbounds = "best"', 'bounds is "best"'),
    (SWEEP + 'parameter = "arms"\nvalues = [2, 4]\nmeasures = "m"', "expected one of nothing"),
    (SWEEP + 'parameter = "arms"\nvalues = [2, 4]\nfixed = { arms = 1 }', "a key of fixed"),
    ('[[measure]]\nid = "m"\n' + GAME, 'name is "m": expected one of bellman_eluder_dimension'),
    (
        '[[measure]]\nid = "coverability"\noptions = { scale = 1 }\n' + GAME,
        'a key of options is "scale": expected one of nothing',
    ),
    ('[[measure]]\nid = "coverability"\ngammas = [1]\n' + GAME, "gammas is for name"),
    (GAME + '[regret]\nlearner = "mamx"', "did you mean 'mamex'?"),
    (GAME + '[regret]\nconcept = "best"', 'concept is "best"'),
    (GAME + "[regret]\noptions = { eto = 1 }", "did you mean 'eta'?"),
    (GAME + "[relations]\nscale = -1", "expected a positive number"),
    ("episodes = ", "is not valid TOML"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistakes_are_told_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(SuiteError) as caught:
        parse_plan(text, "mine.toml", "mine")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("mine.toml")


def test_a_value_that_the_family_refuses_is_told_before_anything_runs() -> None:
    text = SWEEP + 'parameter = "arms"\nvalues = [0, 2]\naxis = "policies"'
    with pytest.raises(SuiteError, match=r"mine.toml: \[\[sweep\]\] 's': .*arms is 0"):
        check_buildable(parse_plan(text, "mine.toml", "mine"))


def test_atlases_by_name_or_path(tmp_path: Path) -> None:
    assert set(content.atlases()) >= {"atlas", "atlas_smoke"}
    assert not set(content.atlases()) & set(content.suites())
    for name in content.atlases():
        plan = read_plan(name)
        assert plan.name == name
        assert plan.regret is not None
    with pytest.raises(SuiteError, match=r"unknown atlas 'atlass': .*did you mean 'atlas'\?"):
        read_plan("atlass")
    with pytest.raises(SuiteError, match=r"no atlas file .*absent.toml"):
        read_plan(tmp_path / "absent.toml")
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SuiteError, match="cannot be read"):
        read_plan(path)


def test_the_whole_catalogue_is_in_the_atlas() -> None:
    plan = read_plan("atlas")
    assert set(catalogue.names()) <= {spec.family for spec in plan.games}
    measured = {spec.name for spec in plan.measures}
    assert {
        "decision_estimation",
        "bellman_eluder_dimension",
        "single_agent_decoupling",
    } <= measured
