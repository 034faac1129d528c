"""The options of `fer-tfx submit`; nothing heavy is imported until it is run."""

import argparse
from pathlib import Path


def add_submit(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a compiled pipeline")
    parser.add_argument("--target", choices=("kubeflow", "vertex"), required=True, help="what to send it to")
    parser.add_argument(
        "--param", metavar="NAME=VALUE", dest="overrides", action="append", default=[],
        help="a parameter of the pipeline, such as trainer_epochs=3; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--pipeline-root", metavar="URI", default="", help="bucket of the artifacts (default: the file's)"
    )
    parser.add_argument("--service-account", metavar="NAME", default="", help="whose rights the steps have")
    parser.add_argument(
        "--label", metavar="KEY=VALUE", dest="labels", action="append", default=[], help="for the run; may be repeated"
    )
    parser.add_argument("--cron", metavar="'M H D M W'", default="", help="run again and again, at these times")
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent; needs no credentials")
    vertex = parser.add_argument_group("Vertex AI")
    vertex.add_argument("--project", metavar="ID", default="", help="of Google Cloud")
    vertex.add_argument("--location", metavar="REGION", default="", help="such as europe-west4")
    kubeflow = parser.add_argument_group("Kubeflow Pipelines")
    kubeflow.add_argument("--host", metavar="URL", default="", help="of the API, such as http://localhost:8080")
    kubeflow.add_argument("--experiment", metavar="ID", default="", help="(default: the server's default experiment)")
    kubeflow.add_argument("--token-file", metavar="FILE", default="", help="holds a bearer token, if the server asks")
    parser.set_defaults(command=_submit)


def _submit(parsed: argparse.Namespace) -> int:
    from pipeline.commands.submit import submit_file
    from pipeline.deployment.request import Wishes

    wishes = Wishes(
        overrides=parsed.overrides,
        labels=parsed.labels,
        pipeline_root=parsed.pipeline_root,
        service_account=parsed.service_account,
        cron=parsed.cron,
        project=parsed.project,
        location=parsed.location,
        host=parsed.host,
        experiment=parsed.experiment,
        token_file=parsed.token_file,
    )
    return submit_file(parsed.target, parsed.file, wishes, is_dry=parsed.dry_run)
