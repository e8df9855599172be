"""The command line: help that teaches, exit codes that scripts can trust, no tracebacks."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

import mamex_bench as mb
from mamex_bench import cli, experiments
from mamex_bench.catalogue._certificate import Check
from mamex_bench.claims import Verdict
from mamex_bench.cli.text import WIDTH, enumeration, hanging
from mamex_bench.errors import ConvergenceError, InputError, ResultsError
from mamex_bench.model.game import Units

COMMANDS = ["list", "show", "run", "report", "verify", "measure", "claims", "compare", "doctor"]


def verdict(status, expected=None):
    words = "regret 3 against a bound of 5"
    return Verdict("regret_in_expectation", "lock", "mamex", "cce", 9, status, expected, words)


HOLDS = verdict("holds")
VACUOUS = verdict("vacuous")
VIOLATED = verdict("violated")
CAUGHT = verdict("violated", expected="violated")
MISSED = verdict("holds", expected="violated")


@dataclass(frozen=True)
class FakeCell:
    regret: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 2)))
    instance: str = "lock"
    learner: str = "mamex"
    concept: str = "cce"
    episodes: int = 2000
    status: str = "done"
    reason: str = ""


@dataclass(frozen=True)
class FakeResults:
    verdicts: tuple = ()
    cells: tuple = ()


def run(capsys, *arguments):
    """Exit code, standard output and standard error of one call."""
    try:
        code = cli.main(list(arguments))
    except SystemExit as exit_:
        code = exit_.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def needle(**parameters):
    return mb.catalogue.make("needle", **parameters)


def one_sentence(text):
    return text.startswith("mamex-bench: ") and text.count("\n") == 1 and "Traceback" not in text


# --- help ------------------------------------------------------------------------------------


def test_help_names_every_command_and_the_exit_codes(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(f"\n    {command} " in out for command in COMMANDS)
    assert "exit codes: 0" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_ends_with_examples_of_itself(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    examples = out.split("examples:\n")[1].strip().splitlines()
    assert all(line.strip().startswith(f"mamex-bench {command}") for line in examples)


def test_version(capsys):
    assert run(capsys, "--version")[:2] == (0, f"mamex-bench {mb.__version__}\n")


# --- lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "room"),
    [
        ("learners", mb.learners),
        ("measures", mb.complexity),
        ("bounds", mb.bounds),
        ("claims", mb.claims),
    ],
)
def test_list_agrees_with_the_rooms(capsys, kind, room):
    code, out, _ = run(capsys, "list", kind)
    assert code == 0
    lines = [line for line in out.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == room.names()
    assert all(len(line.split()) > 2 for line in lines), "each with its first line"


def test_list_games_tells_parameters_and_known_constants(capsys):
    code, out, _ = run(capsys, "list", "games")
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    blocks = dict(re.findall(r"^(\w+)\n((?: .*\n)+)", out, re.MULTILINE))
    assert list(blocks) == mb.catalogue.names()
    for name, text in blocks.items():
        words = " ".join(text.split())
        assert len(words.partition(" parameters ")[0]) > 20, "the first line of the docstring"
        for key, value in mb.catalogue.parameters(name).items():
            assert f"{key} = {value!r}" in words
    assert " known value = 2.5, " in " ".join(blocks["big_match"].split())


def test_list_games_goes_on_where_a_family_cannot_be_made(capsys, monkeypatch):
    def refusing(name):
        raise InputError(f"{name} needs what is not installed")

    monkeypatch.setattr(mb.catalogue, "make", refusing)
    code, out, _ = run(capsys, "list", "games")
    assert code == 0
    assert "    needle needs what is not installed\n" in out


def test_list_without_a_kind_shows_all(capsys):
    _, out, _ = run(capsys, "list")
    assert [line for line in out.splitlines() if not line.startswith(" ")] == [
        "games",
        "learners",
        "measures",
        "bounds",
        "claims",
        "suites",
    ]
    names = [line.split()[0] for line in out.splitlines()]
    assert {*mb.catalogue.names(), *mb.learners.names(), "smoke"} <= set(names)
    assert max(map(len, out.splitlines())) <= WIDTH


# --- games -----------------------------------------------------------------------------------


def test_show_a_family(capsys):
    code, out, _ = run(capsys, "show", "needle", "--set", "arms=5", "--seed", "3")
    assert code == 0
    assert out.startswith(mb.catalogue.REGISTRY.load("needle").__doc__.split("\n")[0])
    assert "  arms           8, here 5\n" in out, "the default, and the value in use"
    assert "  seed           0, here 3\n" in out
    assert "  policies     5 x 2, pure; returns from (0, 0) to (1, 0), in own units\n" in out
    assert "  hypotheses   models: ModelClass(6 models, truth 5)\n" in out
    assert re.search(r"  value +1 +proved in the docstring of needle\n", out)
    assert re.search(r"  nash +\(1, 0\)\n", out)
    assert out.count("\n  holds  ") == len(mb.catalogue.certify("needle", needle(arms=5)))
    assert out.endswith("picture: add --picture needle.png\n")
    assert max(map(len, out.splitlines())) <= WIDTH


@pytest.mark.parametrize("name", mb.catalogue.names())
def test_every_family_can_be_shown_and_holds_its_certificate(capsys, name):
    code, out, err = run(capsys, "show", name)
    assert (code, err) == (0, "")
    assert "FAILS" not in out
    assert max(map(len, out.splitlines())) <= WIDTH
    heads = [line.split(":")[0] for line in out.split("\nparameters\n")[1].splitlines()]
    assert "values by backward induction" in heads
    assert "certificate" in heads


def test_a_certificate_that_fails_is_shown_and_is_not_success(capsys, monkeypatch):
    checks = [Check("arms that pay", 1, "==", 1), Check("value of the best arm", 0.5, ">=", 1)]
    monkeypatch.setattr(mb.catalogue, "certify", lambda name, instance: checks)
    code, out, _ = run(capsys, "show", "needle")
    assert code == 1
    assert "\n  holds  arms that pay: 1 == 1\n" in out
    assert "\n  FAILS  value of the best arm: 0.5 >= 1\n" in out


def test_a_family_without_a_certificate_says_so(capsys, monkeypatch):
    monkeypatch.setattr(mb.catalogue, "certify", lambda name, instance: [])
    code, out, _ = run(capsys, "show", "needle")
    assert code == 0
    assert "  none: " in out.split("\ncertificate")[1]


def test_own_units_and_a_random_start_are_told(capsys, tmp_path):
    game = mb.catalogue.make("matrix_game", game="chicken").game
    out = run(capsys, "show", str(mb.save(game, tmp_path / "chicken.npz")))[1]
    assert "  own units    7 return + 0\n" in out
    assert "  first state  state 0\n" in out
    mixed = mb.MarkovGame(
        np.repeat(game.transition, 2, axis=1).repeat(2, axis=3) / 2,
        np.repeat(game.reward, 2, axis=2),
        game.action_counts,
        initial=[0.25, 0.75],
        units=Units(np.array([2.0, 1.0]), np.array([-1.0, 0.0])),
    )
    out = run(capsys, "show", str(mb.save(mixed, tmp_path / "mixed.npz")))[1]
    assert "agent 0: 2 return - 1; agent 1: 1 return + 0\n" in out
    assert "state 0 with probability 0.25, state 1 with probability 0.75\n" in out
    assert re.search(r"  nash +\(", out)


def test_a_layered_game_is_shown(capsys, tmp_path):
    game = mb.LayeredGame(
        layer_offsets=[0, 1, 3],
        indptr=[0, 1, 2, 2, 2, 2, 2],
        next_state=[1, 2],
        probability=[1.0, 1.0],
        reward=np.array([[[0, 0], [0, 0], [1, 1]], [[0, 0], [1, 1], [1, 0]]]),
        action_counts=(1, 2),
    )
    path = mb.save(game, tmp_path / "fork.npz")
    code, out, _ = run(capsys, "show", str(path), "--picture", str(tmp_path / "fork.svg"))
    assert code == 0
    assert "  states       3 in 2 steps, 1 to 2 in each\n" in out
    assert re.search(r"  nash +\(1, 1\)|  nash +\(0, 1\)", out)
    assert "  State graph: " in out


def test_values_of_a_game_too_large_are_left_out_with_a_reason(capsys, monkeypatch):
    from mamex_bench.cli import describe

    monkeypatch.setattr(describe, "ENTRIES", 95)
    out = run(capsys, "show", "needle")[1]
    assert "  ce    left out: 96 states times joint actions, above 95\n" in out
    assert "  nash  (1, 0)\n" in out
    monkeypatch.setattr(describe, "COMPILED", 95)
    assert run(capsys, "show", "needle")[1].count("left out: 96 states") == 3


def test_values_that_do_not_converge_are_said_to(capsys, monkeypatch):
    from mamex_bench.cli import describe

    def failing(game, concept):
        raise ConvergenceError("no equilibrium within 1e-9")

    monkeypatch.setattr(describe, "backward_induction", failing)
    code, out, _ = run(capsys, "show", "needle")
    assert code == 0
    assert out.count("no equilibrium within 1e-9") == 3


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_show_writes_a_picture(capsys, tmp_path, suffix):
    path = tmp_path / f"arms.{suffix}"
    code, out, _ = run(capsys, "show", "needle", "--picture", str(path))
    assert code == 0
    assert f"picture: {path}\n  State graph: " in out
    assert path.stat().st_size > 5_000


def test_show_and_measure_a_file(capsys, tmp_path):
    path = mb.save(mb.catalogue.make("needle", arms=3), tmp_path / "mine.npz")
    assert "  policies     3 x 2, pure" in run(capsys, "show", str(path))[1]
    code, out, _ = run(capsys, "measure", str(path), "--episodes", "20", "--no-cache")
    assert code == 0
    assert "\ndecoupling episodes=20 " in out


def test_a_game_alone_can_be_shown_but_not_measured(capsys, tmp_path):
    path = mb.save(mb.catalogue.make("needle", arms=3).game, tmp_path / "alone.npz")
    assert run(capsys, "show", str(path))[0] == 0
    code, _, err = run(capsys, "measure", str(path))
    assert code == 2
    assert one_sentence(err)
    assert "game alone" in err


def test_a_gambit_file_is_shown(capsys, tmp_path):
    path = tmp_path / "chicken.nfg"
    mb.catalogue.to_nfg(mb.catalogue.make("matrix_game", game="chicken").game, path)
    code, out, _ = run(capsys, "show", str(path), "--picture", str(tmp_path / "chicken.png"))
    assert code == 0
    assert "  own units    7 return + 0\n" in out
    assert re.search(r"  ce +\(5\.25, 5\.25\)\n", out)
    assert "Payoffs of every pair of policies" in out


def test_a_game_of_openspiel_is_shown(capsys):
    pytest.importorskip("pyspiel")
    code, out, _ = run(capsys, "show", "openspiel:matrix_pd")
    assert code == 0
    assert re.search(r"  nash +\(1, 1\)\n", out)
    assert out.endswith("picture: add --picture matrix_pd.png\n")
    code, _, err = run(capsys, "show", "openspiel:matrix_pdd")
    assert code == 2
    assert one_sentence(err)


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["show", "nedle"], "'nedle'"),
        (["show", "needle", "--set", "arms=many"], "arms is 'many'"),
        (["show", "needle", "--set", "legs=3"], "'legs'"),
        (["show", "absent.npz"], "'absent.npz'"),
        (["show", "needle.npz", "--set", "arms=3"], "--set arms"),
        (["show", "needle.npz", "--seed", "0"], "--seed"),
        (["show", "needle", "--picture", "needle.gif"], "'needle.gif'"),
        (["measure", "absent.npz", "--set", "arms=3"], "--set arms"),
        (["run", "no_such_suite", "--output", "OUT"], "no_such_suite"),
        (["report", "absent.sqlite"], "absent.sqlite"),
        (["report", "absent.sqlite", "--format", "docx"], "'docx'"),
        (["verify", "absent.sqlite"], "absent.sqlite"),
        (["claims", "absent.sqlite"], "absent.sqlite"),
        (["compare", "absent.sqlite", "absent.sqlite"], "absent.sqlite"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(capsys, tmp_path, arguments, culprit):
    arguments = [str(tmp_path / "out.sqlite") if part == "OUT" else part for part in arguments]
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert one_sentence(err)
    assert culprit in err
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["list", "cakes"],
        ["run"],
        ["run", "smoke", "--workers", "0"],
        ["measure", "needle", "--episodes", "-3"],
        ["show", "needle", "--set", "arms"],
    ],
)
def test_usage_errors_exit_with_2(capsys, arguments):
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert err.startswith("usage: mamex-bench")


@pytest.mark.parametrize("width", [20, 60, 100])
def test_text_wraps_and_loses_no_word(width):
    text = "one two three four five six seven eight nine ten eleven twelve"
    wrapped = hanging("head  ", text, width).splitlines()
    assert max(map(len, wrapped)) <= width
    assert wrapped[0].startswith("head  one")
    assert all(line.startswith("      ") for line in wrapped[1:])
    assert " ".join(" ".join(wrapped).split()) == f"head {text}"


def test_an_enumeration_breaks_between_its_parts_only():
    parts = [f"key{k} = ({k}, {k})" for k in range(20)]
    lines = enumeration("    ", parts).splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= WIDTH
    assert "".join(f"{line.strip()} " for line in lines).strip() == ", ".join(parts)
    assert all(line.endswith(",") for line in lines[:-1])


# --- verdicts become exit codes --------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ((), 0),
        ((HOLDS, VACUOUS), 0),
        ((HOLDS, CAUGHT), 0),
        ((HOLDS, VIOLATED), 1),
        ((CAUGHT, MISSED), 1),
    ],
)
def test_claims_exit_code(capsys, monkeypatch, verdicts, expected):
    monkeypatch.setattr(experiments, "results", lambda path: FakeResults(verdicts))
    code, out, _ = run(capsys, "claims", "some.sqlite")
    assert code == expected
    assert out.splitlines()[-1].startswith(f"{len(verdicts)} verdicts: ")


def test_a_failed_cell_is_named_and_is_not_success(capsys, monkeypatch):
    results = FakeResults((HOLDS,), (FakeCell(status="failed", reason="seed 3: no hypothesis"),))
    monkeypatch.setattr(experiments, "results", lambda path: results)
    code, _, err = run(capsys, "claims", "some.sqlite")
    assert code == 1
    assert one_sentence(err)
    assert "lock, mamex, cce: seed 3" in err


def test_run_reports_where_the_results_are_and_judges(capsys, monkeypatch, tmp_path):
    calls = []

    def run_suite(suite, output, workers=None, quiet=None):
        calls.append((suite, str(output), workers, quiet))
        return output

    monkeypatch.setattr(experiments, "run_suite", run_suite)
    monkeypatch.setattr(experiments, "results", lambda path: FakeResults((VIOLATED,)))
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "run", "dir/mine.toml", "--workers", "3")
    assert code == 1
    assert "1 verdicts: 1 violated" in out
    assert run(capsys, "run", "smoke", "--output", "x.sqlite", "--quiet")[1] == ""
    assert calls == [
        ("dir/mine.toml", "results/mine.sqlite", 3, None),
        ("smoke", "x.sqlite", None, True),
    ]


def test_an_interrupt_says_that_the_run_resumes(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiments, "run_suite", interrupted)
    code, _, err = run(capsys, "run", "smoke")
    assert code == 130
    assert one_sentence(err)
    assert "goes on from there" in err


@pytest.mark.parametrize("error", [InputError("x is 3"), ResultsError("x is 3"), OSError("x is 3")])
def test_errors_on_purpose_are_one_sentence(capsys, monkeypatch, error):
    def failing(*_, **__):
        raise error

    monkeypatch.setattr(experiments, "verify", failing)
    assert run(capsys, "verify", "some.sqlite") == (2, "", "mamex-bench: x is 3\n")


def test_a_bug_is_not_swallowed(monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(experiments, "verify", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["verify", "some.sqlite"])


# --- comparing -------------------------------------------------------------------------------


def test_compare_takes_medians_over_seeds_of_the_sum_over_agents(capsys, monkeypatch):
    def cell(*finals, **names):
        halves = np.array(finals)[:, None, None] / 2
        regret = np.concatenate([np.zeros((len(finals), 1, 2)), halves.repeat(2, axis=2)], axis=1)
        return FakeCell(regret, **names)

    before = FakeResults(cells=(cell(1.0, 2.0, 30.0), cell(1.0, learner="uniform")))
    after = FakeResults(cells=(cell(5.0), cell(1.0, learner="uniform", status="failed")))
    files = {"before.sqlite": before, "after.sqlite": after}
    monkeypatch.setattr(experiments, "results", files.__getitem__)
    code, out, _ = run(capsys, "compare", *files)
    assert code == 0
    assert "lock mamex cce 2,000 2 5 2.500" in " ".join(out.split())
    assert out.endswith("only in A: 1 cells\n")


def test_compare_without_a_common_cell_is_an_input_error(capsys, monkeypatch):
    monkeypatch.setattr(experiments, "results", lambda path: FakeResults())
    code, _, err = run(capsys, "compare", "a.sqlite", "b.sqlite")
    assert code == 2
    assert one_sentence(err)


# --- the machine -----------------------------------------------------------------------------


def test_doctor_finds_this_machine_healthy(capsys):
    code, out, _ = run(capsys, "doctor")
    assert code == 0
    assert all(line.startswith("ok ") for line in out.splitlines())
    assert "kernels" in out.splitlines()[-1]


def test_doctor_reports_a_cache_that_cannot_be_written(capsys, monkeypatch, tmp_path):
    from mamex_bench.kernels import _jit

    (tmp_path / "file").touch()
    monkeypatch.setattr(_jit, "kernel_cache_directory", lambda: tmp_path / "file" / "cache")
    code, out, _ = run(capsys, "doctor")
    assert code == 2
    assert "BAD  cache" in out
    assert "MAMEX_BENCH_CACHE" in out


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_ends_quietly(unbuffered):
    script = "from mamex_bench.cli import main; raise SystemExit(main(['list']))"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert error == b""


# --- one suite from end to end ---------------------------------------------------------------

SUITE = """
episodes = 40
seeds = 2
[[instance]]
id = "needle"
family = "needle"
[[learner]]
id = "mamex"
concept = ["nash", "cce"]
eta = "tuned"
[[learner]]
id = "uniform"
concept = ["cce"]
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A suite file and its results, run by the command line."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "tiny.toml").write_text(SUITE, encoding="utf-8")
    arguments = ["run", str(folder / "tiny.toml"), "--output", str(folder / "tiny.sqlite")]
    assert cli.main([*arguments, "--workers", "1", "--quiet"]) == 0
    return folder


