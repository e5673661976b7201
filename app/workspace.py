"""What modelglass remembers for this user: recent evaluations and saved cohorts, in one JSON file.

The file is written whole or not at all, one writer at a time. A file that cannot be read is renamed and kept, never written over.
Nothing in it is believed: it is checked on reading, a condition goes through the same locked SQL parser as any other, a path is opened
only when a person asks for it, and that somebody once vouched for a pickle is not remembered.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from modelglass.analysis.errors import InputError, MachineError
from modelglass.analysis.models.address import masked
from modelglass.app.inputs import PICKLES, Inputs, checked, is_pickle, written
from modelglass.app.locking import locked

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

NAME = "workspace.json"
VERSION: Final = 1
MOST_RECENT, MOST_COHORTS = 30, 500
LARGEST = 40 * 2**20
LONGEST_CONDITION, LONGEST_NAME = 60_000, 100
PATHS = ("model", "data", "train", "reference", "baseline", "columns")
"""The options that name files."""
VOUCHED = {"trust", "trust_type"}
"""What a person must say anew each time."""
Short = Annotated[str, StringConstraints(max_length=500)]


class Recent(BaseModel):
    """An evaluation opened before: the options given (files by their whole path) and what came of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    given: dict[str, Any]
    task: Short
    rows: int = Field(ge=0)
    when: dt.datetime

    @property
    def key(self) -> str:
        """What makes it the same evaluation as another."""
        return json.dumps(self.given, sort_keys=True, default=str)

    def inputs(self) -> Inputs:
        """Give the options, checked; InputError where they are no options of this version."""
        return checked(**{name: value for name, value in self.given.items() if name not in VOUCHED})

    def missing(self) -> list[str]:
        """Give the files that are not there any more."""
        given = [str(self.given[name]) for name in PATHS if self.given.get(name) not in (None, "-")]
        return [path for path in given if not _is_name(path) and not _exists(path)]

    def refusal(self) -> str | None:
        """Say why a click must not open it, or None: only files of a kind that is safe to load, and that are there."""
        from modelglass.analysis.models.loading import KNOWN

        for path in [str(self.given[n]) for n in ("model", "baseline") if self.given.get(n) not in (None, "-")]:
            ending = Path(path).suffix.lower()
            if ending in PICKLES:
                return (
                    f"{Path(path).name} is a pickle, and loading a pickle can run any code. Vouch for it in a terminal:"
                )
            if _is_name(path) or ending not in KNOWN or Path(path).is_dir():
                return "This kind of model is opened in a terminal only:"
        return None


class Cohort(BaseModel):
    """A condition with a name, and the data it was made for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)]
    condition: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_CONDITION)]
    data: Annotated[str, StringConstraints(max_length=4_096)]
    fingerprint: Annotated[str, StringConstraints(max_length=500)]
    when: dt.datetime


class Workspace(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = VERSION
    recent: list[Recent] = Field(default_factory=list, max_length=1_000)
    cohorts: list[Cohort] = Field(default_factory=list, max_length=1_000)


# reading and writing ---------------------------------------------------------------------------------------------------


def place() -> Path:
    """Give the path of the file: in ``$MODELGLASS_HOME``, else in the user's data folder."""
    from modelglass.sample_models.keeping import home

    return home() / NAME


def read() -> Workspace:
    """Give what is remembered; nothing where there is no file.

    Raises
    ------
    InputError
        The file cannot be read: it is renamed first (and said), so that the next call starts anew; or a newer modelglass wrote it.
    """
    try:
        return _parsed(place())
    except _BrokenError:
        with _alone():
            return _parsed_or_aside()


def change(edit: Callable[[Workspace], Workspace]) -> Workspace:
    """Read, edit and write while no other process does: two at once lose nothing.

    Raises
    ------
    InputError
        As of ``read``; the edit itself may raise it too. Nothing is written then.
    MachineError
        The folder cannot be written to.
    """
    with _alone():
        edited = edit(_parsed_or_aside())
        _write(edited.model_copy(update={"recent": edited.recent[:MOST_RECENT]}))
    return edited


def set_aside() -> list[str]:
    """Give the names of the files that could not be read and are kept."""
    folder = place().parent
    return sorted(p.name for p in folder.glob(f"{NAME}.broken-*")) if folder.is_dir() else []


class _BrokenError(Exception):
    """The file is there and says nothing that can be used."""


