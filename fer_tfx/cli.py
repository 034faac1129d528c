"""fer-tfx: arguments -> a command.

A command imports what it needs when it is called. The pipeline, where it is installed, adds its own commands through
the entry point group `fer_tfx.commands`.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fer_tfx.commands.ending import PLUGINS, run, take_signals
from fer_tfx.commands.listing import TRAIN, USE, CommandGroup, Launcher, add_command, share
from fer_tfx.errors import INSTALL_ALL, ConfigError

if TYPE_CHECKING:
    from fer_tfx.client.connection import Connection

_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
COMPLETE = "_FER_TFX_COMPLETE"
"""In the environment when a shell asks how to go on; Typer's scripts for shells name it."""

Model = Annotated[
    str | None,
    typer.Option(metavar="NAME|FOLDER", help="small or accurate, a pushed model or its versions (default: small)."),
]
Url = Annotated[str | None, typer.Option(metavar="URL", help="A server: http(s), grpc(s) or kserve(s)://host:port.")]
Trust = Annotated[bool, typer.Option("--trust", help="With --model: load it wherever it comes from, now and later.")]
ServerModel = Annotated[
    str | None, typer.Option(metavar="NAME", help="With --url: the model's name there (default: fer).")
]
Views = Annotated[
    int | None,
    typer.Option(
        metavar="1|2|4",
        help="Views of each picture to average: 2 adds its mirror image, 4 both enlarged (default: 4 for up to 128"
        " pictures, else 1).",
    ),
]
Timeout = Annotated[float | None, typer.Option(metavar="SECONDS", help="With --url: for one batch (default: 10).")]
Label = Annotated[
    str | None, typer.Option(metavar="NAME", help="With --url: the version with that label, such as `stable`.")
]
Version = Annotated[int | None, typer.Option(metavar="N", help="With --url: that version (default: the latest).")]
Header = Annotated[
    list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="With --url: a header to send; may be repeated.")
]
TokenFile = Annotated[Path | None, typer.Option(metavar="FILE", help="With --url: a bearer token.")]
Ca = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="With https or grpcs: the authorities to trust (PEM), not the system's."),
]
Cert = Annotated[Path | None, typer.Option(metavar="FILE", help="With https or grpcs: the client's certificate (PEM).")]
Key = Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key (PEM), unless the file has both.")]


