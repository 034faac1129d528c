"""Hostile CSVs and archives, each with what must become of it. All are built here, from seeded numbers."""

import bz2
import gzip
import io
import lzma
import random
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

PIXELS = " ".join(str(number * 7 % 256) for number in range(2304))
HEADER = "emotion,pixels,Usage"
GOOD = [f"{label},{PIXELS},Training" for label in (0, 3, 6)]
BOMB = b"emotion,pixels\n" + bytes(300_000_000)  # one endless row


@dataclass(frozen=True)
class Case:
    """One file and its fate."""

    content: bytes
    used: int = 0
    """Rows that are usable."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Rows that go to the quarantine, by reason."""
    refusal: str = ""
    """A regular expression of the one line with which the whole file is refused; empty: it isn't."""
    skipped: int = 0
    """Members of an archive that are passed over."""


def rows(*lines: str, header: str = HEADER, end: str = "\n", encoding: str = "utf-8") -> bytes:
    """A CSV of these lines."""
    return (end.join([header, *lines]) + end).encode(encoding)


def spoilt(line: str, reason: str) -> Case:
    """Three good rows with a bad one in their midst."""
    return Case(rows(GOOD[0], line, *GOOD[1:]), used=3, rejected={reason: 1})


def pixel(text: str) -> str:
    """A row whose first pixel is `text`."""
    return f"3,{text} {PIXELS.partition(' ')[2]},Training"


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(members: dict[str, bytes], **fields: object) -> bytes:
    """A tar; `fields` are set on the header of its last member."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for position, (name, content) in enumerate(members.items(), start=1):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in fields.items() if position == len(members) else ():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return packed.getvalue()


def tar_header(name: str, kind: bytes, size: int) -> bytes:
    """One block: what stands before a member, or before what extends the header of the next one."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def tar_part(kind: bytes, content: bytes, name: str = "part") -> bytes:
    """A header with what it announces, filled up to whole blocks."""
    return tar_header(name, kind, len(content)) + content + bytes(-len(content) % 512)


def pax_record(keyword: bytes, value: bytes) -> bytes:
    """With its own length in front, the digits of the length included."""
    rest = b" %s=%s\n" % (keyword, value)
    length = next(each for each in range(len(rest), len(rest) + 20) if len(str(each)) + len(rest) == each)
    return b"%d" % length + rest


def ended(*parts: bytes) -> bytes:
    """A tar of these parts and a member `faces.csv`."""
    return b"".join([*parts, tar_part(tarfile.REGTYPE, CSV, "faces.csv"), bytes(1024)])


