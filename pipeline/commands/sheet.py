"""A picture with examples of each class, to be looked at before anything is trained on them."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from fer_tfx.contract import IMAGE_SIZE_PX, LABEL_KEY, PIXELS_KEY
from fer_tfx.files import replacing_bytes

_COLUMNS = 12
_MARGIN_PX, _GAP_PX = 90, 4
_STEP_PX = IMAGE_SIZE_PX + _GAP_PX


def write_sheet(examples: Path, class_names: Sequence[str], out: Path) -> None:
    """Write a PNG with a line for each class, of the first examples in any split: sorted by digest, they are mixed."""
    import tensorflow as tf

    faces: dict[int, list[bytes]] = defaultdict(list)
    paths = sorted(str(path) for path in examples.glob("Split-*/*"))
    for record in tf.data.TFRecordDataset(paths, compression_type="GZIP").as_numpy_iterator():
        feature = tf.train.Example.FromString(record).features.feature
        found = faces[feature[LABEL_KEY].int64_list.value[0]]
        if len(found) < _COLUMNS:
            found.append(feature[PIXELS_KEY].bytes_list.value[0])
    sheet = Image.new("L", (_MARGIN_PX + _COLUMNS * _STEP_PX, len(class_names) * _STEP_PX), 255)
    draw = ImageDraw.Draw(sheet)
    for line, name in enumerate(class_names):
        draw.text((_GAP_PX, line * _STEP_PX + IMAGE_SIZE_PX // 2 - 5), name, 0)
        for column, pixels in enumerate(faces[line]):
            face = np.frombuffer(pixels, np.uint8).reshape(IMAGE_SIZE_PX, IMAGE_SIZE_PX)
            sheet.paste(Image.fromarray(face), (_MARGIN_PX + column * _STEP_PX, line * _STEP_PX))
    with replacing_bytes(out.resolve()) as file:
        sheet.save(file, "PNG")
