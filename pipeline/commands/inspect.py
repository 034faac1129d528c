"""fer-tfx inspect: what some data are and what becomes of them, by the very ingestion of a run."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fer_tfx.contract import EVAL_SPLIT, TEST_SPLIT, TRAIN_SPLIT, UNLABELLED_SPLIT
from fer_tfx.counted import counted
from fer_tfx.errors import ConfigError, DataError
from fer_tfx.quiet import hush_libraries, output_in_log
from pipeline.commands import AsJson, Config, Overrides, load_settings
from pipeline.stack import require_tfx

if TYPE_CHECKING:
    from configs.spec import DataConfig
    from reporting.ingestion import IngestionReport

_SPLITS = (TRAIN_SPLIT, EVAL_SPLIT, TEST_SPLIT, UNLABELLED_SPLIT)
_FAULTS = 3  # of each reason
_EXECUTION = "FerExampleGen/{}/1"  # below a folder, as TFX has it


def inspect(
    data: Annotated[str, typer.Argument(metavar="PATH", help="As `fer-tfx run --data` takes it.")],
    as_json: AsJson = False,
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write examples by class there, a PNG.")] = None,
    config: Config = None,
    overrides: Overrides = None,
) -> int:
    """Say what some data are and what `run` would do with them, without training."""
    require_tfx()
    from configs.library import class_table_of, reading_limits_of
    from fer_tfx.commands.output import check_output
    from fer_tfx.reading.sources import describe_sources
    from pipeline.inputs import has_span, look_into_input
    from pipeline.standard_input import keep_standard_input

    with TemporaryDirectory(prefix="fer-tfx-inspect-") as name:
        folder = Path(name)
        if has_span(data):
            raise ConfigError(f"{data}: inspect takes the files of one span; put in its number or date")
        settings = keep_standard_input(load_settings(config, overrides, {"data.path": data}).data, folder)
        classes = class_table_of(settings)
        form = describe_sources(look_into_input(settings), reading_limits_of(settings), classes)
        if sheet:
            check_output(sheet, [data], "--sheet")
        hush_libraries()
        with output_in_log(folder / "log"):
            report, refusal, faults = _ingest(settings, folder)
            if sheet:
                from pipeline.commands.sheet import write_sheet

                write_sheet(folder / _EXECUTION.format("examples"), classes.names, sheet)
    if as_json:
        found = {"path": data, "form": form, "classes": classes.names, **asdict(report), "faults": faults}
        print(json.dumps({**found, "refusal": refusal}, indent=2))
    else:
        print("\n".join(_tell(form, report, classes.names, faults, refusal)))
    return DataError.exit_code if refusal else 0


def _ingest(config: "DataConfig", folder: Path) -> tuple["IngestionReport", str, list[dict[str, Any]]]:
    """The account of a run's ingestion, why a run would refuse the data (empty: it wouldn't), and `_find_faults`.

    Raises DataError if there is no account: what is given can't be read, such as in a bucket without credentials.
    """
    from tfx.types import standard_artifacts

    from components.artifacts import QUARANTINE_KEY, UNLABELLED_EXAMPLES_KEY, Quarantine
    from components.data_gate import find_gaps
    from components.face_example_gen.component import Executor, FerExampleGen
    from pipeline.inputs import explaining_remote, resolve_input
    from reporting.ingestion import REPORT_FILE, IngestionReport

    given, outputs = resolve_input(config), {}
    for name, kind in (
        ("examples", standard_artifacts.Examples),
        (UNLABELLED_EXAMPLES_KEY, standard_artifacts.Examples),
        (QUARANTINE_KEY, Quarantine),
    ):
        outputs[name] = [kind()]
        outputs[name][0].uri = str(folder / _EXECUTION.format(name))
        (folder / _EXECUTION.format(name)).mkdir(parents=True)
    account, refusal = folder / _EXECUTION.format(QUARANTINE_KEY) / REPORT_FILE, ""
    try:
        with explaining_remote(given.base):
            Executor().Do({}, outputs, dict(FerExampleGen(given.base, given.patterns, config, "").spec.exec_properties))
    except DataError as error:
        if not account.exists():
            raise
        refusal = str(error).replace(f" listed in {folder / _EXECUTION.format('refused')}", "")
    report = IngestionReport.from_json(account.read_text("utf-8"))
    return report, refusal or _explain_gaps([*find_gaps(report)], report), _find_faults(folder)


def _explain_gaps(gaps: list[str], report: "IngestionReport") -> str:
    """What the data gate would say of empty splits and classes; empty: nothing."""
    if gaps and not report.split_size(EVAL_SPLIT):
        taken = f"a hash took none of {counted(report.split_size(TRAIN_SPLIT), 'training row')}"
        return f"no row is left for eval: {taken}: give more rows, or raise data.eval_fraction"
    return (
        f"{'; '.join(gaps)}: give rows of them, or leave out of data.classes what the data don't have" if gaps else ""
    )


def _find_faults(folder: Path) -> list[dict[str, Any]]:
    """The first quarantined rows of each reason."""
    from components.artifacts import QUARANTINE_KEY, iter_quarantined

    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in iter_quarantined(str(folder / _EXECUTION.format(QUARANTINE_KEY))):
        rows = found[row["reason"]]
        rows.append(row)
        rows.sort(key=lambda row: (row["source"], row["row"]))
        del rows[_FAULTS:]
    return [row for rows in found.values() for row in rows]


def _tell(
    form: list[str], report: "IngestionReport", names: Iterable[str], faults: list[dict[str, Any]], refusal: str
) -> Iterator[str]:
    from pipeline.outcome import describe_rows

    lines = [("form", "; ".join(form)), *describe_rows(report)]
    if report.dropped or report.kept_twins or report.conflicting_pictures:
        found = [f"{reason} {count:,}" for reason, count in report.dropped.items()]
        found += [f"kept in train and also in {split} {count:,}" for split, count in report.kept_twins.items()]
        found += [f"pictures with several labels {report.conflicting_pictures:,}"] * bool(report.conflicting_pictures)
        lines.append(("repeats", ", ".join(found)))
    for row in faults:
        place = f"{row['source']}:{row['line']}" if row["line"] else row["source"]
        lines.append(("fault", f"{place}: {row['reason']}: {row['detail']}"))
    train, eval_, test, unlabelled = map(report.split_size, _SPLITS)
    would = f"train on {counted(train, 'row')} and judge by {eval_:,} of eval"
    would += f", keep {test:,} of test aside" * bool(test) + f", predict {unlabelled:,} without a label" * bool(
        unlabelled
    )
    lines.append(("run would", f"refuse them: {refusal}" if refusal else would))
    yield from (f"{title:<12} {text}" for title, text in lines[:1])
    splits = [split for split in _SPLITS if split in report.emitted and split != UNLABELLED_SPLIT]
    yield f"{'classes':<12} {''.join(f'{split:>10}' for split in splits)}"
    for name in names:
        yield f"  {name:<10} {''.join(f'{report.emitted[split].get(name, 0):>10,}' for split in splits)}"
    yield from (f"{title:<12} {text}" for title, text in lines[1:])
