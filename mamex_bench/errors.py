"""What can go wrong, one class per kind, so that a caller can tell bad input from a bug."""

from __future__ import annotations


class MamexBenchError(Exception):
    """Base of every error that this package raises on purpose: one sentence, naming the culprit."""


class InputError(MamexBenchError, ValueError):
    """An argument, game, policy or hypothesis has the wrong shape, range or name."""


class SuiteError(MamexBenchError, ValueError):
    """A suite file is malformed; the message names file, key and allowed values."""


class ResultsError(MamexBenchError, ValueError):
    """A results file is missing, damaged or of another schema version."""


class NotApplicableError(MamexBenchError):
    """A learner, measure or bound does not apply to this instance or concept."""


class MisspecifiedError(MamexBenchError):
    """An observed transition has probability zero under every hypothesis."""


class ConvergenceError(MamexBenchError):
    """A numerical search ended without a certified answer where one is required."""
