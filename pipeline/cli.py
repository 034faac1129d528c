"""fer-tfx: arguments -> settings -> runner. TensorFlow and TFX are imported only by commands that need them."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.deployment.arguments import add_submit
from pipeline.prediction.arguments import add_predict, add_submission
from pipeline.supervisor import supervise
from schema.errors import FerError

if TYPE_CHECKING:
    from configs.spec import PipelineConfig


def start() -> int:
    """The command `fer-tfx`; a run, which takes hours and gigabytes, is watched over from outside."""
    return supervise(main) if sys.argv[1:2] == ["run"] else main()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0, or that of the error: 2 bad input, 3 refused by a gate, 1 else."""
    parsed = _build_parser().parse_args(arguments)
    exit_code = FerError.exit_code
    try:
        command: Callable[[argparse.Namespace], int] = parsed.command
        exit_code = command(parsed)
        sys.stdout.flush()
        return exit_code
    except BrokenPipeError:
        # Whoever reads, such as `head`, has had enough. What is still to be flushed at exit goes nowhere; the code of
        # a command that was done stays, so that no pipe hides a refusal.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_code
    except FerError as error:
        print(f"fer-tfx: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("fer-tfx: interrupted; the same command takes up training where it stopped", file=sys.stderr)
        return 1


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fer-tfx",
        description="From a FER2013 CSV to a validated, gated, servable TensorFlow model.",
        epilog="Exit codes: 0 done, 2 bad input or configuration, 3 refused by a gate, 1 anything else.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the whole pipeline on this machine")
    run.add_argument("--data", metavar="PATH", help="CSV, archive or folder of FER2013 (default: faces are drawn)")
    run.add_argument("--unlabelled", metavar="PATH", help="rows without labels to predict, such as test.csv")
    _add_config_options(run)
    run.set_defaults(command=_run)
    add_predict(commands.add_parser("predict", help="name the expression in pictures, or in the rows of a CSV"))
    add_submission(commands.add_parser("submission", help="predict test.csv for Kaggle: one class index a line"))
    config = commands.add_parser("config", help="print every setting and its value")
    _add_config_options(config)
    config.set_defaults(command=_print_config)
    versions = commands.add_parser("versions", help="list the pushed versions and say which is served")
    _add_config_options(versions)
    versions.set_defaults(command=_print_versions)
    rollback = commands.add_parser("rollback", help="serve an earlier version again, or take a roll-back back")
    rollback.add_argument("--to", metavar="VERSION", type=int, help="a version (default: the one before the newest)")
    _add_config_options(rollback)
    rollback.set_defaults(command=_roll_back)
    accept = commands.add_parser("accept", help="compare new models with a pushed version, whatever was better before")
    accept.add_argument("version", metavar="VERSION", type=int, help="as `fer-tfx versions` lists them")
    accept.add_argument("--reason", metavar="TEXT", required=True, help="why; it is kept in the metadata")
    _add_config_options(accept)
    accept.set_defaults(command=_accept)
    _add_history(commands)
    _add_deployment(commands)
    schema = commands.add_parser("schema", help="write a schema that fits the given data, to start one's own from")
    schema.add_argument("--data", metavar="PATH", required=True, help="CSV, archive or folder of FER2013")
    schema.add_argument("--out", metavar="FILE", required=True, type=Path, help="where to write the schema (pbtxt)")
    schema.set_defaults(command=_bootstrap_schema)
    _add_replay(commands)
    add_submit(commands.add_parser("submit", help="send a compiled pipeline to Vertex AI or Kubeflow Pipelines"))
    download = commands.add_parser("download", help="bring FER2013 from Kaggle (needs the kaggle package and a token)")
    download.add_argument("--out", metavar="FOLDER", default="data", type=Path, help="where to put it (default: data)")
    download.set_defaults(command=_download)
    return parser