def test_the_same_command_goes_on_where_it_stopped(capsys, tiny):
    path = tiny / "tiny.sqlite"
    cells = experiments.results(path).cells
    assert len(cells) == 3
    arguments = ["run", str(tiny / "tiny.toml"), "--output", str(path), "--workers", "1"]
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert f"results: {path}" in out
    again = experiments.results(path).cells
    assert [cell.seconds.tolist() for cell in again] == [cell.seconds.tolist() for cell in cells]


def test_an_edited_suite_is_refused_and_the_results_stay(capsys, tiny, tmp_path):
    edited = tmp_path / "tiny.toml"
    edited.write_text(SUITE.replace("seeds = 2", "seeds = 3"), encoding="utf-8")
    before = (tiny / "tiny.sqlite").read_bytes()
    code, _, err = run(capsys, "run", str(edited), "--output", str(tiny / "tiny.sqlite"))
    assert code == 2
    assert one_sentence(err)
    assert (tiny / "tiny.sqlite").read_bytes() == before


def test_claims_verify_and_compare_read_the_results(capsys, tiny):
    path = str(tiny / "tiny.sqlite")
    code, out, _ = run(capsys, "claims", path)
    assert code == 0
    assert "regret_in_expectation" in out
    assert run(capsys, "verify", path)[0] == 0
    code, out, _ = run(capsys, "compare", path, path)
    assert code == 0
    rows = [line.split() for line in out.splitlines()[2:]]
    assert len(rows) == 3
    assert all(row[4] == row[5] for row in rows)


