"""What a run is given, checked before it starts: data, schema, hyperparameters."""

import fnmatch
import glob
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice, product
from pathlib import Path

from configs.convert import overlay
from configs.library import class_names_of, class_table_of, reading_limits_of
from configs.spec import DataConfig, PipelineConfig, Recipe
from configs.tuning import read_values
from fer_tfx.contract import (
    BESIDE_INPUT,
    CLASS_NAMES_FILE,
    EXTRA_ASSETS_DIR,
    LABEL_KEY,
    LABELLED_INPUT,
    MODEL_DIR,
    PIXELS_KEY,
    TARGET_KEY,
    UNLABELLED_INPUT,
    WEIGHTS_FILE,
)
from fer_tfx.errors import ConfigError, DataError, FerError, in_one_line
from fer_tfx.files import unreadable
from fer_tfx.reading.archives import is_packed
from fer_tfx.reading.choice import describe_skipped, name_some, reason_to_skip
from fer_tfx.reading.csv_form import holds_pixels
from fer_tfx.reading.forms import find_form, lists_pictures
from fer_tfx.reading.parquet_form import PARQUET
from fer_tfx.reading.picture_form import PICTURES
from fer_tfx.reading.sources import Source, choose_sources, find_folder, look_into
from fer_tfx.reading.vote_file import VOTES_INPUT, read_votes
from fer_tfx.reading.words import ClassTable
from pipeline.failures import first_line
from pipeline.paths import is_remote

_PLACEHOLDER = r"\{(SPAN|VERSION|YYYY|MM|DD)\b"  # for TFX to fill in
_AFTER_FIXED_FOLDER = r"/[^/]*([*?[{].*)?$"
_MAX_DEPTH, _MAX_ENTRIES = 8, 500_000  # of a folder, how deep and how far it is looked into
_HEAD_BYTES = 4_096
_ROWS, _PATHS = "rows", "paths"  # kinds of files
_HYPERPARAMETERS = "tuner.hyperparameters_path"


@dataclass(frozen=True)
class Input:
    """Files are `base` joined with each of the patterns, which have the keys that FerExampleGen wants.

    A folder whose files lie deeper has a pattern for each depth: `labelled`, `labelled-2`.
    """

    base: str
    patterns: dict[str, str]

    @property
    def labelled_pattern(self) -> str:
        """Where the labelled files are, `{SPAN}` as it is."""
        return os.path.join(self.base, self.patterns.get(LABELLED_INPUT, ""))


@dataclass(frozen=True)
class ImportedHyperparameters:
    """An earlier search's result."""

    uri: str
    """The folder that holds its one file."""
    fingerprint: str
    """SHA-256 of that file, first 16 digits, since TFX's cache looks at the URI alone; empty: it could not be read."""


@dataclass(frozen=True)
class EarlierModel:
    """What an earlier run trained."""

    uri: str
    """Of its artifact."""
    fingerprint: str
    """SHA-256 of its weights, first 16 digits, as another run may have put others there; empty: they are elsewhere."""


def resolve_input(config: DataConfig) -> Input:
    """Split `data.path`, `data.unlabelled_path` and `data.votes_path` into a common base and patterns.

    Raises DataError: no path is given, a local one can't be used, or they are on different file systems.
    """
    given = {LABELLED_INPUT: config.path, UNLABELLED_INPUT: config.unlabelled_path}
    globs: dict[str, list[str]] = {name: [] for name in (*given, BESIDE_INPUT)}
    for name, path in given.items():
        if path:
            globs[name], beside = _to_patterns(path, class_table_of(config) if name == LABELLED_INPUT else None)
            globs[BESIDE_INPUT] += beside
    if config.votes_path:
        globs[VOTES_INPUT] = _to_patterns_of_votes(config.votes_path)
    paths = {
        name if place == 1 else f"{name}-{place}": pattern
        for name, patterns in globs.items()
        for place, pattern in enumerate(patterns, start=1)
    }
    for pattern in paths.values():
        _require_usable_names(pattern)
    if not paths:
        raise DataError("data.path: no file is given; give a table, a folder of pictures or an archive with --data")
    base = _common_base(list(paths.values()))
    return Input(base, {name: path[len(base) :].lstrip("/") for name, path in paths.items()})


@contextmanager
def explaining_remote(base: str) -> Iterator[None]:
    """Turn whatever the file system of a bucket raises into one line, DataError, where it isn't read in a run."""
    try:
        yield
    except Exception as error:
        if isinstance(error, FerError) or not is_remote(base):
            raise
        found = f"{type(error).__name__}: {first_line(error)}"
        raise DataError(f"{base}: can't be read: {found}; check the address, and this machine's credentials") from error


