"""The command line on suites and results: exit codes that scripts can trust."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from command_line import one_sentence, run

from mamex_bench import cli, experiments
from mamex_bench.claims import Verdict


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
    assert "1 verdict: 1 violated" in out
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
    assert out.endswith("only in A: 1 cell\n")


def test_compare_without_a_common_cell_is_an_input_error(capsys, monkeypatch):
    monkeypatch.setattr(experiments, "results", lambda path: FakeResults())
    code, _, err = run(capsys, "compare", "a.sqlite", "b.sqlite")
    assert code == 2
    assert one_sentence(err)


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
