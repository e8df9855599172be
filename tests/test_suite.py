"""Suites: what they mean, and one clear sentence for everything that can be wrong with one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mamex_bench import catalogue, content
from mamex_bench.errors import InputError, SuiteError
from mamex_bench.experiments.execute import describe
from mamex_bench.experiments.suite import Suite, build, parse_suite, read_suite
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.storage import save

HEAD = 'episodes = 50\nseeds = 2\n[[instance]]\nid = "lock"\nfamily = "combination_lock"\n'
LEARNER = '[[learner]]\nid = "mamex"\nname = "mamex"\nconcept = "cce"\n'


def parse(text: str, folder: Path = Path()) -> Suite:
    return parse_suite(text, "mine.toml", "mine", folder)


def test_defaults_order_and_expansion_over_episodes() -> None:
    suite = parse(
        """
        [[instance]]
        id = "cube"
        family = "hypercube"
        episodes = [100, 400]
        [[instance]]
        id = "lock"
        family = "combination_lock"
        parameters = { length = 2 }
        episodes = 70
        concept = ["cce", "ce"]
        [[learner]]
        id = "mamex"
        concept = ["nash", "ce"]
        eta = 0.5
        instances = "cube"
        [[learner]]
        id = "planted"
        name = "planted_no_optimism"
        expect = "violated"
        concept = ["nash", "cce"]
        instances = ["cube@400", "lock"]
        """
    )
    assert (suite.name, suite.title, suite.episodes, suite.seeds, suite.delta) == (
        "mine",
        "mine",
        1000,
        20,
        0.05,
    )
    assert [(spec.id, spec.group, spec.episodes) for spec in suite.instances] == [
        ("cube@100", "cube", 100),
        ("cube@400", "cube", 400),
        ("lock", "lock", 70),
    ]
    assert [(spec.id, learner.id, c) for spec, learner, c in suite.cells()] == [
        ("cube@100", "mamex", "nash"),
        ("cube@100", "mamex", "ce"),
        ("cube@400", "mamex", "nash"),
        ("cube@400", "mamex", "ce"),
        ("cube@400", "planted", "nash"),
        ("cube@400", "planted", "cce"),
        ("lock", "planted", "cce"),
    ]
    assert suite.learner("mamex").options == {"eta": 0.5}
    assert suite.learner("planted").expect == "violated"
    # a family that takes `episodes` gets K: the hypercube's gap is tied to it
    gaps = [build(spec, "mine.toml").known["delta"].value for spec in suite.instances[:2]]
    assert gaps[0] == pytest.approx(2 * gaps[1])


def test_an_instance_may_be_a_panel_for_some_learners() -> None:
    """Its `learners` keep the others away; their own `instances` are as before."""
    text = """
        [[instance]]
        id = "lock"
        family = "combination_lock"
        [[instance]]
        id = "short"
        family = "combination_lock"
        episodes = [5, 9]
        learners = ["slow", "mamex"]
        [[learner]]
        id = "mamex"
        [[learner]]
        id = "uniform"
        [[learner]]
        id = "slow"
        name = "double_oracle"
        instances = "short"
    """
    suite = parse_suite(text, "mine.toml", "mine", Path())
    assert [(spec.id, learner.id) for spec, learner, _ in suite.cells()] == [
        ("lock", "mamex"),
        ("lock", "uniform"),
        ("short@5", "mamex"),
        ("short@5", "slow"),
        ("short@9", "mamex"),
        ("short@9", "slow"),
    ]
    with pytest.raises(SuiteError, match=r"'short': learners is \"slo\": .* \(did you mean 'slow'"):
        parse_suite(text.replace('["slow",', '["slo",'), "mine.toml", "mine", Path())


def test_a_list_of_learners_may_have_a_name_and_concepts_a_default() -> None:
    text = """
        concept = ["nash", "ce"]
        panels = { quick = ["mamex", "uniform"], both = ["uniform", "slow"] }
        [[instance]]
        id = "lock"
        family = "combination_lock"
        learners = "quick"
        [[instance]]
        id = "short"
        family = "combination_lock"
        learners = ["slow", "quick", "both"]
        [[learner]]
        id = "mamex"
        [[learner]]
        id = "uniform"
        concept = "cce"
        [[learner]]
        id = "slow"
        name = "double_oracle"
    """
    suite = parse_suite(text, "mine.toml", "mine", Path())
    assert [spec.learners for spec in suite.instances] == [
        ("mamex", "uniform"),
        ("slow", "mamex", "uniform"),
    ]
    assert [spec.concepts for spec in suite.learners] == [("nash", "ce"), ("cce",), ("nash", "ce")]
    for wrong, right, message in (
        ('"uniform"],', '"unifrm"],', r"panels: quick is \"unifrm\": .*did you mean 'uniform'"),
        ("both =", "slow =", r"panels: 'slow' is a learner: expected another name"),
        ('= "quick"', '= "quik"', r"'lock': learners is \"quik\": .*did you mean 'quick'"),
        ('["mamex", "uniform"]', "3", r"panels: quick is 3: expected a string or a list"),
        ('["nash", "ce"]', '"nsh"', r"concept is \"nsh\": expected one of"),
        ('["uniform", "slow"]', "[]", r"panels: both is \[\]: expected .* a list of at least one"),
        ('"uniform", "slow"', '"quick"', r"panels: both names the panel 'quick': expected learn"),
        ('["slow", "quick", "both"]', '"mamex"', r"\[\[learner\]\] 'slow' is never run"),
        ('learners = "quick"', 'concept = "cce"\nlearners = "mamex"', r"'lock' is never run"),
    ):
        assert wrong in text
        with pytest.raises(SuiteError, match=message):
            parse_suite(text.replace(wrong, right), "mine.toml", "mine", Path())


MISTAKES = [
    ("episodes = ", "mine.toml is not valid TOML: Invalid value"),
    ("", "mine.toml: instance is missing: expected at least one table [[instance]]"),
    (HEAD, "mine.toml: learner is missing: expected at least one table [[learner]]"),
    (
        "episode = 5\n" + HEAD + LEARNER,
        "mine.toml: unknown key 'episode': expected one of title, description, episodes, seeds, "
        "delta, concept, panels, instance, learner (did you mean 'episodes'?)",
    ),
    (
        HEAD.replace("50", "0") + LEARNER,
        "mine.toml: episodes is 0: expected a whole number from 1 to 10^12",
    ),
    (
        HEAD.replace("seeds = 2", "seeds = true") + LEARNER,
        "mine.toml: seeds is true: expected a whole number from 1 to 10^12",
    ),
    (HEAD.replace("50", str(10**30)) + LEARNER, "expected a whole number from 1 to 10^12"),
    (HEAD + LEARNER + "eta = 1e-320\n", 'expected "paper", "tuned" or a number from 1e-100'),
    ("instance = []\n" + LEARNER, "instance is []: expected at least one table [[instance]]"),
    ("learner = []\n" + HEAD, "learner is []: expected at least one table [[learner]]"),
    (
        "delta = 1.5\n" + HEAD + LEARNER,
        "mine.toml: delta is 1.5: expected a number strictly between 0 and 1",
    ),
    (
        "instance = 3\n" + LEARNER,
        "mine.toml: instance is 3: expected at least one table [[instance]]",
    ),
    (
        HEAD.replace('id = "lock"\n', "") + LEARNER,
        "mine.toml: [[instance]] number 1: id is missing: expected a name of letters, digits, "
        "'_', '-' and '.'",
    ),
    (
        HEAD.replace('"lock"', '"a@b"') + LEARNER,
        'mine.toml: [[instance]] number 1: id is "a@b": expected a name of letters, digits',
    ),
    (
        HEAD + HEAD.split("\n", 2)[2] + LEARNER,
        "mine.toml: [[instance]]: 'lock' occurs twice, expected different ones",
    ),
    (
        HEAD.replace("combination_lock", "combination_lok") + LEARNER,
        "[[instance]] 'lock': family is \"combination_lok\": expected one of ",
    ),
    (
        HEAD.replace("combination_lock", "combination_lok") + LEARNER,
        "(did you mean 'combination_lock'?)",
    ),
    (
        HEAD + 'file = "mine.npz"\n' + LEARNER,
        "[[instance]] 'lock': expected one of family =, file = and openspiel =",
    ),
    (
        HEAD + "parameters = { lenght = 3 }\n" + LEARNER,
        "[[instance]] 'lock': a key of parameters is \"lenght\": expected one of seed, length,",
    ),
    (
        HEAD + "parameters = 3\n" + LEARNER,
        "[[instance]] 'lock': parameters is 3: expected a table { ... }",
    ),
    (
        HEAD + "episodes = [10, 10]\n" + LEARNER,
        "[[instance]] 'lock': episodes is [10, 10]: expected a whole number from 1 to 10^12, or a "
        "list of different ones",
    ),
    (
        HEAD + 'policies = "all"\n' + LEARNER,
        "[[instance]] 'lock': policies is for a file or a game of OpenSpiel; a family takes "
        "parameters = { ... }",
    ),
    (
        HEAD + "horizon = 3\n" + LEARNER,
        "[[instance]] 'lock': horizon is for a game of OpenSpiel",
    ),
    (
        HEAD.replace("family", "openspiel") + "limit = 0\n" + LEARNER,
        "[[instance]] 'lock': limit is 0: expected a whole number from 1 to 10^12",
    ),
    (
        HEAD.replace("family", "openspiel") + "parameters = { horizon = 3 }\n" + LEARNER,
        "[[instance]] 'lock': parameters is for a family, not for a game of OpenSpiel: write "
        '"name(key=value)"',
    ),
    (
        HEAD.replace('family = "combination_lock"', 'file = "absent.nfg"\nopenspiel = "go"')
        + LEARNER,
        "[[instance]] 'lock': expected one of family =, file = and openspiel =",
    ),
    (
        HEAD + "famly = 3\n" + LEARNER,
        "[[instance]] 'lock': unknown key 'famly': expected one of id, episodes, parameters, "
        "policies, hypotheses, concept, learners, family, file, openspiel, limit, horizon "
        "(did you mean 'family'?)",
    ),
    (
        HEAD.replace('family = "combination_lock"', 'file = "absent.npz"') + LEARNER,
        "[[instance]] 'lock': file 'absent.npz' cannot be read: No such file or directory",
    ),
    (
        HEAD + LEARNER.replace('name = "mamex"', 'name = "mamx"'),
        "[[learner]] 'mamex': name is \"mamx\": expected one of ",
    ),
    (
        HEAD + LEARNER.replace('"cce"', '"cee"'),
        "[[learner]] 'mamex': concept is \"cee\": expected one of nash, ce, cce (did you mean",
    ),
    (
        HEAD + LEARNER.replace('"cce"', '["ce", "ce"]'),
        "[[learner]] 'mamex': concept names 'ce' twice, expected different ones",
    ),
    (
        HEAD + LEARNER + "ets = 3.0\n",
        "[[learner]] 'mamex': unknown key 'ets': expected one of id, name, concept, instances, "
        "expect, eta, hypotheses, mode (did you mean 'eta'?)",
    ),
    (
        HEAD + LEARNER + "eta = 0.0\n",
        '[[learner]] \'mamex\': eta is 0.0: expected "paper", "tuned" or a number',
    ),
    (
        HEAD + LEARNER + 'eta = "tuend"\n',
        '[[learner]] \'mamex\': eta is "tuend": expected "paper", "tuned" or a number',
    ),
    (
        HEAD + LEARNER + 'instances = ["lok"]\n',
        "[[learner]] 'mamex': instances is \"lok\": expected one of lock (did you mean 'lock'?)",
    ),
    (
        HEAD + LEARNER + 'expect = "holds"\n',
        "[[learner]] 'mamex': expect is \"holds\": expected one of violated",
    ),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistakes_name_file_key_and_allowed_values(text: str, message: str) -> None:
    with pytest.raises(SuiteError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("mine.toml")


def test_suites_by_name_or_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + LEARNER)
    assert read_suite(path).name == "mine"
    for name in content.suites():
        assert read_suite(name).name == name
    with pytest.raises(SuiteError, match=r"unknown suite 'smok': .*did you mean 'smoke'\?"):
        read_suite("smok")
    with pytest.raises(SuiteError, match=r"no suite file .*absent.toml"):
        read_suite(tmp_path / "absent.toml")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SuiteError, match="cannot be read"):
        read_suite(path)


def test_files_come_with_their_bytes_and_generators(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(3), size=(2, 3, 4))
    save(MarkovGame(rows, rng.random((2, 2, 3, 4)), (2, 2)), tmp_path / "mine.npz")
    text = (
        '[[instance]]\nid = "mine"\nfile = "mine.npz"\npolicies = { sample = [5, 6] }\n'
        "hypotheses = { net = 7 }\n" + LEARNER
    )
    spec = parse(text, tmp_path).instances[0]
    (tmp_path / "mine.npz").unlink()  # the bytes have been read
    instance = build(spec, "mine.toml")
    assert instance.policies.counts == (5, 6)
    assert isinstance(instance.hypothesis(), ModelClass)
    assert instance.hypothesis().size == 7
    again = parse_suite(text, "mine.toml", "mine", Path("/nowhere"), {"mine": spec.data})
    assert again.instances[0].data == spec.data
    (tmp_path / "mine.npz").write_bytes(b"junk")
    with pytest.raises(SuiteError, match=r"^mine.toml: \[\[instance\]\] 'mine': 'mine.npz' is not"):
        build(parse(text, tmp_path).instances[0], "mine.toml")


NFG = """NFG 1 R "pennies" { "even" "odd" } { 2 2 }

