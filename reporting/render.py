"""ReportData -> one HTML page that needs nothing else: no network, no script."""

import base64
import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fer_tfx.contract import LABELLED_SPLITS
from reporting import plots, templates
from reporting.evaluation import Faces
from reporting.intervals import Interval, Share
from reporting.report_data import Evaluation, ReportData

TEMPLATE = "template.html"
_NO_BREAK = "\N{NO-BREAK SPACE}"


def render_report(report: ReportData, faces: Faces | None = None, card: str = "") -> str:
    """The whole page, without what the report lacks; every text that comes from data or settings is escaped.

    `faces` belong to the report's evaluation; the card is Markdown, shown verbatim.
    """
    rows = report.data.rows
    return templates.render(
        TEMPLATE,
        {"share": format_share, "percent": format_percent, "figure": format_figure},
        is_html=True,
        report=report,
        card=card,
        rows=rows,
        splits=[split for split in LABELLED_SPLITS if rows.split_size(split)],
        class_names=rows.classes,
        balance_plot=plots.plot_class_balance(rows) if any(map(rows.split_size, LABELLED_SPLITS)) else None,
        training_plots=plots.plot_training(report.training) if report.training else (),
        settings=list(flatten(report.lineage.settings)) if report.lineage else [],
        **(_draw_evaluation(report.evaluation, faces) if report.evaluation and faces else {}),
    )


def _draw_evaluation(evaluation: Evaluation, faces: Faces) -> dict[str, Any]:
    return {
        # Of each cell of the confusion matrix the share of its true class, as a percentage for the style sheet.
        "shading": [[f"{60 * each / max(1, sum(counts)):.0f}%" for each in counts] for counts in evaluation.confusion],
        "mean_faces": [encode_picture(face) for face in faces.means],
        "mistakes": list(zip(evaluation.mistakes, map(encode_picture, faces.mistakes), strict=True)),
        "classes_plot": plots.plot_classes(evaluation.classes),
        "reliability_plot": plots.plot_reliability(evaluation),
        "coverage_plot": plots.plot_coverage(evaluation),
        "slices_plot": plots.plot_slices(evaluation.slices),
    }


def format_percent(fraction: float) -> str:
    """0.6817 -> 68.2 %, without a line break."""
    return f"{100 * fraction:.1f}{_NO_BREAK}%"


def format_share(share: Share) -> str:
    """68.2 % [66.6, 69.7]: the share with its interval."""
    return f"{format_percent(share.fraction)} [{100 * share.low:.1f},{_NO_BREAK}{100 * share.high:.1f}]"


def format_figure(value: float, interval: Interval | None) -> str:
    """0.0243 [0.0000, 0.0391]: a figure, with its interval if it has one."""
    return f"{value:.4f}" + (f" [{interval.low:.4f},{_NO_BREAK}{interval.high:.4f}]" if interval else "")


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted key and value of each setting."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def encode_picture(pixels: npt.NDArray[np.uint8]) -> str:
    """A grey picture, uint8 (height, width), as the data URI of a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