def test_damaged_results_are_refused(capsys, tmp_path):
    path = tmp_path / "damaged.sqlite"
    path.write_bytes(b"SQLite format 3\0" + b"nonsense" * 100)
    for command in ("claims", "verify", "report"):
        code, _, err = run(capsys, command, str(path))
        assert code == 2
        assert one_sentence(err)
        assert "damaged.sqlite" in err
    assert [p.name for p in tmp_path.iterdir()] == ["damaged.sqlite"]


# --- measure -----------------------------------------------------------------------------------


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMEX_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "measures"


def test_measure_prints_a_row_per_measure_and_variant(capsys, own_cache):
    code, out, _ = run(capsys, "measure", "needle", "--set", "arms=3", "--episodes", "10")
    assert code == 0
    rows = [line.split() for line in out.splitlines()[2:]]
    assert {row[0] for row in rows} == set(mb.complexity.names())
    assert ["bellman_rank", "kind=Q", "3"] in [row[:3] for row in rows]
    assert ["bellman_rank", "kind=V", "1"] in [row[:3] for row in rows]
    assert "cached" not in out


def test_measures_are_read_back_until_the_instance_or_the_estimator_changes(
    capsys, own_cache, monkeypatch
):
    from mamex_bench.complexity import _cache

    arguments = ["measure", "needle", "--measure", "bellman_rank", "--set"]
    first = run(capsys, *arguments, "arms=3")[1]
    assert "cached" not in first
    assert len(list(own_cache.iterdir())) == 2
    again = run(capsys, *arguments, "arms=3")[1]
    assert again.count("  cached ") == 2
    assert "cached" not in run(capsys, *arguments, "arms=3", "--no-cache")[1]
    assert "cached" not in run(capsys, *arguments, "arms=4")[1]
    monkeypatch.setattr(_cache, "estimator_version", lambda: "another")
    assert "cached" not in run(capsys, *arguments, "arms=3")[1]
    for path in own_cache.iterdir():
        path.write_text("{", encoding="utf-8")
    assert "cached" not in run(capsys, *arguments, "arms=3")[1]


def test_what_does_not_apply_says_so_in_its_row(capsys, own_cache):
    code, out, _ = run(
        capsys, "measure", "small_eluder", "--measure", "witness_rank", "--measure", "coverability"
    )
    assert code == 0
    words = " ".join(out.split())
    assert "witness_rank - 0.0" in words
    assert "the witness rank is defined for models" in words


def test_an_unknown_measure_is_named_before_anything_is_measured(capsys, own_cache):
    code, out, err = run(capsys, "measure", "needle", "--measure", "decoupled")
    assert (code, out) == (2, "")
    assert one_sentence(err)
    assert "'decoupled'" in err


def test_a_cache_that_cannot_be_written_costs_nothing_else(capsys, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("MAMEX_BENCH_CACHE", str(tmp_path / "file"))
    assert run(capsys, "measure", "needle", "--measure", "coverability")[0] == 0
