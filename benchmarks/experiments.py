"""Short trainings that rank recipes, each logged with its figures.

    python -m benchmarks.experiments --run runs/fer2013 --config configs/fer2013.yaml --name no-erasing \\
        --set trainer.epochs=12 --set trainer.augmentation.erasing_fraction=0

Examples and Transform graph are those of an earlier `fer-tfx run`. One line of JSON is added to the log; `--table`
prints the log as Markdown. Recipes are judged on the eval split alone.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.code_version import read_code_version
from benchmarks.command import run_command
from schema.contract import EVAL_SPLIT, TRAIN_SPLIT
from schema.errors import DataError

LOG = Path(__file__).parent / "results" / "experiments.jsonl"
_COLUMNS = ("name", "settings", "parameters", "epochs", "seconds", "loss", "eval_loss", "eval_accuracy", "macro_f1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one experiment or print the log; the exit code is 0, or that of the error."""
    options = _build_parser().parse_args(arguments)
    return run_command("experiments", lambda: _print_log(options.log) if options.table else _log_experiment(options))


def _log_experiment(options: argparse.Namespace) -> None:
    entry = {"name": options.name, "settings": options.overrides, **_experiment(options), **read_code_version()}
    with options.log.open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")
    print(format_table([entry]))


def _print_log(path: Path) -> None:
    print(format_table(_read_log(path)))


def _read_log(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; the first experiment makes it")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def format_table(entries: Sequence[dict[str, Any]]) -> str:
    """Markdown, one line an experiment."""
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
    lines += [f"| {' | '.join(_show(entry[column]) for column in _COLUMNS)} |" for entry in entries]
    return "\n".join(lines)


def _show(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(f"`{each}`" for each in value)
    return f"{value:.4f}" if isinstance(value, float) and value < 10 else str(value)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments", description=__doc__.splitlines()[0])
    parser.add_argument("--run", metavar="FOLDER", type=Path, help="<runtime.root>/<name> of a run on the same data")
    parser.add_argument("--config", metavar="FILE", default="configs/fer2013.yaml", help="the recipe to start from")
    parser.add_argument("--name", default="", help="what is tried")
    parser.add_argument("--set", metavar="KEY=VALUE", dest="overrides", action="append", default=[])
    parser.add_argument("--log", metavar="FILE", type=Path, default=LOG, help=f"default: {LOG.name} in results/")
    parser.add_argument("--table", action="store_true", help="print the log and do nothing else")
    return parser


def _experiment(options: argparse.Namespace) -> dict[str, Any]:
    """Train and measure."""
    if not options.run or not options.name:
        raise DataError("give --run, the folder of an earlier run, and --name, what is tried")
    import tensorflow_transform as tft

    from configs.load import load_config
    from configs.spec import Recipe
    from models.dataset import read_examples
    from models.transform_graph import TransformGraph

    config = load_config(options.config, options.overrides, {})
    examples, graph = _find_artifacts(options.run)
    transform = TransformGraph(tft.TFTransformOutput(graph))
    splits = [read_examples([f"{examples}/Split-{split}/*"]) for split in (TRAIN_SPLIT, EVAL_SPLIT)]
    return _train(Recipe(config.model, config.trainer), splits, transform)


def _find_artifacts(run: Path) -> tuple[str, str]:
    """Folders of the examples and of the Transform graph that the latest run made."""
    from pipeline.lineage import open_store, read_latest_run

    if not (run / "metadata.sqlite").is_file():
        raise DataError(f"{run}/metadata.sqlite: no such file; give --run <runtime.root>/<name> of a run")
    nodes = read_latest_run(open_store(run / "metadata.sqlite"))
    try:
        examples, graph = nodes["FerExampleGen"].outputs["examples"], nodes["Transform"].outputs["transform_graph"]
    except KeyError as error:
        raise DataError(f"{run}: the latest run has no {error}; let `fer-tfx run` come as far as Transform") from None
    return examples.uri, graph.uri


def _train(recipe: Any, splits: list[Any], transform: Any) -> dict[str, Any]:
    from models.dataset import make_eval_dataset
    from models.evaluation import predict_logits
    from models.seeded_network import build_seeded_network
    from models.training import fit
    from reporting.classification import compute_confusion, compute_macro_f1
    from schema.contract import CLASS_COUNT

    train, eval_ = splits
    network = build_seeded_network(recipe)
    with tempfile.TemporaryDirectory() as folder:
        dirs = {"checkpoint_dir": f"{folder}/state", "log_dir": f"{folder}/log"}
        result = fit(network, train, eval_, transform, recipe.trainer, **dirs)
    logits, classes = predict_logits(network, make_eval_dataset(eval_, transform))
    last = result.history[-1]
    return {
        "parameters": network.count_params(),
        "epochs": len(result.history),
        "seconds": round(result.seconds),
        "loss": last.loss,
        "eval_loss": last.eval_loss,
        "eval_accuracy": last.eval_accuracy,
        "macro_f1": compute_macro_f1(compute_confusion(classes, logits.argmax(axis=1), CLASS_COUNT)),
        "n": len(classes),
    }


if __name__ == "__main__":
    sys.exit(main())