def has_span(path: str) -> bool:
    """Whether TFX fills a part of this path in: the number of a span or version, or a date."""
    return bool(re.search(_PLACEHOLDER, path))


def look_into_input(config: DataConfig) -> list[Source]:
    """Refuse with a DataError what can't be used, a local file by its first row, before TFX takes seconds to import.

    Returns the local sources of labelled rows.
    """
    given = resolve_input(config)
    labelled: list[Source] = []
    if is_remote(given.base):
        return labelled
    for votes in _find_files(given, VOTES_INPUT):
        with Path(votes).open("rb") as stream:
            read_votes(stream, os.path.basename(votes), reading_limits_of(config))  # noqa: PTH119
    start = _find_own_folder(given, LABELLED_INPUT)
    for name, classes in ((LABELLED_INPUT, class_table_of(config)), (UNLABELLED_INPUT, None)):
        patterns = _find_patterns(given, name)
        found = _find_files(given, name)
        paths = [path for path in found if not os.path.isdir(path)]  # noqa: PTH112
        folder = _find_own_folder(given, name)
        sources, skipped = choose_sources(paths, folder, classes, config.votes_path, start=start)
        if patterns and has_span(patterns[0]):
            _require_span(patterns[0])
        elif patterns and not sources:
            folders = name_some(sorted(os.path.basename(path) for path in found if path not in paths))  # noqa: PTH119
            why = f"only folders: {folders}" if folders and not paths else describe_skipped(skipped)
            place = os.path.dirname(patterns[0])  # noqa: PTH120
            raise DataError(
                f"{place}: no file of faces in it ({why}); give a table, a folder of pictures or an archive"
            )
        look_into(sources, reading_limits_of(config), classes)
        labelled += sources if classes else []
    return labelled


def _require_span(pattern: str) -> None:
    """Raise DataError if no file has digits where the pattern has `{SPAN}` and the like."""
    parts = re.split(rf"{_PLACEHOLDER}[^}}]*\}}", pattern)[::2]
    numbered = re.compile("[0-9]+".join(fnmatch.translate(each).removesuffix(r"\Z") for each in parts) + r"\Z")
    if not any(numbered.match(each) for each in glob.glob("*".join(parts))):  # noqa: PTH207
        raise DataError(f"{pattern}: no file matches; expected such as {'1'.join(parts)}")


def _find_patterns(given: Input, name: str) -> list[str]:
    """Of one of the inputs, whole."""
    patterns = [each for of_input, each in given.patterns.items() if of_input.startswith(name)]
    return [f"{given.base.rstrip('/')}/{each}" for each in patterns]


def _find_files(given: Input, name: str) -> list[str]:
    """What one of the inputs matches, folders too."""
    return [path for each in _find_patterns(given, name) for path in glob.glob(each)]  # noqa: PTH207


def _find_own_folder(given: Input, name: str) -> str:
    patterns = _find_patterns(given, name)
    return find_folder(patterns[0]) if patterns and not has_span(patterns[0]) else given.base


def _to_patterns_of_votes(path: str) -> list[str]:
    if not is_remote(path) and not has_span(path) and not Path(path).expanduser().is_file():
        raise DataError(f"data.votes_path: {path}: no such file; give that of the votes, such as FER+'s fer2013new.csv")
    return _to_patterns(path, None)[0]


def _to_patterns(path: str, classes: ClassTable | None) -> tuple[list[str], list[str]]:
    """Globs of the files to read, and of pictures that tables among them name."""
    if is_remote(path):
        return [f"{path}*" if path.endswith("/") else path], []
    absolute = os.path.abspath(Path(path).expanduser())  # noqa: PTH100 (keeps links, which may be the point)
    if os.path.exists(absolute):  # noqa: PTH110
        if not os.access(absolute, os.R_OK):
            raise DataError(f"{path}: can't be read: Permission denied; fix its permissions")
        escaped = glob.escape(absolute)
        if not os.path.isdir(absolute) and not os.path.isfile(absolute):  # noqa: PTH112, PTH113
            remedy = "give the file" + (", or send it to `--data -`" if classes else "")
            raise DataError(f"{path}: is a pipe or device: {remedy}")
        if os.path.isdir(absolute):  # noqa: PTH112
            depths, beside = _find_depths(absolute, classes, must_read=True)
            return [f"{escaped}{'/*' * depth}" for depth in depths], [f"{escaped}{'/*' * depth}" for depth in beside]
        folder, name = os.path.split(absolute)
        beside = (
            _find_depths(folder, classes, must_read=False)[1] if _find_kind(absolute, name, classes) == _PATHS else []
        )
        return [escaped], [f"{glob.escape(folder)}{'/*' * depth}" for depth in beside]
    if not has_span(path) and not glob.glob(absolute):  # noqa: PTH207
        raise DataError(f"{path}: no such file or folder; give a table, a folder of pictures or an archive with --data")
    return [absolute], []


