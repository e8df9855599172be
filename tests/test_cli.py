"""The command line: help that teaches, lists, bad input in one sentence, no tracebacks."""

import os
import re
import subprocess
import sys

import pytest
from command_line import one_sentence, run

import mamex_bench as mb
from mamex_bench import cli, experiments
from mamex_bench.cli.text import WIDTH, enumeration, hanging
from mamex_bench.errors import InputError, ResultsError

COMMANDS = ["list", "show", "run", "report", "verify", "measure", "claims", "compare", "doctor"]


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
