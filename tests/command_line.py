"""Calls of the command line, and what they leave behind."""

from mamex_bench import cli


def run(capsys, *arguments):
    """Exit code, standard output and standard error of one call."""
    try:
        code = cli.main(list(arguments))
    except SystemExit as exit_:
        code = exit_.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def one_sentence(text):
    return text.startswith("mamex-bench: ") and text.count("\n") == 1 and "Traceback" not in text