1 -1 -1 1 -1 1 1 -1
"""


def test_strategic_games_of_gambit_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "pennies.nfg").write_text(NFG)
    text = '[[instance]]\nid = "mine"\nfile = "pennies.nfg"\npolicies = "all"\n' + LEARNER
    instance = build(parse(text, tmp_path).instances[0], "mine.toml")
    assert (instance.name, instance.game.horizon, instance.policies.counts) == (
        "pennies",
        1,
        (2, 2),
    )
    np.testing.assert_allclose(instance.game.units.to_own(instance.payoffs)[0], [[1, -1], [-1, 1]])
    (tmp_path / "pennies.nfg").write_text(NFG[:40])
    with pytest.raises(SuiteError, match=r"^mine.toml: \[\[instance\]\] 'mine': 'pennies.nfg'"):
        build(parse(text, tmp_path).instances[0], "mine.toml")


def spiel(keys: str) -> str:
    return f'[[instance]]\nid = "real"\nopenspiel = "mine(a=1,\\nb=2)"\n{keys}\n' + LEARNER


def test_games_of_openspiel_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter is asked once, with what the suite says; a class and models are put to it."""
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(3), size=(2, 3, 4))
    game = MarkovGame(rows, rng.random((2, 2, 3, 4)), (2, 2)).layered()
    asked: list[object] = []

    def adapter(name: str, **options: int) -> object:
        asked.append((name, options))
        if options.get("limit") == 1:
            raise InputError("mine(a=1) is too large")
        return game

    monkeypatch.setattr(catalogue, "from_openspiel", adapter)
    keys = 'limit = 9\nhorizon = 2\npolicies = { closure = 6, concept = "cce", seed = 1 }\n'
    spec = parse(spiel(keys + "hypotheses = { net = 7, distance = [0.1, 0.2] }")).instances[0]
    instance = build(spec, "mine.toml")
    assert asked == [("mine(a=1,\nb=2)", {"limit": 9, "horizon": 2})]
    assert instance.name == "mine(a=1,/b=2)"
    assert instance.policies.counts == (6, 6)
    assert {"unrestricted_gap", "covering_radius"} <= set(instance.known)
    assert instance.hypothesis().transitions.shape == (7, game.probability.size)
    again = build(spec, "mine.toml")
    for first, second in zip(instance.policies.tables, again.policies.tables):
        np.testing.assert_array_equal(first, second)
    header = describe(spec, instance)
    assert header["family"] == "openspiel"
    assert header["description"] == "the game mine(a=1,/b=2) of OpenSpiel"
    for keys, message in [
        ('limit = 1\npolicies = "all"', "mine(a=1) is too large"),
        ("", "is a game alone: declare policies, for example { sample = [32, 32] }"),
        ("policies = { closure = 0 }", "policies: size is 0: expected a whole number"),
        ('policies = { closure = 4, concept = "ne" }', "unknown concept 'ne': choose one of"),
        ("policies = { closure = 4, size = 2 }", "policies has no key 'size': choose among"),
        ('policies = "some"', "policies is 'some': expected 'all' or { sample"),
        ('policies = "all"\nhypotheses = { net = 4, floor = 0.1 }', "floor is 0.1: expected 0"),
    ]:
        with pytest.raises(SuiteError) as caught:
            build(parse(spiel(keys)).instances[0], "mine.toml")
        assert str(caught.value).startswith("mine.toml: [[instance]] 'real': ")
        assert message in str(caught.value)


def test_real_games_come_with_classes_that_hold_their_equilibria() -> None:
    pytest.importorskip("pyspiel")
    suite = read_suite("real_games")
    three = build(suite.instance("goofspiel_three"), suite.path)
    assert three.policies.counts == (6, 6, 6)
    assert three.known["unrestricted_gap"].value <= 1e-9
    soccer = build(suite.instance("soccer"), suite.path)
    known = {name: each.value for name, each in soccer.known.items()}
    assert known["equilibrium_value_0"] == pytest.approx(0.4833850419, abs=1e-8)
    # Neither agent could get further from the class's value than the gap, in own units.
    missing = known["unrestricted_gap"] * float(soccer.game.units.scale[0])
    assert abs(known["class_value_0"] - known["equilibrium_value_0"]) <= missing + 1e-9
    assert missing <= 0.06


def test_refusals_of_a_family_name_the_instance() -> None:
    suite = parse(HEAD + "parameters = { length = 0 }\n" + LEARNER)
    with pytest.raises(SuiteError, match=r"^mine.toml: \[\[instance\]\] 'lock': length is 0"):
        build(suite.instances[0], suite.path)
