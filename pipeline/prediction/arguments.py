"""The options of `fer-tfx predict` and `fer-tfx submission`; nothing heavy is imported until one of them is run."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.prediction.back_ends import BackEnd


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `fer-tfx predict`."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="+",
        help="pictures and folders of them, or CSVs of rows and archives of them; - is standard input",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=["table", "csv", "jsonl"], default="table", help="jsonl: an object a line (default: table)"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to write (default: standard output)")
    unsure = parser.add_mutually_exclusive_group()
    unsure.add_argument("--abstain-below", metavar="X", type=float, help="call it unsure below this confidence, 0 to 1")
    unsure.add_argument("--abstain", action="store_true", help="call it unsure below the model's own threshold")
    parser.add_argument("--detect", action="store_true", help="find the faces in photos first, and answer for each")
    parser.add_argument("--save", metavar="FOLDER", type=Path, help="with --detect: photos with boxes and names drawn")
    _add_back_end(parser)
    parser.set_defaults(command=_predict)


def add_submission(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `fer-tfx submission`."""
    parser.add_argument("--data", metavar="FILE", required=True, help="test.csv or an archive of it")
    parser.add_argument("--out", metavar="FILE", required=True, type=Path, help="where to write the class indices")
    _add_back_end(parser)
    parser.set_defaults(command=_submit)


def _add_back_end(parser: argparse.ArgumentParser) -> None:
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--model", metavar="FOLDER", type=Path, help="a SavedModel or its versions (default: shipped)")
    who.add_argument("--url", metavar="URL", help="a TensorFlow Serving: http(s)://host:port or grpc(s)://host:port")
    parser.add_argument(
        "--trust", action="store_true", help="with --model: load it, and know it from now on, wherever it comes from"
    )
    parser.add_argument("--server-model", metavar="NAME", help="with --url: the model's name there (default: fer)")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, help="with --url: for one batch (default: 10)")


def _read_back_end(parsed: argparse.Namespace) -> "BackEnd":
    from pipeline.prediction.back_ends import BackEnd

    return BackEnd(parsed.model, parsed.url, parsed.server_model, parsed.timeout, parsed.trust)


def _predict(parsed: argparse.Namespace) -> int:
    from pipeline.commands.predict import PredictOptions, predict

    return predict(
        PredictOptions(
            paths=tuple(parsed.paths),
            back_end=_read_back_end(parsed),
            format=parsed.format,
            out=parsed.out,
            abstain_below=parsed.abstain_below,
            is_abstaining=parsed.abstain,
            is_detecting=parsed.detect,
            save=parsed.save,
        )
    )


def _submit(parsed: argparse.Namespace) -> int:
    from pipeline.commands.submission import write_submission

    return write_submission(parsed.data, parsed.out, _read_back_end(parsed))
