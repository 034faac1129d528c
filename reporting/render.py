"""ReportData -> one HTML page that needs nothing else: no network, no script."""

import base64
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fer_tfx.contract import IMAGE_SIZE_PX, LABELLED_SPLITS
from reporting import plots, templates
from reporting.answered import Cell, Shown
from reporting.faces import Faces
from reporting.intervals import Interval, Share
from reporting.origin import tell_origin
from reporting.report_data import NEXT_STEP, Conflict, Evaluation, QuarantinedRow, ReportData

TEMPLATE = "report.html"
NO_FIGURE = "\N{EN DASH}"
_NO_BREAK = "\N{NO-BREAK SPACE}"
_MAX_GALLERY_PICTURES = 600  # some 2 MB of photographs
_HEAT_RGB = (255, 90, 0)
_HEAT_OPACITY = 200


def render_report(report: ReportData, faces: Faces | None = None, card: str = "") -> str:
    """The whole page; every text that comes from data or settings is escaped.

    `faces` belong to the report's evaluation; the card is Markdown, shown verbatim.
    """
    data, rows = report.data, report.data.rows
    return templates.render(
        TEMPLATE,
        FILTERS,
        is_html=True,
        report=report,
        card=card,
        origin=tell_origin(report.name, rows).value,
        rows=rows,
        next_step=NEXT_STEP,
        splits=[split for split in LABELLED_SPLITS if rows.split_size(split)],
        class_names=rows.classes,
        quarantined_faces=_decode_all(data.quarantined),
        conflict_faces=_decode_all(data.conflicts),
        balance_plot=plots.plot_class_balance(rows) if any(map(rows.split_size, LABELLED_SPLITS)) else None,
        training_plots=plots.plot_training(report.training) if report.training else (),
        settings=list(flatten(report.lineage.settings)) if report.lineage else [],
        **(_draw_evaluation(report.evaluation, faces) if report.evaluation and faces else {"class_faces": []}),
    )


def _draw_evaluation(evaluation: Evaluation, faces: Faces) -> dict[str, Any]:
    galleries = _choose_galleries(faces.cells)
    return {
        "matrix": [
            [
                {
                    "count": count,
                    "shade": f"{60 * count / max(1, sum(counts)):.0f}%",
                    "gallery": _name_gallery((row, column)) if (row, column) in galleries else "",
                }
                for column, count in enumerate(counts)
            ]
            for row, counts in enumerate(evaluation.confusion)
        ],
        "galleries": [
            {
                "id": _name_gallery(cell),
                "true_class": shown[0].answer.true_class,
                "predicted_class": shown[0].answer.predicted_class,
                "count": evaluation.confusion[cell[0]][cell[1]],
                "shown": [(each.answer, encode_picture(each.pixels)) for each in shown],
            }
            for cell, shown in sorted(galleries.items())
        ],
        "class_faces": [
            (encode_picture(each.mean), [encode_picture(example) for example in each.examples])
            for each in faces.classes
        ],
        "mistakes": [
            (each.answer, encode_picture(each.pixels), _encode_heat(heat))
            for each, heat in zip(faces.mistakes, faces.saliency, strict=True)
        ],
        "classes_plot": plots.plot_classes(evaluation.classes),
        "reliability_plot": plots.plot_reliability(evaluation),
        "coverage_plot": plots.plot_coverage(evaluation),
        "slices_plot": plots.plot_slices(evaluation.slices),
    }


def _choose_galleries(cells: Mapping[Cell, Sequence[Shown]]) -> dict[Cell, Sequence[Shown]]:
    """As many pictures of each cell as the page has room for; of a great many cells only the fullest have any."""
    each = max(1, _MAX_GALLERY_PICTURES // max(1, len(cells)))
    fullest = sorted(cells, key=lambda cell: (-len(cells[cell]), cell))[:_MAX_GALLERY_PICTURES]
    return {cell: cells[cell][:each] for cell in fullest}


def _name_gallery(cell: Cell) -> str:
    return f"cell-{cell[0]}-{cell[1]}"


def _decode_all(described: Sequence[QuarantinedRow | Conflict]) -> list[tuple[QuarantinedRow | Conflict, str]]:
    """Those whose picture is known, with it."""
    shape = (IMAGE_SIZE_PX, IMAGE_SIZE_PX)
    return [
        (each, encode_picture(np.frombuffer(base64.b64decode(each.picture), np.uint8).reshape(shape)))
        for each in described
        if each.picture
    ]


def _encode_heat(lost: npt.NDArray[np.float64]) -> str:
    """A colour that is the more opaque the more is lost, float (n, n), relative to the most."""
    heat = np.empty((*lost.shape, 4), np.uint8)
    heat[..., :3] = _HEAT_RGB
    heat[..., 3] = np.nan_to_num(lost / max(float(lost.max(initial=0)), 1e-9)) * _HEAT_OPACITY
    return encode_picture(heat)


def format_percent(fraction: float) -> str:
    """0.6817 -> 68.2 %, without a line break; NaN -> a dash."""
    return NO_FIGURE if math.isnan(fraction) else f"{100 * fraction:.1f}{_NO_BREAK}%"


def format_share(share: Share) -> str:
    """68.2 % [66.6, 69.7]: the share with its interval; a dash for NaN and where there is nothing to be a share of."""
    if not share.count or math.isnan(share.fraction):
        return NO_FIGURE
    return f"{format_percent(share.fraction)} [{100 * share.low:.1f},{_NO_BREAK}{100 * share.high:.1f}]"


def format_figure(value: float, interval: Interval | None) -> str:
    """0.0243 [0.0000, 0.0391]: a figure, with its interval if it has one; NaN -> a dash."""
    if math.isnan(value):
        return NO_FIGURE
    return f"{value:.4f}" + (f" [{interval.low:.4f},{_NO_BREAK}{interval.high:.4f}]" if interval else "")


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted key and value of each setting."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def encode_picture(pixels: npt.NDArray[np.uint8]) -> str:
    """A picture, uint8 (height, width) in grey or (height, width, 4), as the data URI of a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


FILTERS = {"share": format_share, "percent": format_percent, "figure": format_figure}
"""Of all pages."""