def _add_history(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands that look back at earlier runs."""
    runs = commands.add_parser("runs", help="list the runs, newest first: data, figures, verdict, version")
    runs.add_argument("--json", action="store_true", help="a list of objects, for programs")
    runs.set_defaults(command=_print_runs)
    compare = commands.add_parser("compare", help="two runs side by side: settings, rows, figures, training, code")
    compare.add_argument("runs", metavar="RUN", nargs=2, help="a number that `fer-tfx runs` prints, or latest")
    compare.set_defaults(command=_compare)
    lineage = commands.add_parser("lineage", help="what a model was made of, back to the files, and what came of it")
    lineage.add_argument("model", metavar="MODEL", help="a pushed version, its folder, or the path of an artifact")
    lineage.add_argument("--json", action="store_true", help="nested objects, for programs")
    lineage.set_defaults(command=_print_lineage)
    board = commands.add_parser("tensorboard", help="show the training curves of a run in a browser")
    board.add_argument("run", metavar="RUN", nargs="?", default="latest", help="as for compare (default: latest)")
    board.add_argument("--port", metavar="PORT", type=int, default=6006, help="where to listen (default: 6006)")
    board.set_defaults(command=_start_tensorboard)
    report = commands.add_parser("report", help="show the page of a run in the browser, also of a refused one")
    report.add_argument("run", metavar="RUN", nargs="?", default="latest", help="as for compare (default: latest)")
    report.add_argument("--no-open", action="store_true", help="only print where the page lies")
    report.set_defaults(command=_show_report)
    for parser in (runs, compare, lineage, board, report):
        _add_config_options(parser)


def _add_deployment(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands that bring the pipeline to a cluster."""
    compile_ = commands.add_parser("compile", help="write the pipeline in the form that a cluster takes")
    compile_.add_argument(
        "--target", choices=("kubeflow", "vertex"), required=True,
        help="kubeflow: a PipelineSpec in YAML; vertex: a PipelineJob in JSON",
    )  # fmt: skip
    compile_.add_argument("--out", metavar="FILE", required=True, type=Path, help="where to write it")
    _add_config_options(compile_, "configs/kubeflow.yaml or configs/vertex.yaml")
    compile_.set_defaults(command=_compile)


def _add_replay(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    replay = commands.add_parser("replay", help="execute a compiled pipeline on this machine, as its backend would")
    replay.add_argument("file", metavar="FILE", type=Path, help="a compiled pipeline")
    replay.add_argument("--flavor", choices=("vertex", "kubeflow"), default="", help="default: as the file's form says")
    replay.add_argument("--root", metavar="FOLDER", default=Path("runs/replay"), type=Path, help="where to write")
    replay.add_argument(
        "--param", metavar="NAME=VALUE", dest="overrides", action="append", default=[],
        help="a parameter of the pipeline; may be repeated",
    )  # fmt: skip
    replay.add_argument("--workers", metavar="N", type=int, default=0, help="tasks at a time (default: one a core)")
    replay.set_defaults(command=_replay)


def _add_config_options(parser: argparse.ArgumentParser, default: str = "configs/local.yaml") -> None:
    parser.add_argument("--config", metavar="FILE", help=f"YAML file of settings (default: {default})")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", dest="overrides", action="append", default=[],
        help="change one setting, such as trainer.epochs=3; may be repeated",
    )  # fmt: skip


def _run(parsed: argparse.Namespace) -> int:
    from pipeline.commands.run import run_pipeline

    given = {"data.path": parsed.data, "data.unlabelled_path": parsed.unlabelled}
    return run_pipeline(_load(parsed, {key: value for key, value in given.items() if value}))


def _print_config(parsed: argparse.Namespace) -> int:
    from configs.load import to_yaml

    print(to_yaml(_load(parsed, {})), end="")
    return 0


def _print_versions(parsed: argparse.Namespace) -> int:
    from pipeline.commands.versions import print_versions

    return print_versions(_load(parsed, {}))


def _roll_back(parsed: argparse.Namespace) -> int:
    from pipeline.commands.versions import roll_back

    return roll_back(_load(parsed, {}), parsed.to)


def _accept(parsed: argparse.Namespace) -> int:
    from pipeline.commands.accept import accept

    return accept(_load(parsed, {}), parsed.version, parsed.reason)


def _print_runs(parsed: argparse.Namespace) -> int:
    from pipeline.commands.runs import print_runs

    return print_runs(_load(parsed, {}), parsed.json)


def _compare(parsed: argparse.Namespace) -> int:
    from pipeline.commands.compare import print_comparison

    return print_comparison(_load(parsed, {}), *parsed.runs)


def _print_lineage(parsed: argparse.Namespace) -> int:
    from pipeline.commands.lineage import print_lineage

    return print_lineage(_load(parsed, {}), parsed.model, parsed.json)


def _start_tensorboard(parsed: argparse.Namespace) -> int:
    from pipeline.commands.tensorboard import start_tensorboard

    return start_tensorboard(_load(parsed, {}), parsed.run, parsed.port)


def _compile(parsed: argparse.Namespace) -> int:
    from configs.load import CLUSTER_CONFIGS, load_config
    from pipeline.commands.compile import compile_to_file

    config = load_config(parsed.config or CLUSTER_CONFIGS[parsed.target], parsed.overrides)
    return compile_to_file(config, parsed.target, parsed.out)


def _show_report(parsed: argparse.Namespace) -> int:
    from pipeline.commands.report import show_report

    return show_report(_load(parsed, {}), parsed.run, not parsed.no_open)


def _bootstrap_schema(parsed: argparse.Namespace) -> int:
    from pipeline.commands.schema import write_schema

    return write_schema(parsed.data, parsed.out)


def _download(parsed: argparse.Namespace) -> int:
    from pipeline.commands.download import download_from_kaggle

    return download_from_kaggle(parsed.out)


def _replay(parsed: argparse.Namespace) -> int:
    from pipeline.commands.replay import replay

    return replay(parsed.file, parsed.flavor, parsed.root, parsed.overrides, parsed.workers)


def _load(parsed: argparse.Namespace, values: dict[str, str]) -> "PipelineConfig":
    from configs.load import LOCAL_CONFIG, load_config

    return load_config(parsed.config or LOCAL_CONFIG, parsed.overrides, values)
