"""The commands of the pipeline, which `fer_tfx.cli` adds to its own. TFX is imported only by those that need it."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from fer_tfx.commands.listing import DEPLOY, LOOK_BACK, MISSING, TRAIN, add_command
from fer_tfx.errors import FerError
from pipeline.commands import Config, Overrides, load_settings
from pipeline.commands.export import export
from pipeline.commands.history import compare, lineage, report, runs, tensorboard
from pipeline.commands.inspect import inspect
from pipeline.commands.schema import schema
from pipeline.commands.versions import accept, rollback, versions
from pipeline.stack import has_tfx
from pipeline.supervisor import supervise

Parameters = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the pipeline; may be repeated."),
]
CompiledFile = Annotated[Path, typer.Argument(metavar="FILE", help="A compiled pipeline.")]
Target = Literal["kubeflow", "vertex"]


def add_commands(app: typer.Typer) -> None:
    """Those that need TFX come last where it isn't installed."""
    train, look_back, deploy = (TRAIN, LOOK_BACK, DEPLOY) if has_tfx() else (MISSING,) * 3
    add = partial(add_command, app)
    add(
        train, run,
        "fer-tfx run",
        "fer-tfx run --data train.csv.xz --set trainer.epochs=30",
        "fer-tfx run --config configs/fer2013.yaml --data icml_face_data.csv --unlabelled test.csv",
        launcher=supervise,
    )  # fmt: skip
    add(
        train, inspect,
        "fer-tfx inspect fer2013.csv", "fer-tfx inspect faces/ --sheet faces.png", "fer-tfx inspect faces.zip --json",
    )  # fmt: skip
    add(TRAIN, config, "fer-tfx config", "fer-tfx config --set trainer.epochs=30 > own.yaml")
    add(train, schema, "fer-tfx schema --data train.csv --out own.pbtxt")
    add(look_back, runs, "fer-tfx runs", "fer-tfx runs --json", "fer-tfx runs --set name=fer-drawn")
    add(look_back, compare, "fer-tfx compare 1 latest", "fer-tfx compare 1 latest --html")
    add(look_back, lineage, "fer-tfx lineage 1700000000", "fer-tfx lineage 1700000000 --json")
    add(look_back, report, "fer-tfx report", "fer-tfx report 3 --no-open", "fer-tfx report --all")
    add(look_back, tensorboard, "fer-tfx tensorboard", "fer-tfx tensorboard 3 --port 7007")
    add(DEPLOY, versions, "fer-tfx versions", "fer-tfx versions --json")
    add(DEPLOY, rollback, "fer-tfx rollback", "fer-tfx rollback --to 1700000000")
    add(
        deploy, export,
        "fer-tfx export 1700000000 --to tflite --out model.tflite",
        "fer-tfx export 1700000000 --to onnx --out model.onnx",
    )  # fmt: skip
    add(deploy, accept, "fer-tfx accept 1700000000 --reason 'corrected labels'")
    add(
        deploy, compile_,
        "fer-tfx compile --target kubeflow --out fer.yaml --set deploy.image=REGISTRY/fer-tfx:1.0.0"
        " --set runtime.root=gs://BUCKET/runs",
    )  # fmt: skip
    add(deploy, replay, "fer-tfx replay fer.yaml --param data_path=fer2013.csv")
    add(
        DEPLOY, submit,
        "fer-tfx submit fer.yaml --target kubeflow --host http://localhost:8080",
        "fer-tfx submit fer.json --target vertex --project PROJECT --location europe-west4 --dry-run",
    )  # fmt: skip


def run(
    data: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Table, archive or folder of faces; - is standard input (default: drawn)."),
    ] = None,
    unlabelled: Annotated[
        str | None, typer.Option(metavar="PATH", help="Rows without labels to predict, such as test.csv.")
    ] = None,
    config: Config = None,
    overrides: Overrides = None,
) -> int:
    """Run the whole pipeline on this machine."""
    from pipeline.runners.local import run_pipeline

    given = {"data.path": data, "data.unlabelled_path": unlabelled}
    settings = load_settings(config, overrides, {key: value for key, value in given.items() if value})
    try:
        return run_pipeline(settings)
    except KeyboardInterrupt:
        raise FerError("interrupted; the same command resumes training where it stopped") from None


def config(config: Config = None, overrides: Overrides = None) -> int:
    """Print every setting and its value."""
    from configs.load import to_yaml

    print(to_yaml(load_settings(config, overrides)), end="")
    return 0


def compile_(
    target: Annotated[Target, typer.Option(help="kubeflow: a PipelineSpec in YAML; vertex: a PipelineJob in JSON.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it.")],
    config: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="YAML file of settings (default: configs/kubeflow.yaml or vertex.yaml)."),
    ] = None,
    overrides: Overrides = None,
) -> int:
    """Write the pipeline in the form that a cluster takes."""
    from configs.load import CLUSTER_CONFIGS
    from pipeline.runners.compilation import compile_to_file

    return compile_to_file(load_settings(config or str(CLUSTER_CONFIGS[target]), overrides), target, out)


def replay(
    file: CompiledFile,
    flavor: Annotated[Target | None, typer.Option(help="Default: as the form of the file says.")] = None,
    root: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write.")] = Path("runs/replay"),
    parameters: Parameters = None,
    workers: Annotated[int, typer.Option(metavar="N", help="Tasks at a time; 0: one a core.")] = 0,
) -> int:
    """Execute a compiled pipeline on this machine, as its back end would."""
    from pipeline.replay import command

    return command.replay(file, flavor or "", root, parameters or [], workers)


def submit(
    file: CompiledFile,
    target: Annotated[Target, typer.Option(help="What to send it to.")],
    parameters: Parameters = None,
    pipeline_root: Annotated[
        str, typer.Option(metavar="URI", help="Bucket of the artifacts (default: the file's).")
    ] = "",
    service_account: Annotated[str, typer.Option(metavar="NAME", help="Whose rights the steps have.")] = "",
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="For the run; may be repeated.")
    ] = None,
    cron: Annotated[str, typer.Option(metavar="'M H D M W'", help="Run again and again, at these times.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be sent; needs no credentials.")] = False,
    project: Annotated[str, typer.Option(metavar="ID", help="Vertex AI: of Google Cloud.")] = "",
    location: Annotated[str, typer.Option(metavar="REGION", help="Vertex AI: such as europe-west4.")] = "",
    host: Annotated[str, typer.Option(metavar="URL", help="Kubeflow: of the API, such as http://localhost:8080.")] = "",
    experiment: Annotated[
        str, typer.Option(metavar="ID", help="Kubeflow (default: the server's default experiment).")
    ] = "",
    token_file: Annotated[
        str, typer.Option(metavar="FILE", help="Kubeflow: holds a bearer token, if the server asks for one.")
    ] = "",
) -> int:
    """Send a compiled pipeline to Vertex AI or Kubeflow Pipelines."""
    from pipeline.runners import submission

    request = submission.build_request(
        target, file, overrides=parameters or [], labels=labels or [], pipeline_root=pipeline_root,
        service_account=service_account, cron=cron, project=project, location=location, host=host,
        experiment=experiment,
    )  # fmt: skip
    if dry_run:
        print(request.to_yaml(), end="")
        return 0
    return submission.submit(request, token_file)
