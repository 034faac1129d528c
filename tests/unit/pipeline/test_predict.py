"""fer-tfx predict: arguments to options, and all that is refused before TensorFlow is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.commands import predict as predict_command
from pipeline.commands.predict import PredictOptions, predict
from schema.errors import ConfigError, FerError


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[PredictOptions]:
    """Options that the command line hands on; nothing is predicted."""
    options: list[PredictOptions] = []
    monkeypatch.setattr(predict_command, "predict", lambda each: options.append(each) or 0)
    return options


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a model, but can't be loaded."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"no graph")
    return tmp_path / "model"


def test_main_predict_every_option_reaches_the_command(given):
    assert main(["predict", "a.png", "b.png"]) == 0
    words = "--csv t.csv --model m --format csv --out o.csv"
    main(["predict", *words.split(), "--min-confidence", "0.4"])
    main(["predict", "a", "--abstain"])
    assert given == [
        PredictOptions(pictures=("a.png", "b.png")),
        PredictOptions((), Path("t.csv"), Path("m"), "csv", Path("o.csv"), 0.4, False),
        PredictOptions(pictures=("a",), is_abstaining=True),
    ]


@pytest.mark.parametrize("words", ["a --format xml", "a --min-confidence x", "a --min-confidence 0.1 --abstain"])
def test_main_predict_wrong_option_exits_with_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["predict", *words.split()])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: fer-tfx predict")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "give either pictures or --csv FILE"),
        ("a.png --csv t.csv", "give either pictures or --csv FILE"),
        ("a.png --format submission", "--format submission is for the rows of a CSV; give --csv FILE"),
        ("a.png --min-confidence 1.5", "--min-confidence: expected a number from 0 to 1, got 1.5"),
        ("a.png --min-confidence nan", "--min-confidence: expected a number from 0 to 1, got nan"),
        ("a.png --out none/x.csv", "none/x.csv: its folder does not exist; make it first"),
        ("--csv t.csv --format submission --abstain", "--format submission has a class in every line; leave "
         "--min-confidence and --abstain away"),
        ("--csv t.csv --format submission --min-confidence 0", "--format submission has a class in every line; leave "
         "--min-confidence and --abstain away"),
    ],
)  # fmt: skip
def test_main_predict_options_that_do_not_go_together_are_one_line(words, said, capsys):
    assert main(["predict", *words.split()]) == 2
    assert capsys.readouterr() == ("", f"fer-tfx: {said}\n")


def test_main_predict_folder_that_is_no_model_is_refused_without_tensorflow(tmp_path):
    code = (
        "import sys; from pipeline.cli import main; code = main(sys.argv[1:]);"
        "print(*({'tensorflow', 'tfx'} & set(sys.modules))); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, "predict", "a.png", "--model", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "\n")
    assert done.stderr.startswith(f"fer-tfx: {tmp_path}: no SavedModel in it")
    assert done.stderr.count("\n") == 1


def test_predict_model_without_calibration_cannot_abstain(model):
    with pytest.raises(ConfigError, match="no `abstain_threshold` in it"):
        predict(PredictOptions(("a.png",), model=model, is_abstaining=True))


def test_predict_interrupt_says_that_nothing_was_written(model, monkeypatch, tmp_path):
    def interrupt(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(predict_command, "Predictor", interrupt)
    with pytest.raises(FerError, match="interrupted; nothing was written") as caught:
        predict(PredictOptions(("a.png",), model=model, out=tmp_path / "o.csv"))
    assert caught.value.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