def _parsed(path: Path) -> Workspace:
    try:
        if path.stat().st_size > LARGEST or not path.is_file():
            raise _BrokenError(f"it is larger than {LARGEST // 2**20} MB" if path.is_file() else "it is no file")
        text = path.read_bytes()
    except FileNotFoundError:
        return Workspace()
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        content = json.loads(text, object_pairs_hook=_each_key_once)
        if isinstance(content, dict) and isinstance(content.get("version"), int) and content["version"] > VERSION:
            raise InputError(
                f"Expected a workspace file of version {VERSION} at {path}.",
                f"A newer modelglass wrote it (version {content['version']}). It is left as it is.",
                "Update modelglass, or set MODELGLASS_HOME to another folder.",
            )
        return _names_apart(Workspace.model_validate(content))
    except (ValueError, RecursionError) as error:  # pydantic's ValidationError is a ValueError
        raise _BrokenError(_why(error)) from error


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object in which a key stands twice: one of the two would be lost."""
    made = dict(pairs)
    if len(made) < len(pairs):
        known = [key for key, _ in pairs]
        twice = next(key for key in known if known.count(key) > 1)
        raise _BrokenError(f"the key {twice[:100]!r} stands twice in one object")
    return made


def _names_apart(found: Workspace) -> Workspace:
    """Give cohorts of one data that a hand gave one name names of their own, so that each can be used, renamed and deleted."""
    taken: set[tuple[str, str]] = set()
    apart = []
    for cohort in found.cohorts:
        name, again = cohort.name, 1
        while (cohort.fingerprint, name.casefold()) in taken:
            again += 1
            name = f"{cohort.name[: LONGEST_NAME - 8]} ({again})"
        taken.add((cohort.fingerprint, name.casefold()))
        apart.append(cohort if name == cohort.name else cohort.model_copy(update={"name": name}))
    return found.model_copy(update={"cohorts": apart})


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"
    return "it is not JSON" if isinstance(error, ValueError) else "it is nested too deep"


def _parsed_or_aside() -> Workspace:
    path = place()
    try:
        return _parsed(path)
    except _BrokenError as error:
        aside = _free(path)
        os.replace(path, aside)
        raise InputError(
            f"Expected a workspace file at {path}.",
            f"It cannot be read ({error}). It is kept as {aside.name}.",
            "Recent evaluations and saved cohorts start anew; mend the file and rename it back to have them again.",
        ) from error


def _free(path: Path) -> Path:
    stem = f"{path.name}.broken-{dt.date.today().isoformat()}"
    names = [stem, *(f"{stem}-{i}" for i in range(2, 10_000))]
    return next(path.with_name(name) for name in names if not os.path.lexists(path.with_name(name)))


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    path = place()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name("workspace.lock")):
            yield
    except OSError as error:
        raise MachineError(
            f"{path} cannot be written: {error.strerror or error}. Set MODELGLASS_HOME to a folder that you may write to."
        ) from error


def _write(content: Workspace) -> None:
    """Write beside the file, then move over it: a reader sees the old or the new one, and a power cut leaves one of them."""
    path = place()
    path = path.resolve() if path.is_symlink() else path
    handle, beside = tempfile.mkstemp(prefix=f".{NAME}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


# recent evaluations ----------------------------------------------------------------------------------------------------


def record(inputs: Inputs, ev: Evaluation) -> Recent:
    """Remember an evaluation that was opened, as the newest; trust is not remembered."""
    given = inputs.model_dump(exclude=VOUCHED, exclude_defaults=True, mode="json")
    for name in PATHS:
        if given.get(name) not in (None, "-") and not _is_name(given[name]):
            given[name] = os.path.abspath(os.path.expanduser(given[name]))
        elif isinstance(given.get(name), str):
            given[name] = masked(given[name])  # a password must be said anew
    new = Recent(given=given, task=ev.task, rows=ev.n, when=_now())
    change(lambda w: w.model_copy(update={"recent": [new, *(r for r in w.recent if r.key != new.key)]}))
    return new


def forget(key: str) -> None:
    """Drop a recent evaluation; the files themselves stay."""
    change(lambda w: w.model_copy(update={"recent": [r for r in w.recent if r.key != key]}))


def command(given: dict[str, Any], verb: str = "run") -> str:
    """Write the command that opens an evaluation in a terminal.

    >>> command({"model": "my model.pkl", "data": "d.csv", "target": "y"})
    "modelglass run 'my model.pkl' d.csv --target y --trust"
    """
    words = ["modelglass", verb, str(given.get("model", "")), str(given.get("data", ""))]
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if name in ("model", "data") or value in (None, [], {}, False):
            continue
        if isinstance(value, dict):
            value = [f"{k}={v}" for k, v in value.items()]
        elif name in ("features", "ignore") and isinstance(value, list):
            value = ",".join(map(written, value))
        for one in value if isinstance(value, list) else [value]:
            words += [option, str(one)]
    if any(is_pickle(str(given.get(name, ""))) for name in ("model", "baseline")):
        words.append("--trust")
    return shlex.join(words)


def _is_name(text: str) -> bool:
    """Whether it names no file: a server's address, or package.module:object."""
    return "://" in text or (":" in text and "/" not in text and "\\" not in text and not _exists(text))


