"""The results file: one SQLite database, appended to in transactions, nothing ever changed in it.

Tables (schema version 3):

    meta       key, value                     suite name and text, dates; JSON
    events     time, kind, header             sessions: versions and machine
    instances  id, header                     the instances, in the suite's order
    cells      instance, learner, concept     the work list, in the suite's order
    prepared   owner, header                  brackets (per instance and class), bounds (per cell)
    runs       instance, learner, concept, seed, header
    arrays     owner, name, data              packed arrays; the owner names a row above

Arrays are packed as `runs.packing` has it; which arrays a run has is told in `runs.stored`.

Files of versions 1 and 2, whose arrays are plain `.npy` bytes, can be read, not added to.

`PRAGMA application_id` and `user_version` identify file and schema. Triggers refuse every update
and deletion. No pickles.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mamex_bench.errors import MamexBenchError, ResultsError
from mamex_bench.model.storage import replacing
from mamex_bench.runs.packing import pack, unpack

APPLICATION = 0x4D414D58  # "MAMX"
VERSION = 3
READABLE = (1, 2, 3)

_TABLES = """
create table meta (key text primary key, value text not null);
create table events (
    number integer primary key, time text not null, kind text not null, header text not null
);
create table instances (
    position integer primary key, id text not null unique, header text not null
);
create table cells (
    position integer primary key, instance text not null, learner text not null,
    concept text not null, header text not null, unique (instance, learner, concept)
);
create table prepared (owner text primary key, header text not null);
create table runs (
    instance text not null, learner text not null, concept text not null, seed integer not null,
    header text not null, primary key (instance, learner, concept, seed)
);
create table arrays (
    owner text not null, name text not null, data blob not null, primary key (owner, name)
);
"""


@dataclass(frozen=True)
class RunKey:
    """Which run: ids of the suite, and the seed."""

    instance: str
    learner: str
    concept: str
    seed: int

    @property
    def cell(self) -> tuple[str, str, str]:
        return self.instance, self.learner, self.concept

    @property
    def owner(self) -> str:
        return f"run/{self.instance}/{self.learner}/{self.concept}/{self.seed}"


@dataclass(frozen=True, eq=False)
class Stored:
    """A row with its arrays: a JSON-able header and named arrays."""

    header: Mapping[str, Any]
    arrays: Mapping[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def undamaged(path: str | os.PathLike[str]) -> Iterator[None]:
    """ResultsError in place of what rows cause that lack something or hold it in odd shapes."""
    try:
        yield
    except MamexBenchError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ResultsError(f"{str(path)!r} is damaged: {error!r}") from error


class Store:
    """An open results file. Use as a context manager."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.version = VERSION
        self._connection = connection

    # --- opening ---

    @classmethod
    def create(
        cls,
        path: Path,
        meta: Mapping[str, Any],
        instances: Mapping[str, Stored],
        cells: Mapping[tuple[str, str, str], Mapping[str, Any]],
    ) -> Store:
        """A new file with its work list; it appears under its name complete or not at all."""
        if path.exists():
            raise ResultsError(f"{str(path)!r} exists already")
        with (
            replacing(path) as temporary,
            Store(temporary, sqlite3.connect(temporary)) as store,
            store._transaction() as db,
        ):
            store._create_tables()
            db.executemany(
                "insert into meta values (?, ?)", [(key, _json(v)) for key, v in meta.items()]
            )
            for id, stored in instances.items():
                row = (id, _json(stored.header))
                db.execute("insert into instances (id, header) values (?, ?)", row)
                store._add_arrays(f"instance/{id}", stored.arrays)
            db.executemany(
                "insert into cells (instance, learner, concept, header) values (?, ?, ?, ?)",
                [(*cell, _json(header)) for cell, header in cells.items()],
            )
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Store:
        """An existing file; raises ResultsError, and changes nothing, when it is not one."""
        if not path.is_file():
            raise ResultsError(f"no results file {str(path)!r}")
        try:
            connection = sqlite3.connect(f"file:{_quoted(path)}?mode=rw", uri=True)
        except sqlite3.Error as error:
            raise ResultsError(f"{str(path)!r} cannot be opened: {error}") from error
        store = cls(path, connection)
        try:
            with store._reading():
                if store._pragma("application_id") != APPLICATION:
                    raise ResultsError(f"{str(path)!r} is not a results file of mamex-bench")
                store.version = store._pragma("user_version")
                if store.version not in READABLE:
                    raise ResultsError(
                        f"{str(path)!r} has schema version {store.version}: this program reads "
                        f"{READABLE[0]} to {READABLE[-1]}"
                    )
                if store._pragma("quick_check") != "ok":
                    raise ResultsError(f"{str(path)!r} is damaged")
        except BaseException:
            connection.close()
            raise
        return store

    def _create_tables(self) -> None:
        db = self._connection
        for statement in _TABLES.split(";"):
            db.execute(statement)
        for table in ("meta", "events", "instances", "cells", "prepared", "runs", "arrays"):
            for change in ("update", "delete"):
                db.execute(
                    f"create trigger {table}_{change} before {change} on {table} "
                    "begin select raise(abort, 'results files are append-only'); end"
                )
        db.execute(f"pragma application_id = {APPLICATION}")
        db.execute(f"pragma user_version = {VERSION}")

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- appending ---

    def add_event(self, kind: str, header: Mapping[str, Any]) -> None:
        """Something about a session: what happened, and under which conditions."""
        row = (datetime.now(UTC).isoformat(timespec="seconds"), kind, _json(header))
        with self._transaction() as db:
            db.execute("insert into events (time, kind, header) values (?, ?, ?)", row)

    def add_prepared(self, rows: Mapping[str, Stored]) -> None:
        """Brackets and bounds by owner, in one transaction."""
        with self._transaction() as db:
            for owner, stored in rows.items():
                db.execute("insert into prepared values (?, ?)", (owner, _json(stored.header)))
                self._add_arrays(owner, stored.arrays)

    def add_runs(self, rows: Iterable[tuple[RunKey, Stored]]) -> None:
        """Finished runs, in one transaction."""
        with self._transaction() as db:
            for key, stored in rows:
                row = (key.instance, key.learner, key.concept, key.seed, _json(stored.header))
                db.execute("insert into runs values (?, ?, ?, ?, ?)", row)
                self._add_arrays(key.owner, stored.arrays)

    def _add_arrays(self, owner: str, arrays: Mapping[str, Any]) -> None:
        rows = [(owner, name, pack(array)) for name, array in arrays.items()]
        self._connection.executemany("insert into arrays values (?, ?, ?)", rows)

    # --- reading ---

    def meta(self) -> dict[str, Any]:
        return {key: _value(value) for key, value in self._rows("select key, value from meta")}

    def events(self) -> list[tuple[str, str, dict[str, Any]]]:
        rows = self._rows("select time, kind, header from events order by number")
        return [(time, kind, _value(header)) for time, kind, header in rows]

    def instances(self) -> dict[str, dict[str, Any]]:
        rows = self._rows("select id, header from instances order by position")
        return {id: _value(header) for id, header in rows}

    def cells(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        rows = self._rows("select instance, learner, concept, header from cells order by position")
        return {(row[0], row[1], row[2]): _value(row[3]) for row in rows}

    def prepared(self) -> dict[str, dict[str, Any]]:
        rows = self._rows("select owner, header from prepared")
        return {owner: _value(header) for owner, header in rows}

    def runs(self) -> dict[RunKey, dict[str, Any]]:
        """Headers of all runs, in the order of their keys."""
        rows = self._rows(
            "select instance, learner, concept, seed, header from runs "
            "order by instance, learner, concept, seed"
        )
        return {RunKey(*row[:4]): _value(row[4]) for row in rows}

    def arrays(self, owner: str, names: Iterable[str] | None = None) -> dict[str, Any]:
        """The named arrays of an owner (default: all)."""
        rows = self._rows("select name, data from arrays where owner = ?", (owner,))
        wanted = None if names is None else set(names)
        found = {
            name: self._unpack(owner, name, data)
            for name, data in rows
            if wanted is None or name in wanted
        }
        if wanted is not None and wanted - set(found):
            lost = ", ".join(sorted(wanted - set(found)))
            raise ResultsError(f"{str(self.path)!r} lacks the arrays {lost} of {owner}")
        return found

    def _rows(self, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._reading():
            return self._connection.execute(query, parameters).fetchall()

    def _unpack(self, owner: str, name: str, data: bytes) -> Any:
        try:
            return unpack(data)
        except (ValueError, EOFError, OSError) as error:
            raise ResultsError(
                f"{str(self.path)!r} is damaged: array {name!r} of {owner} is no packed array"
            ) from error

    def _pragma(self, name: str) -> Any:
        return self._connection.execute(f"pragma {name}").fetchone()[0]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, json.JSONDecodeError) as error:
            raise ResultsError(f"{str(self.path)!r} is not a readable results file: {error}") from (
                error
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; on a full disk or a second writer what was there before stays."""
        try:
            with self._connection:
                self._connection.execute("begin immediate")
                yield self._connection
        except sqlite3.Error as error:
            raise ResultsError(f"{str(self.path)!r} cannot be written: {error}") from error


def _json(value: Any) -> str:
    """JSON proper: numbers that are not finite become {"float": "nan"} and the like."""

    def plain(item: Any) -> Any:
        if isinstance(item, Mapping):
            return {str(k): plain(v) for k, v in item.items()}
        if isinstance(item, (list, tuple)):
            return [plain(v) for v in item]
        if isinstance(item, (bool, str, int)) or item is None:
            return item
        if isinstance(item, np.integer):
            return int(item)
        number = float(item)
        return number if np.isfinite(number) else {"float": str(number)}

    return json.dumps(plain(value), allow_nan=False)


def _value(text: str) -> Any:
    return json.loads(text, object_hook=lambda d: float(d["float"]) if d.keys() == {"float"} else d)


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(os.fspath(path.resolve()))