def start() -> int:
    """The console script: `main`, in the child process of a launcher if the command declares one."""
    _open_streams()
    take_signals()
    words = sys.argv[1:]
    app = typer.main.get_command(build_app())
    if COMPLETE in os.environ:
        app.main(words, "fer-tfx")  # answers the shell and leaves
    command = getattr(app, "commands", {}).get(next((each for each in words if each[:1] != "-"), ""))
    launch: Launcher | None = command.context_settings.get("obj") if command else None
    return launch(lambda: run(app, words)) if launch else run(app, words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command in this process; see `fer_tfx.commands.ending.run`."""
    return run(typer.main.get_command(build_app()), sys.argv[1:] if arguments is None else arguments)


def _open_streams() -> None:
    """Where a caller has closed one, a file that is opened later would take its place, and get what is printed."""
    for number, name, mode in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            # To write into a file that is open for reading fails, as it should on a closed standard output.
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def build_app() -> typer.Typer:
    """The commands of the library, and of the pipeline where it is installed."""
    plugins = entry_points(group=PLUGINS)
    app = typer.Typer(
        cls=CommandGroup,
        help="Name the expression in pictures of faces, and train, judge and deploy models that do.",
        epilog=("" if plugins else f"To train, look back and deploy, {INSTALL_ALL}.\n\n")
        + "Exit codes: 0 done, 2 bad input or configuration, 3 refused by a gate, 1 anything else.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"max_content_width": 100},
    )
    app.callback()(share)
    add_command(
        app, USE, predict,
        "fer-tfx predict face.png",
        "fer-tfx predict photos/ --save drawn/",
        "fer-tfx predict clip.mp4 --save drawn.mp4",
        "fer-tfx predict test.csv --out answers.csv",
        "fer-tfx predict face.png --url http://localhost:8501",
    )  # fmt: skip
    add_command(
        app, USE, demo,
        "fer-tfx demo",
        "fer-tfx demo --model runs/fer/serving",
        "fer-tfx demo --url http://localhost:8501",
        "fer-tfx demo --out page/",
    )  # fmt: skip
    add_command(app, USE, submission, "fer-tfx submission --data test.csv --out submission.csv")
    for plugin in plugins:
        plugin.load()(app)
    add_command(app, TRAIN, download, "fer-tfx download", "fer-tfx download --out /data/fer2013")
    return app


def predict(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Pictures and folders of them, videos, or CSVs of rows and archives of them; - is standard input.",
        ),
    ],
    format: Annotated[
        Literal["table", "csv", "jsonl"] | None,
        typer.Option(help="jsonl: one object a line (default: by the suffix of --out, else table)."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write (default: standard output).")] = None,
    abstain_below: Annotated[
        float | None, typer.Option(metavar="X", help="Call it unsure below this confidence, 0 to 1.")
    ] = None,
    abstain: Annotated[bool, typer.Option("--abstain", help="Call it unsure below the model's own threshold.")] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Take each picture for one face (default: pictures of up to 64 px).")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER|FILE", help="Write the pictures, or the video, there with boxes and names drawn."),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Of a video: search a frame each so often, 0: all (default: 0.5)."),
    ] = None,
    smooth: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Of a video: average the answers for a face over so long (default: 0)."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first picture that can't be read, and write nothing.")
    ] = False,
    model: Model = None,
    url: Url = None,
    trust: Trust = False,
    server_model: ServerModel = None,
    timeout: Timeout = None,
    label: Label = None,
    version: Version = None,
    header: Header = None,
    token_file: TokenFile = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    views: Views = None,
) -> int:
    """Name the expression in pictures, in videos, or in the rows of a CSV."""
    from fer_tfx.commands import predict as command

    if abstain and abstain_below is not None:
        raise ConfigError("--abstain and --abstain-below: give one of them")
    connection = _read_connection(header, token_file, ca, cert, key, version, label)
    back_end = command.BackEnd(model, url, server_model, timeout, trust, views, connection)
    form = format or _FORMATS.get(out.suffix.lower() if out else "", "table")
    options = command.PredictOptions(tuple(paths), back_end, form, out, abstain_below, abstain, whole, save, strict,
                                     every, smooth)  # fmt: skip
    return command.predict(options)


def demo(
    model: Model = None,
    url: Url = None,
    server_model: ServerModel = None,
    port: Annotated[int, typer.Option(metavar="N", help="Of this machine; 0: any that is free.")] = 8000,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the page there, for any host of static files.")
    ] = None,
) -> int:
    """Serve a page for a camera or pictures. The model runs in the browser, and no picture leaves it without --url."""
    from fer_tfx.commands import demo as command
    from fer_tfx.commands.predict import BackEnd

    return command.demo(BackEnd(model, url, server_model), port, out)


def submission(
    data: Annotated[str, typer.Option(metavar="FILE", help="test.csv or an archive of it.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the class indices.")],
    model: Model = None,
    url: Url = None,
    trust: Trust = False,
    server_model: ServerModel = None,
    timeout: Timeout = None,
    label: Label = None,
    version: Version = None,
    header: Header = None,
    token_file: TokenFile = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    views: Annotated[
        int | None,
        typer.Option(metavar="1|2|4", help="Views of each picture to average (default: as the model does: 1)."),
    ] = None,
) -> int:
    """Predict test.csv for Kaggle: one class index a line."""
    from fer_tfx.commands.predict import BackEnd, write_submission

    connection = _read_connection(header, token_file, ca, cert, key, version, label)
    return write_submission(data, out, BackEnd(model, url, server_model, timeout, trust, views, connection))


def _read_connection(
    header: Sequence[str] | None,
    token_file: Path | None,
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
    version: int | None,
    label: str | None,
) -> "Connection":
    from fer_tfx.client.connection import Connection, parse_headers

    headers = parse_headers(header or ())
    return Connection(headers, token_file, ca, cert, key, version=version, label=label)


def download(out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to put it.")] = Path("data")) -> int:
    """Download FER2013 from Kaggle (needs the kaggle package and a token)."""
    from fer_tfx.download import download_from_kaggle

    return download_from_kaggle(out)