def _exists(path: str) -> bool:
    try:
        return Path(path).exists() or any(sign in path for sign in "*?[")
    except (OSError, ValueError):  # a name too long, a NUL
        return False


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


# saved cohorts ---------------------------------------------------------------------------------------------------------


def cohorts_of(ev: Evaluation) -> list[Cohort]:
    """Give the cohorts saved for this data, by name."""
    mine = [c for c in read().cohorts if c.fingerprint == ev.source.data_fingerprint]
    return sorted(mine, key=lambda c: c.name.casefold())


def save_cohort(name: str, condition: str, ev: Evaluation) -> Cohort:
    """Save a condition under a name that no other cohort of this data has.

    Raises
    ------
    InputError
        An empty or long name, one that is taken, or too many.
    """
    fields = {"condition": condition, "data": ev.source.data, "fingerprint": ev.source.data_fingerprint}
    new = _cohort(name=name, when=_now(), **fields)

    def edit(workspace: Workspace) -> Workspace:
        _refuse_taken(workspace, new)
        if len(workspace.cohorts) >= MOST_COHORTS:
            raise InputError(f"Expected at most {MOST_COHORTS} saved cohorts.", "There are that many.", "Delete some.")
        return workspace.model_copy(update={"cohorts": [*workspace.cohorts, new]})

    change(edit)
    return new


def rename_cohort(cohort: Cohort, name: str) -> Cohort:
    """Give a saved cohort another name; errors as of ``save_cohort``."""
    new = _cohort(**{**cohort.model_dump(), "name": name})

    def edit(workspace: Workspace) -> Workspace:
        _refuse_taken(workspace, new, but=cohort)
        _refuse_absent(workspace, cohort)
        return workspace.model_copy(update={"cohorts": [new if _same(c, cohort) else c for c in workspace.cohorts]})

    change(edit)
    return new


def delete_cohort(cohort: Cohort) -> None:
    """Drop a saved cohort; one that is gone already is no error."""
    change(lambda w: w.model_copy(update={"cohorts": [c for c in w.cohorts if not _same(c, cohort)]}))


def _cohort(**fields: Any) -> Cohort:
    try:
        return Cohort(**fields)
    except ValidationError as error:
        what = str(error.errors()[0]["loc"][0])
        longest = LONGEST_NAME if what == "name" else LONGEST_CONDITION
        raise InputError(
            f"Expected a {what} of 1 to {longest:,} characters for a cohort.",
            f"Got {len(str(fields[what]).strip()):,}.",
            "Shorten it." if str(fields[what]).strip() else "Type one.",
        ) from None


def _same(one: Cohort, other: Cohort) -> bool:
    return (one.name, one.fingerprint) == (other.name, other.fingerprint)


def _refuse_taken(workspace: Workspace, new: Cohort, but: Cohort | None = None) -> None:
    for known in workspace.cohorts:
        same = known.fingerprint == new.fingerprint and known.name.casefold() == new.name.casefold()
        if same and not (but is not None and _same(known, but)):
            raise InputError(
                "Expected a name that no other cohort of this data has.",
                f"{known.name!r} is saved already: {known.condition[:200]}",
                "Choose another name, or delete that one.",
            )


def _refuse_absent(workspace: Workspace, cohort: Cohort) -> None:
    if not any(_same(c, cohort) for c in workspace.cohorts):
        raise InputError(f"Expected a saved cohort {cohort.name!r}.", "It was deleted meanwhile.", "Save it anew.")
