"""How many pixels a picture file holds, by its header, in a graph: TensorFlow's decoders take any size."""

import tensorflow as tf

from fer_tfx.contract import MAX_SERVED_PIXELS

_HEADER_BYTES = 28
_PNG, _BMP, _JPEG, _GIF = (int.from_bytes(magic, "big") for magic in (b"\x89P", b"BM", b"\xff\xd8", b"GI"))
# Where width and height stand, the greatest byte first.
_PNG_SIDES = ((16, 17, 18, 19), (20, 21, 22, 23))
_BMP_SIDES = ((21, 20, 19, 18), (25, 24, 23, 22))
_GIF_EXTENSION = 0x21
_MAX_GIF_BLOCKS = 150_000  # of 255 bytes: what LZW makes of 25 million pixels of noise


def check_headers(files: tf.Tensor) -> tf.Tensor:
    """Kinds of files, string (n,), for `bound_picture`: int32 (n,), 1 for a JPEG, 2 for a GIF, 0 if within the bound.

    InvalidArgumentError: one is neither PNG, JPEG, GIF nor BMP, or a PNG or BMP of more than `MAX_SERVED_PIXELS`.
    """
    header = tf.cast(tf.io.decode_raw(files, tf.uint8, fixed_length=_HEADER_BYTES), tf.int64)  # a short file has zeros
    magic = header[:, 0] * 256 + header[:, 1]
    is_png, is_bmp, is_jpeg, is_gif = (tf.equal(magic, each) for each in (_PNG, _BMP, _JPEG, _GIF))
    # libpng skips an unknown chunk before the header, and would read another size than is read here.
    begins_well = tf.reduce_all(tf.equal(header[:, 12:16], list(b"IHDR")), axis=1)
    sides = tf.reduce_sum(tf.gather(header, [_PNG_SIDES, _BMP_SIDES], axis=1) * [2**24, 2**16, 2**8, 1], axis=3)
    height = sides[:, 1, 1]
    bmp_sides = tf.stack([sides[:, 1, 0], tf.minimum(height, 2**32 - height)], axis=1)  # below 0: from top to bottom
    counts = tf.where(is_png, _count_pixels(sides[:, 0]), tf.where(is_bmp, _count_pixels(bmp_sides), 0))
    checks = [
        _require(is_png | is_bmp | is_jpeg | is_gif, "unknown picture format; give a PNG, JPEG, GIF or BMP"),
        _require(begins_well | ~is_png, "a PNG must begin with its header; save it anew"),
        _require_fit(tf.reduce_max(counts)),
    ]
    with tf.control_dependencies(checks):
        return tf.cast(is_jpeg, tf.int32) + 2 * tf.cast(is_gif, tf.int32)


def bound_picture(file: tf.Tensor, kind: tf.Tensor) -> tf.Tensor:
    """The file, string (), of a `kind` from `check_headers`, as it may be decoded: of a GIF the first frame alone.

    Fails with InvalidArgumentError if it is a JPEG or a GIF of more than `MAX_SERVED_PIXELS`.
    """

    def bound_jpeg() -> tf.Tensor:
        with tf.control_dependencies([_require_fit(_count_pixels(tf.io.extract_jpeg_shape(file)[:2]))]):
            return tf.identity(file)

    return tf.switch_case(kind, [lambda: tf.identity(file), bound_jpeg, lambda: _bound_gif(file)])


def _count_pixels(sides: tf.Tensor) -> tf.Tensor:
    """int64 (..., 2) -> int64 (...,); sides are capped, so that the product fits int64."""
    return tf.reduce_prod(tf.minimum(tf.cast(sides, tf.int64), MAX_SERVED_PIXELS + 1), axis=-1)


def _require(conditions: tf.Tensor, message: str, *values: tf.Tensor) -> tf.Operation:
    return tf.debugging.Assert(tf.reduce_all(conditions), [message, *values])


def _require_fit(pixel_count: tf.Tensor) -> tf.Operation:
    message = f"a picture may have {MAX_SERVED_PIXELS:,} pixels; scale it down, it has"
    return _require(pixel_count <= MAX_SERVED_PIXELS, message, tf.strings.as_string(pixel_count))


def _bound_gif(file: tf.Tensor) -> tf.Tensor:
    """TensorFlow's decoder would hold all frames, each of its own size, before it returns the first one."""
    blocks = _GifBlocks(file)
    frame, budget = tf.while_loop(
        lambda position, budget: tf.equal(blocks.at(position), _GIF_EXTENSION) & (budget > 0),
        lambda position, budget: blocks.skip(position + 2, budget),  # its label, then its blocks
        (blocks.skip_colours(tf.constant(10), tf.constant(13)), tf.constant(_MAX_GIF_BLOCKS)),
    )
    end, budget = blocks.skip(blocks.skip_colours(frame + 9, frame + 10) + 1, budget)
    sides = tf.stack([blocks.at(frame + start) + 256 * blocks.at(frame + start + 1) for start in (5, 7)])
    checks = [
        _require(budget > 0, f"a GIF may have {_MAX_GIF_BLOCKS:,} blocks; save it as PNG"),
        _require_fit(_count_pixels(sides)),
    ]
    with tf.control_dependencies(checks):
        return tf.strings.join([tf.strings.substr(file, 0, end), b";"])


class _GifBlocks:
    """The bytes of a GIF: blocks of at most 255 bytes, each after its length, up to one of length 0."""

    def __init__(self, file: tf.Tensor) -> None:
        self._size = tf.strings.length(file)
        self._data = tf.io.decode_raw(tf.strings.join([file, b"\0"]), tf.uint8)

    def at(self, position: tf.Tensor) -> tf.Tensor:
        """int32 (); past the end 0."""
        return tf.cast(tf.gather(self._data, tf.minimum(position, self._size)), tf.int32)

    def skip_colours(self, flags: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        """The position after the colour table that begins at `position` if the byte at `flags` says so."""
        flag = self.at(flags)
        return position + tf.where(flag >= 128, 6 * tf.bitwise.left_shift(1, flag % 8), 0)

    def skip(self, position: tf.Tensor, budget: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The position after the last block, at most the end of the file, and what is left of the budget of blocks."""
        last, budget = tf.while_loop(
            lambda position, budget: (self.at(position) > 0) & (budget > 0),
            lambda position, budget: (position + self.at(position) + 1, budget - 1),
            (position, budget - 1),
        )
        return tf.minimum(last + 1, self._size), budget