def sparse_header(name: str) -> bytes:
    """GNU's old header of a file with holes, whose map goes on in the block behind it."""
    header = bytearray(tar_header(name, tarfile.GNUTYPE_SPARSE, 0))
    header[386:398] = header[398:410] = b"00000000001\0"  # one piece
    header[482] = 1  # another block follows
    header[483:495] = b"00000000002\0"  # size with the holes
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def zip_list(entries: int, name: bytes = b"", extra: bytes = b"") -> bytes:
    """A zip that lists a member many times over and holds none."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, *[0] * 8, len(name), len(extra), *[0] * 5)
    listed = (entry + name + extra) * entries
    count = entries & 0xFFFF
    return b"PK\3\4" + bytes(26) + listed + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(listed), 30, 0)


def xz_with_dictionary_of_four_gigabytes() -> bytes:
    """The byte for the size of the dictionary and the checksum of its header are changed (xz format, 3.1 and 5.3.1)."""
    content = bytearray(lzma.compress(CSV))
    end = 12 + (content[12] + 1) * 4 - 4
    content[16] = 40
    content[end : end + 4] = struct.pack("<L", zlib.crc32(content[12:end]))
    return bytes(content)


def _zip_with_link() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        link = zipfile.ZipInfo("passwd.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("faces.csv", rows(*GOOD))
    return packed.getvalue()


def _flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :]


COLUMNS, COUNT, EMPTY = "wrong number of columns", "wrong number of pixels", "empty pixels"
NO_INTEGER, RANGE, LABEL = "pixel is not an integer", "pixel out of 0-255", "unknown label"
USAGE, QUOTE, BYTES, LONG = "unknown usage", "unbalanced quote", "undecodable bytes", "line too long"
CSV = rows(*GOOD)

TEXTS: dict[str, Case] = {
    "byte order mark": Case(b"\xef\xbb\xbf" + CSV, used=3),
    "CRLF": Case(rows(*GOOD, end="\r\n"), used=3),
    "bare carriage returns": Case(rows(*GOOD, end="\r"), refusal="line 1: found line ends of a bare carriage return"),
    "UTF-16": Case(CSV.decode().encode("utf-16"), refusal="is text in UTF-16: save it in UTF-8"),
    "UTF-16 without a mark": Case(CSV.decode().encode("utf-16-le"), refusal="UTF-16 or binary content"),
    "UTF-32": Case(CSV.decode().encode("utf-32-le"), refusal="UTF-16 or binary content"),
    "a Latin-1 usage": Case(CSV + f"3,{PIXELS},Entraîné\n".encode("latin-1"), used=3, rejected={BYTES: 1}),
    "NUL in the header": Case(b"emo\0tion,pixels\n", refusal="UTF-16 or binary content"),
    "NUL as a pixel": spoilt(pixel("\0"), NO_INTEGER),
    "NUL as a line": spoilt("\0", COLUMNS),
    "a picture file": Case(b"\x89PNG\r\n\x1a\n" + bytes(5000), refusal="line 1: found"),
    "empty file": Case(b"", refusal="the file is empty: give a CSV"),
    "white space only": Case(b"   \n\n", refusal="line 1: found no column `pixels`"),
    "header only": Case(rows(), used=0),
    "header without a line end": Case(HEADER.encode(), used=0),
    "no header": Case("\n".join(GOOD).encode(), refusal="put a header such as `emotion,pixels` into line 1"),
    "header twice": Case(rows(GOOD[0], HEADER, *GOOD[1:]), used=3, rejected={LABEL: 1}),
    "a column twice": Case(rows(header="emotion,pixels,pixels"), refusal="column `pixels` 2 times: keep one"),
    "semicolons": Case(CSV.replace(b",", b";"), used=3),
    "semicolons in the header only": Case(rows(*GOOD, header="emotion;pixels;Usage"), rejected={COLUMNS: 3}),
    "tabs between columns": Case(CSV.replace(b",", b"\t"), used=3),
    "tabs around the pixels": Case(CSV.replace(b",", b"\t,\t"), used=3),
    "bars between columns": Case(CSV.replace(b",", b"|"), used=3),
    "carets between columns": Case(rows(header="emotion^pixels"), refusal="separate the columns by commas, semicolons"),
    "a line for Excel": Case(b"sep=;\r\n" + CSV.replace(b",", b";"), refusal="in 'sep=;': make line 1 a header"),
    "pixels without a header": Case(b"3," + PIXELS.encode().replace(b" ", b","), refusal="put a header such as"),
    "no pixel column": Case(rows(header="emotion,faces"), refusal="no column `pixels`"),
    "header of one unclosed quote": Case(b'"emotion,pixels\n', refusal="fix the quotes of the header"),
    "header of 2 MB": Case(b"x" * 2_000_000, refusal="line 1: longer than 1,000,000 bytes"),
    "columns in another order and case": Case(
        f"USAGE, Pixels ,EMOTION\nTraining,{PIXELS},3\n".encode(), used=1
    ),
    "a further column": Case(f"id,emotion,pixels\n9,3,{PIXELS}\n".encode(), used=1),
    "blank lines": Case(rows(GOOD[0], "", "  ", *GOOD[1:]), used=3),
    "no line end at the end": Case(CSV.rstrip(b"\n"), used=3),
    "last line cut off": Case(CSV + GOOD[0][:5000].encode(), used=3, rejected={COLUMNS: 1}),
    "commas only": spoilt(",,", LABEL),
    "one column too many": spoilt(f"3,{PIXELS},Training,1", COLUMNS),
    "one column too few": spoilt(f"3,{PIXELS}", COLUMNS),
    "unclosed quote": spoilt(f'3,"{PIXELS},Training', QUOTE),
    "quote that would swallow the next line": Case(
        rows(f'3,"{PIXELS}', f'{PIXELS}",Training', *GOOD), used=3, rejected={QUOTE: 2}
    ),
    "a line of a million quotes": spoilt("3," + '"' * 990_000, COLUMNS),
    "a line of 300,000 words in quotes": spoilt("3," + '"a"b' * 240_000 + ",Training", NO_INTEGER),
    "quotes within a number": spoilt(pixel('1"2"'), NO_INTEGER),
}  # fmt: skip

LABELS: dict[str, Case] = {
    f"label {text!r}": spoilt(f"{text},{PIXELS},Training", LABEL)
    for text in (
        "7",
        "-1",
        "3.5",
        "3..0",
        "",
        "happy sad",
        "happy_sad_3",
        "3_",
        "_happy",
        "7_contempt",
        "1e0",
        "0x3",
        "+3",
        "03",
        "\u0663",
        "\uff13",
        "\xb9",
        "3 4",
        "=3",
        "None",
        "nan",
    )
} | {
    "a label of 500,000 digits": spoilt("9" * 500_000 + f",{PIXELS},Training", LABEL),
    "usage 'Tests'": spoilt(f"3,{PIXELS},Tests", USAGE),
    "label of a held-out row empty": Case(rows(*GOOD, f",{PIXELS},Test"), used=4),
    "usage empty": spoilt(f"3,{PIXELS},", USAGE),
}

PIXEL_TEXTS: dict[str, Case] = {
    "float": Case(CSV + f"{pixel('1.0')}\n".encode(), used=4),
    "fraction": spoilt(pixel("0.50"), NO_INTEGER),
    "exponent": spoilt(pixel("1e2"), NO_INTEGER),
    "negative": spoilt(pixel("-1"), RANGE),
    "unicode minus": spoilt(pixel("\u22121"), NO_INTEGER),
    "plus sign": spoilt(pixel("+1"), NO_INTEGER),
    "256": spoilt(pixel("256"), RANGE),
    "past 64 bits": spoilt(pixel("9" * 40), RANGE),
    "past 64 bits, wrapped to 0": spoilt(pixel(str(2**64)), RANGE),
    "a number of 100,000 digits": spoilt(pixel("1" * 100_000), RANGE),
    "hexadecimal": spoilt(pixel("0xff"), NO_INTEGER),
    "underscore": spoilt(pixel("1_0"), NO_INTEGER),
    "thousands separator": spoilt(pixel("1'0"), NO_INTEGER),
    "Arabic digits": spoilt(pixel("\u0661\u0662"), NO_INTEGER),
    "full-width digits": spoilt(pixel("\uff11\uff12"), NO_INTEGER),
    "superscript": spoilt(pixel("²"), NO_INTEGER),
    "no-break space": spoilt(pixel("1\u00a02"), NO_INTEGER),
    "zero-width space": spoilt(pixel("1\u200b"), NO_INTEGER),
    "vertical tab between": spoilt(pixel("1\v2"), NO_INTEGER),
    "formula": spoilt(pixel("=SUM(A1)"), NO_INTEGER),
    "command formula": spoilt(pixel("=cmd|'/C"), NO_INTEGER),
    "terminal escape": spoilt(pixel("\x1b[2J"), NO_INTEGER),
    "mark-up": spoilt(pixel("<script>"), NO_INTEGER),
    "nan": spoilt(pixel("nan"), NO_INTEGER),
    "inf": spoilt(pixel("inf"), NO_INTEGER),
    "brackets of a Python list": Case(rows(*GOOD, f'3,"[{PIXELS.replace(" ", ", ")}]",Training'), used=4),
    "brackets between pixels": spoilt(pixel("1][2"), COUNT),
    "commas with nothing between": spoilt(f'3,"{PIXELS.replace(" ", ",,", 1)}",Training', NO_INTEGER),
    "one pixel too few": spoilt(f"3,{PIXELS.rpartition(' ')[0]},Training", COUNT),
    "one pixel too many": spoilt(f"3,{PIXELS} 1,Training", COUNT),
    "two pictures in one row": spoilt(f"3,{PIXELS} {PIXELS},Training", COUNT),
    "no pixels": spoilt("3,,Training", EMPTY),
    "spaces for pixels": spoilt("3,    ,Training", EMPTY),
    "invalid UTF-8": Case(CSV + b"3,\xff\xfe " + PIXELS.encode() + b",Training\n", used=3, rejected={BYTES: 1}),
    "leading zeros": Case(rows(pixel("007"), *GOOD), used=4),
    "tabs between pixels": Case(rows(f"3,{PIXELS.replace(' ', chr(9))},Training"), used=1),
    "double spaces": Case(rows(f"3, {PIXELS.replace(' ', '  ')} ,Training"), used=1),
    "a field of 10 MB": spoilt(f"3,{'1 ' * 5_000_000},Training", LONG),
    "a line of 10 MB without a comma": spoilt("x" * 10_000_000, LONG),
}  # fmt: skip

LONG_HEADERS: dict[str, Callable[[], bytes]] = {
    "a name of 20 MB": lambda: tar_part(tarfile.GNUTYPE_LONGNAME, b"a" * 20_000_000),
    "a link's name of 20 MB": lambda: tar_part(tarfile.GNUTYPE_LONGLINK, b"a" * 20_000_000),
    "a path of 20 MB": lambda: tar_part(tarfile.XHDTYPE, pax_record(b"path", b"a" * 20_000_000)),
    "a million records": lambda: tar_part(tarfile.XHDTYPE, pax_record(b"a", b"") * 1_700_000),
    "records of 20 MB for all members": lambda: tar_part(tarfile.XGLTYPE, pax_record(b"a", b"a" * 20_000_000)),
    "20,000 names for one member": lambda: tar_part(tarfile.GNUTYPE_LONGNAME, b"a.csv") * 20_000,
    "a map of 400,000 holes": lambda: sparse_header("holes.csv") + (bytes(504) + b"\1" + bytes(7)) * 20_000,
}

ARCHIVES: dict[str, Callable[[], Case]] = {
    "a gzip of zeros": lambda: Case(gzip.compress(BOMB, 9), refusal="may be a decompression bomb"),
    "an xz of zeros": lambda: Case(lzma.compress(BOMB, preset=0), refusal="may be a decompression bomb"),
    "a bz2 of zeros": lambda: Case(bz2.compress(BOMB[:50_000_000]), refusal="may be a decompression bomb"),
    "a zip of zeros": lambda: Case(zipped({"faces.csv": BOMB}), refusal="may be a decompression bomb"),
    "a zip of zips of zeros": lambda: Case(
        zipped({"inner.zip": zipped({"faces.csv": BOMB})}), refusal="may be a decompression bomb"
    ),
    "gzip five times over": lambda: Case(_pack_often(CSV, 5), refusal="packed more than 4 times over: unpack it"),
    "a cut gzip": lambda: Case(gzip.compress(CSV)[:-20], refusal="ends early.*: download it again"),
    "a cut zip": lambda: Case(zipped({"faces.csv": CSV})[:-30], refusal="is damaged"),
    "a cut tar": lambda: Case(tarred({"faces.csv": CSV})[:6000], refusal="ends early"),
    "a wrong byte in a gzip": lambda: Case(_flipped(gzip.compress(CSV), 60), refusal="is damaged|ends early"),
    "a wrong checksum in a gzip": lambda: Case(_flipped(gzip.compress(CSV), -6), refusal="is damaged"),
    "rubbish after a gzip": lambda: Case(gzip.compress(CSV) + b"rubbish", refusal="is damaged"),
    "an encrypted zip": lambda: Case(_encrypted(), refusal="is encrypted: unpack it with its password"),
    "a member ../../faces.csv": lambda: Case(
        zipped({"../../faces.csv": CSV, "faces.csv": CSV}), used=3, skipped=1
    ),
    "a member /etc/faces.csv": lambda: Case(zipped({"/etc/faces.csv": CSV, "a.csv": CSV}), used=3, skipped=1),
    "a tar member ../faces.csv": lambda: Case(tarred({"a.csv": CSV, "../faces.csv": CSV}), used=3, skipped=1),
    "a link in a zip": lambda: Case(_zip_with_link(), used=3, skipped=1),
    "a symbolic link in a tar": lambda: Case(
        tarred({"a.csv": CSV, "b.csv": b""}, type=tarfile.SYMTYPE, linkname="/etc/passwd"), used=3, skipped=1
    ),
    "a hard link in a tar": lambda: Case(
        tarred({"a.csv": CSV, "b.csv": b""}, type=tarfile.LNKTYPE, linkname="a.csv"), used=3, skipped=1
    ),
    "a device in a tar": lambda: Case(tarred({"a.csv": CSV, "b.csv": b""}, type=tarfile.CHRTYPE), used=3, skipped=1),
    "a pipe in a tar": lambda: Case(tarred({"a.csv": CSV, "b.csv": b""}, type=tarfile.FIFOTYPE), used=3, skipped=1),
    "a tar in a gzip in a zip": lambda: Case(
        zipped({"fer2013.tar.gz": gzip.compress(tarred({"fer2013.csv": CSV}))}), used=3
    ),
    "an empty zip": lambda: Case(zipped({}), refusal=r"no CSV in it \(it is empty\)"),
    "a zip of a picture": lambda: Case(
        zipped({"a.png": b"x", "happy/b.png": b"x"}),
        rejected={"no folder named after a class": 1, "unreadable picture": 1},
    ),
    "20,000 members": lambda: Case(
        zipped({f"{number}.txt": b"" for number in range(20_000)}, zipfile.ZIP_STORED),
        refusal="no CSV in it .*; and 19,997 more",
    ),
    "an xz that asks for 4 GB": lambda: Case(
        xz_with_dictionary_of_four_gigabytes(), refusal="takes more than 100 MB of memory to unpack: unpack it"
    ),
    "a tar with a member twice": lambda: Case(
        ended(*[tar_part(tarfile.REGTYPE, CSV, "./faces.csv")] * 2), used=3, skipped=2
    ),
    "a zip with a member twice": lambda: Case(zipped({"a.csv": CSV, "./a.csv": CSV}), used=3, skipped=1),
    "a member without a name": lambda: Case(zip_list(1), refusal="a path that leads out of the archive"),
    "a zip that lists a million members": lambda: Case(zip_list(1_000_000), refusal="bytes only to name its members"),
    **{
        f"a tar with {what}": lambda part=part: Case(ended(part()), refusal="bytes only to name its members")
        for what, part in LONG_HEADERS.items()
    },
    "a 7z": lambda: Case(b"7z\xbc\xaf\x27\x1c" + CSV, refusal="a 7z archive can't be read: unpack it"),
    "a RAR": lambda: Case(b"Rar!\x1a\x07\x01\x00" + CSV, refusal="RAR archive can't be read: unpack it"),
    "Zstandard": lambda: Case(b"\x28\xb5\x2f\xfd" + CSV, refusal="a Zstandard file can't be read"),
}  # fmt: skip


def _pack_often(content: bytes, times: int) -> bytes:
    for _ in range(times):
        content = gzip.compress(content)
    return content


def _encrypted() -> bytes:
    content = bytearray(zipped({"faces.csv": CSV}))
    content[6] |= 1  # flags of the member's own header
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # and of the list at the end
    return bytes(content)


def mutate(seed: int, count: int) -> Iterator[bytes]:
    """`count` sound files, each with up to 20 wrong, missing, doubled or moved stretches of bytes."""
    generator = random.Random(seed)
    forms = [CSV, gzip.compress(CSV), zipped({"fer2013.csv": CSV}), tarred({"fer2013.csv": CSV}), lzma.compress(CSV)]
    for _ in range(count):
        content = bytearray(generator.choice(forms))
        for _change in range(generator.randint(1, 20)):
            start = generator.randrange(len(content) + 1)
            stretch = content[start : start + generator.randint(0, 50)]
            choice = generator.randrange(4)
            if choice == 0:
                content[start : start + len(stretch)] = generator.randbytes(len(stretch))
            elif choice == 1:
                del content[start : start + len(stretch)]
            elif choice == 2:
                content[start:start] = stretch
            else:
                content[start:start] = generator.choice([b"\n", b",", b'"', b"\0", b" -1 ", b"\xff", b"\r"])
        yield bytes(content)