def _find_depths(folder: str, classes: ClassTable | None, *, must_read: bool) -> tuple[list[int], list[int]]:
    """How many folders deep its files are: the least depth with tables or archives, else all that have pictures.

    And, if those tables name pictures by their paths, how deep there are pictures. Raises DataError if a folder within
    can't be read, and `must_read`: its rows would be missing without a word.
    """
    level, left, tables, pictures = [folder], _MAX_ENTRIES, 0, []
    for depth in range(1, _MAX_DEPTH + 1):
        entries = [entry for each in level for entry in _list_folder(each, left, must_read)]
        kinds = (_find_kind(entry.path, entry.name, classes) for entry in entries if not tables)
        if kind := next(filter(None, kinds), ""):
            if kind == _ROWS:
                return [depth], []
            tables = depth
        if any(PICTURES.recognises(b"", entry.name) for entry in entries):
            pictures.append(depth)
        left -= len(entries)
        level = [entry.path for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    return ([tables], pictures) if tables else (pictures or [1], [])


def _find_kind(path: str, name: str, classes: ClassTable | None) -> str:
    """What a file holds: paths of pictures with their classes, rows or packed ones, or neither."""
    if PICTURES.recognises(b"", name) or reason_to_skip(name) or not os.path.isfile(path):  # noqa: PTH113
        return ""
    with suppress(OSError), open(path, "rb") as file:  # noqa: PTH123
        head = file.read(_HEAD_BYTES)
        if classes and lists_pictures(head, name, classes):
            return _PATHS
        is_table = find_form(head, name) is PARQUET or PIXELS_KEY[:-1].encode() in head.lower() or holds_pixels(head)
        return _ROWS if is_table or is_packed(head) or not head else ""
    return _ROWS


def _list_folder(folder: str, most: int, must_read: bool) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(islice(entries, max(most, 0)))
    except OSError as error:
        if must_read:
            raise unreadable(folder, error) from None
        return []


def _require_usable_names(pattern: str) -> None:
    """Refuse what TFX can't handle among the files that a pattern matches, hidden ones too: DataError.

    Neither TensorFlow's glob nor Protocol Buffers accept names that are not UTF-8, to that glob a backslash is an
    escape, and the fingerprint fails at a link to nothing.
    """
    if "\\" in pattern and not is_remote(pattern):
        place = pattern.rstrip("/*")
        raise DataError(f"{place}: a name with a backslash, which TensorFlow takes for an escape; rename it")
    for name in (pattern, *_iter_matches(pattern)):
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DataError(f"{os.fsencode(name)!r}: a name that is not UTF-8; rename the file") from None
        if os.path.islink(name) and not os.path.exists(name):  # noqa: PTH110, PTH114 (of many files)
            found = f"is a link to {os.readlink(name)}, which is not there"  # noqa: PTH115
            raise DataError(f"{in_one_line(f'{name}: {found}')}: fetch it (`git annex get`), or remove the link")


def _iter_matches(pattern: str) -> Iterator[str]:
    """What TensorFlow's glob would match: unlike Python's, its `*` stands for hidden names too."""
    for parts in product(*((each, f".{each}") if each[:1] == "*" else (each,) for each in pattern.split("/"))):
        yield from glob.iglob("/".join(parts))  # noqa: PTH207


def _common_base(paths: list[str]) -> str:
    roots = {"/".join(path.split("/")[:3]) if is_remote(path) else "" for path in paths}
    if len(roots) > 1:
        raise DataError(f"{' and '.join(paths)}: are on different file systems or buckets; put them into one")
    folders = [re.sub(_AFTER_FIXED_FOLDER, "", path) for path in paths]
    base = folders[0]
    while not all(f"{folder}/".startswith(f"{base}/") for folder in folders):
        base = base.rpartition("/")[0]
    return base or "/"


def read_schema(config: PipelineConfig) -> str:
    """The text of the schema that the settings name, or of the curated one with the domain of their classes; it
    travels with the pipeline.

    If votes are the targets, their column is added where it lacks. Raises DataError: it can't be read, or is none.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    own = config.validation.schema_path
    path = Path(own).expanduser() if own else resources.files("schema").joinpath("schema.pbtxt")
    try:
        text = path.read_text("utf-8")
        schema = text_format.Parse(text, schema_pb2.Schema())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{own}: can't be read: {error}; write a schema with `fer-tfx schema`") from None
    except text_format.ParseError as error:
        raise DataError(f"{own}:{error.GetLine()}: not a schema: {error}; see schema/schema.pbtxt for one") from None
    count = len(class_names_of(config.data))
    if not own:
        (label,) = (feature for feature in schema.feature if feature.name == LABEL_KEY)
        if label.int_domain.max != count - 1:
            label.int_domain.max = count - 1
            text = str(text_format.MessageToString(schema))
    if config.data.targets != "votes" or any(feature.name == TARGET_KEY for feature in schema.feature):
        return text
    target = f'name: "{TARGET_KEY}" type: FLOAT value_count {{ min: {count} max: {count} }} presence {{ min_count: 0 }}'
    return f"{text}\nfeature {{ {target} }}\n"


def resolve_hyperparameters(config: PipelineConfig, *, must_read: bool = True) -> ImportedHyperparameters | None:
    """The earlier search's result that the settings ask for; None: they ask for none.

    Without `must_read` one that this machine can't read, in a bucket or on a cluster's volume, is accepted unread,
    without a fingerprint.
    Raises ConfigError: there is none, it can't be read, or it doesn't fit the settings of this version.
    """
    path = config.tuner.hyperparameters_path
    if not path:
        return None
    if not is_remote(path):
        path = str(Path(path).expanduser().absolute())
        if not must_read and not Path(path).is_dir():
            return ImportedHyperparameters(path, "")
        file, content = _read_local(Path(path))
    elif isinstance(found := _read_remote(path), str):
        if must_read:
            raise ConfigError(f"{_HYPERPARAMETERS}: {path}: can't be read here: {found}; copy it and name the copy")
        return ImportedHyperparameters(path, "")
    else:
        file, content = found
    try:
        overlay(Recipe(config.model, config.trainer), read_values(json.loads(content)))
    except ConfigError as error:
        raise ConfigError(f"{_HYPERPARAMETERS}: {file}: {error}") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        expected = "expected a tuner's best_hyperparameters.txt, got no JSON"
        raise ConfigError(f"{_HYPERPARAMETERS}: {file}: {expected}") from None
    return ImportedHyperparameters(path, hashlib.sha256(content).hexdigest()[:16])


def resolve_earlier_models(config: PipelineConfig) -> tuple[EarlierModel, ...]:
    """Those that join the ensemble. The Trainer looks into them, also where this machine can't.

    Raises ConfigError: there is none at a local path, it has other classes, or two are the same.
    """
    class_names = class_names_of(config.data)
    models = tuple(
        EarlierModel(path, "")
        if is_remote(path)
        else _find_earlier_model(Path(path).expanduser().absolute(), class_names)
        for path in config.ensemble.models
    )
    first: dict[str, str] = {}
    for each in models:
        if each.fingerprint and (same := first.setdefault(each.fingerprint, each.uri)) != each.uri:
            raise ConfigError(f"ensemble.models: {same} and {each.uri} have the same weights; leave one of them out")
    return models


def _find_earlier_model(folder: Path, class_names: Sequence[str]) -> EarlierModel:
    try:
        model = EarlierModel(str(folder), hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()[:16])
        names = folder / MODEL_DIR / EXTRA_ASSETS_DIR / CLASS_NAMES_FILE
        found = names.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        remedy = "give a folder below artifacts/Trainer/model of a run"
        raise ConfigError(f"ensemble.models: {error.filename}: {error.strerror}; {remedy}") from None
    if found != [*class_names]:
        differing = f"has the classes {', '.join(found)}, now they are {', '.join(class_names)}"
        raise ConfigError(f"ensemble.models: {folder}: {differing}; leave it out, or set data.classes")
    return model


def _read_local(folder: Path) -> tuple[str, bytes]:
    """Path and content of a folder's one file, which is all that TFX allows there."""
    file = folder / _choose(str(folder), [each.name for each in folder.iterdir()] if folder.is_dir() else [])
    try:
        return str(file), file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{_HYPERPARAMETERS}: {file}: can't be read: {error.strerror}") from None


@cache
def _read_remote(uri: str) -> tuple[str, bytes] | str:
    """The same in a bucket; if it can't be read, why. Cached, as a bucket may be slow to refuse."""
    from tfx.dsl.io import fileio

    try:
        names = [each.rstrip("/") for each in fileio.listdir(uri)] if fileio.exists(uri) else []
        file = f"{uri.rstrip('/')}/{_choose(uri, names)}"
        with fileio.open(file, "rb") as opened:
            return file, opened.read()
    except ConfigError:
        raise
    except Exception as error:  # of whichever file system serves the URI
        return first_line(error)


def _choose(folder: str, names: list[str]) -> str:
    if len(names) != 1:
        raise ConfigError(
            f"{_HYPERPARAMETERS}: {folder}: expected a folder with one file, found {len(names)}; give a folder"
            " below artifacts/Tuner/best_hyperparameters"
        )
    return names[0]
