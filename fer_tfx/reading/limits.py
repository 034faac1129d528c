"""Bounds on what one input file may cost to read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadingLimits:
    """What a line, an archive with all that is nested in it, and a part of a large file may take."""

    max_line_bytes: int = 1_000_000
    part_bytes: int = 64_000_000
    """Size of the parts that a plain CSV is read in."""
    max_decompressed_bytes: int = 16_000_000_000
    max_compression_ratio: float = 200.0
    """Unpacked over packed bytes, checked past the first 10 MB; FER2013 packs about 4 to 1."""
    max_members: int = 10_000
    max_header_bytes: int = 8_000_000
    """For all member lists of zips, and for all long names and extended headers of tars."""
    max_depth: int = 4
    """Layers of packing; a tar.gz in a zip has three."""
