"""The page of all runs of all pipelines below a root."""

import logging
import os
import time
from pathlib import Path
from typing import Any

from configs.convert import overlay
from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError, DataError
from fer_tfx.files import replacing
from pipeline.history import History
from pipeline.history.figures import read_numbers, summarise
from pipeline.history.records import RunRecord
from pipeline.paths import RunPaths
from reporting.intervals import Share
from reporting.report_data import describe_time
from reporting.run_index import IndexedPipeline, IndexedRun, render_index
from reporting.serving_figures import ServingFigures

INDEX_FILE = "index.html"
_MOST_RUNS = 200


def write_index(config: PipelineConfig) -> Path:
    """Write the page into `runtime.root`. Raises ConfigError: nothing has run there."""
    own = RunPaths.of(config).metadata
    root = own.parent.parent
    names = sorted(each.parent.name for each in root.glob(f"*/{own.name}"))
    if not names:
        raise ConfigError(f"{root}: no run is recorded there; `fer-tfx run` makes one")
    pipelines = [_index(config, name, root) for name in names]
    path, page = root / INDEX_FILE, render_index(pipelines, describe_time(time.time()))
    with replacing(path) as file:  # runs of two pipelines may end at the same time
        file.write(page)
    return path


def refresh_index(config: PipelineConfig) -> None:
    """The same after a run, whose result counts more than a page: what goes wrong is logged."""
    try:
        write_index(config)
    except Exception:
        logging.exception("The page of all runs could not be written; `fer-tfx report --all` tries again")


def _index(config: PipelineConfig, name: str, root: Path) -> IndexedPipeline:
    """The runs of one pipeline, or why they can't be read; a folder that was renamed may be called like none."""
    try:
        history = History.open(overlay(config, {"name": name}))
        runs, count = history.read_latest(_MOST_RUNS)
        makers = {uri: run.number for run in runs if (uri := run.find_uri("Trainer", "model"))}
        return IndexedPipeline(name, tuple(_index_run(run, history, makers, root) for run in runs), count - len(runs))
    except (ConfigError, DataError) as error:
        return IndexedPipeline(name, (), fault=str(error))


def _index_run(run: RunRecord, history: History, makers: dict[str, int], root: Path) -> IndexedRun:
    known = summarise(run, history.config)
    numbers = read_numbers(run, history.config)
    evaluation: dict[str, Any] = numbers.get("evaluation") or {}
    serving, anchor = numbers.get("serving"), (numbers.get("comparison") or {}).get("baseline_uri", "")
    return IndexedRun(
        number=run.number,
        started=known["started"],
        data=known["data"],
        rows_used=known["rows_used"],
        accuracy=Share(**evaluation["accuracy"]) if _is_measured(evaluation) else None,
        ece=evaluation["after"]["ece"] if _is_measured(evaluation) else None,
        megabytes=ServingFigures(serving["model_bytes"], 0, None).megabytes if serving else None,
        verdict=known["verdict"],
        refusals=tuple(numbers["verdict"]["refusals"]) if numbers else (),
        version=known["version"] or "",
        version_state=known["version_state"] or "",
        anchor=f"run {makers[anchor]}" if anchor in makers else Path(anchor).name,
        page=_locate_page(run, history, root),
    )


def _is_measured(evaluation: dict[str, Any]) -> bool:
    """Whether there are figures: those of a model that answers NaN are null."""
    return bool(evaluation) and evaluation["accuracy"]["fraction"] is not None


def _locate_page(run: RunRecord, history: History, root: Path) -> str:
    try:
        return os.path.relpath(history.find_page(run), root)
    except DataError:
        return ""
