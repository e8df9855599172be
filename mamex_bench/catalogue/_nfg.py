"""Strategic games in Gambit's `.nfg` format, read and written; see `catalogue.from_nfg`.

A file is a list of tokens (strings in double quotes, braces, numbers; commas and line breaks are
blanks):

    NFG 1 R "title" { "agent" ... }  then either
      { 3 2 } "comment"?  payoffs                        payoff version: counts of strategies,
                                                         per profile one payoff per agent
      { { "a" "b" } { "c" } } "comment"?  payoffs        the same with names
      { { "a" "b" } { "c" } } "comment"?                 outcome version: outcomes, then per
        { { "outcome" payoffs } ... } indices            profile the number of one, 0 for none

Profiles are in the order in which the first agent's strategy changes fastest. Numbers are whole,
decimal or rational ("1/3"). The format is described in the manual of Gambit (Savani and Turocy).
"""

from __future__ import annotations

import os
import re
from math import inf, isfinite, prod
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, floats
from mamex_bench.model.game import Game, MarkovGame, Units

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([{}])|([^\s,{}"]+)|(")', re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+/\d+|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,30}")
_SHOWN = 40  # characters of a token in messages
_MOST = 60  # agents: NumPy's arrays have 64 dimensions
_LARGEST = 1e300  # of payoffs, whose differences must be finite


def from_nfg(path: str | os.PathLike[str]) -> MarkovGame:
    """See `catalogue.from_nfg`."""
    return game_of(read(path))


def to_nfg(game: Game | ArrayLike, path: str | os.PathLike[str], title: str) -> None:
    """See `catalogue.to_nfg`."""
    if isinstance(game, Game):
        if game.horizon != 1 or np.count_nonzero(game.initial) != 1:
            raise InputError(
                f"{game!r} is no strategic game: expected horizon 1 and one first state"
            )
        table = game.reward.reshape(game.agents, game.initial.size, game.actions)
        stage = table[:, int(np.argmax(game.initial))]
        payoffs = game.units.to_own(stage).reshape(game.agents, *game.action_counts)
    else:
        try:
            payoffs = np.asarray(game)
        except ValueError as error:
            raise InputError("payoffs has rows of unequal lengths: expected an array") from error
        if payoffs.ndim < 2 or payoffs.shape[0] != payoffs.ndim - 1:
            raise InputError(
                f"payoffs has shape {payoffs.shape}: expected (n, A_0, ..., A_{{n-1}})"
            )
        payoffs = floats(payoffs, "payoffs", payoffs.ndim)
    n, counts = len(payoffs), payoffs.shape[1:]
    quoted = title.replace("\\", "\\\\").replace('"', '\\"')
    agents = " ".join(f'"{i}"' for i in range(n))
    # Fortran order: the first agent's strategy changes fastest.
    rows = [" ".join(map(_number, row)) for row in payoffs.reshape(n, -1, order="F").T]
    head = f'NFG 1 R "{quoted}" {{ {agents} }} {{ {" ".join(map(str, counts))} }}'
    try:
        Path(path).write_text("\n".join([head, "", *rows, ""]), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written: {error.strerror}") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"path is {path!r}: expected the name of a file") from error


def game_of(payoffs: Floats) -> MarkovGame:
    """The strategic game (n, A_0, ..., A_{n-1}) as a Markov game with H = S = 1."""
    n = len(payoffs)
    table = payoffs.reshape(n, -1)
    low, span = table.min(axis=1), np.ptp(table, axis=1)
    scale = np.where(span > 0.0, span, 1.0)
    reward = ((table - low[:, None]) / scale[:, None]).reshape(n, 1, 1, -1)
    transition = np.ones((1, 1, table.shape[1], 1))
    return MarkovGame(transition, reward, payoffs.shape[1:], units=Units(scale, low))


def read(path: str | os.PathLike[str]) -> Floats:
    """(n, A_0, ..., A_{n-1}): the payoffs of a file, in own units."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{str(path)!r} is not a text file: expected Gambit's .nfg") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"path is {path!r}: expected the name of a file") from error
    return _File(str(path), text).payoffs()


class _File:
    """A file, token by token: (kind, text) with kind string, brace, word or end."""

    def __init__(self, name: str, text: str) -> None:
        self._name, self._at = name, 0
        self._tokens: list[tuple[str, str]] = []
        for match in _TOKEN.finditer(text):
            string, brace, word, torn = match.groups()
            if torn is not None:
                raise self._error("is cut short: a string has no closing quote")
            if brace is not None:
                self._tokens.append(("brace", brace))
            elif word is not None:
                self._tokens.append(("word", word))
            else:
                self._tokens.append(("string", string))

    def payoffs(self) -> Floats:
        self._word("NFG", "the letters NFG at the start")
        self._word("1", "format version 1")
        kind, text = self._next("the letter R")
        if kind != "word" or text not in ("R", "D"):
            raise self._wrong("the letter R", kind, text)
        self._string("the title")
        self._brace("{", "the list of agents")
        n = 0
        while not self._skip("}"):
            self._string("an agent's name or }")
            n += 1
        if n == 0:
            raise self._error("names no agent: expected at least one")
        if n > _MOST:
            raise self._error(f"names {n} agents: expected at most {_MOST}")
        counts = self._counts(n)
        if self._peek()[0] == "string":
            self._next("the comment")
        if self._peek() == ("brace", "{"):
            return self._outcomes(n, counts)
        return self._table(n, counts)

    def _counts(self, n: int) -> tuple[int, ...]:
        self._brace("{", "the list of strategies")
        counts: list[int] = []
        while not self._skip("}"):
            if self._skip("{"):
                count = 0
                while not self._skip("}"):
                    self._string("a strategy's name or }")
                    count += 1
            else:
                kind, text = self._next("a number of strategies")
                if kind != "word" or not _WHOLE.fullmatch(text):
                    raise self._wrong("a number of strategies", kind, text)
                count = int(text)
            if count == 0:
                raise self._error(f"gives agent {len(counts)} no strategy: expected at least one")
            counts.append(count)
        if len(counts) != n:
            raise self._error(f"has strategies for {len(counts)} agents: expected {n}")
        return tuple(counts)

    def _table(self, n: int, counts: tuple[int, ...]) -> Floats:
        total = prod(counts) * n
        if len(self._tokens) - self._at < total:
            given = len(self._tokens) - self._at
            raise self._error(f"is cut short: it has {given} payoffs, expected {total}")
        values = [self._value(f"payoff {k + 1} of {total}") for k in range(total)]
        self._end(f"{total} payoffs")
        return _profiles(np.array(values).reshape(-1, n), counts)

    def _outcomes(self, n: int, counts: tuple[int, ...]) -> Floats:
        self._brace("{", "the list of outcomes")
        outcomes = [[0.0] * n]  # number 0: no outcome, no payoff
        while not self._skip("}"):
            self._brace("{", "an outcome or }")
            self._string("an outcome's name")
            k = len(outcomes)
            outcomes.append([self._value(f"the {n} payoffs of outcome {k}") for _ in range(n)])
            self._brace("}", f"}} after the {n} payoffs of outcome {k}")
        total, chosen = prod(counts), []
        for profile in range(total):
            kind, text = self._next(f"the outcomes of {total} profiles, {profile} found")
            if kind != "word" or not _WHOLE.fullmatch(text) or int(text) >= len(outcomes):
                what = f"the number of one of {len(outcomes) - 1} outcomes"
                raise self._wrong(what, kind, text)
            chosen.append(outcomes[int(text)])
        self._end(f"the outcomes of {total} profiles")
        return _profiles(np.array(chosen), counts)

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _next(self, expected: str) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise self._error(f"is cut short: expected {expected}")
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip(self, brace: str) -> bool:
        """Whether the next token is this brace, which is then passed."""
        here = self._peek() == ("brace", brace)
        self._at += here
        return here

    def _brace(self, brace: str, expected: str) -> None:
        kind, text = self._next(expected)
        if (kind, text) != ("brace", brace):
            raise self._wrong(expected, kind, text)

    def _string(self, expected: str) -> None:
        kind, text = self._next(f"{expected}, in quotes")
        if kind != "string":
            raise self._wrong(f"{expected}, in quotes", kind, text)

    def _word(self, word: str, expected: str) -> None:
        kind, text = self._next(expected)
        if (kind, text) != ("word", word):
            raise self._wrong(expected, kind, text)

    def _value(self, expected: str) -> float:
        kind, text = self._next(expected)
        if kind != "word" or not _NUMBER.fullmatch(text):
            raise self._wrong(f"{expected}, a number", kind, text)
        whole, _, parts = text.partition("/")
        try:
            value = int(whole) / int(parts) if parts else float(text)
        except (ArithmeticError, ValueError):
            value = inf
        if not isfinite(value):
            raise self._wrong(f"{expected}, a finite number", kind, text)
        if abs(value) > _LARGEST:
            raise self._wrong(f"{expected}, at most {_LARGEST:g} in size,", kind, text)
        return value

    def _end(self, after: str) -> None:
        kind, text = self._peek()
        if kind != "end":
            raise self._wrong(f"the end of the file after {after}", kind, text)

    def _wrong(self, expected: str, kind: str, text: str) -> InputError:
        short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        shown = f'"{short}"' if kind == "string" else short if short.isprintable() else repr(short)
        return self._error(f"has {shown} where {expected} should be")

    def _error(self, what: str) -> InputError:
        return InputError(f"{self._name!r} {what}")


def _profiles(rows: Floats, counts: tuple[int, ...]) -> Floats:
    """(profiles, n), first agent's strategy fastest, as (n, A_0, ..., A_{n-1})."""
    return np.stack([column.reshape(counts, order="F") for column in rows.T])


def _number(value: float) -> str:
    """A decimal that reads back as the same float64; whole numbers without a point.

    Gambit reads no plus sign.
    """
    if value == int(value) and abs(value) < 2**53:
        return str(int(value))
    return repr(float(value)).replace("e+", "e")
