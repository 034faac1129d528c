"""Every form of archive, whole and broken, honest and hostile. All are built here."""

import bz2
import gzip
import io
import lzma
import random
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from fault_injection.hostile_inputs import (
    LONG_HEADERS,
    ended,
    pax_record,
    sparse_header,
    tar_part,
    xz_with_dictionary_of_four_gigabytes,
    zip_list,
)

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError
from fer_tfx.reading import choice
from fer_tfx.reading.archives import Member, iter_members
from fer_tfx.reading.choice import reasons_against
from fer_tfx.reading.form import ReadingLimits
from fer_tfx.reading.sources import Source, read_source
from fer_tfx.reading.words import ClassTable

CSV = b"emotion,pixels\n" + b"".join(b"%d,%d\n" % (number % 7, number * 7919) for number in range(30_000))
CLASSES = ClassTable.build(DEFAULT_CLASS_NAMES, {})
LIMITS = ReadingLimits(max_decompressed_bytes=200_000_000)
ZEROS = bytes(1_000_000)


def make_tar(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def make_zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


FER_TAR_GZ = gzip.compress(
    make_tar({"fer2013/README": b"read me", "fer2013/fer2013.bib": b"@misc", "fer2013/fer2013.csv": CSV})
)
KAGGLE = {
    "example_submission.csv": b"0\n",
    "fer2013.tar.gz": FER_TAR_GZ,
    "icml_face_data.csv": b"emotion, Usage, pixels\n",
    "test.csv": b"pixels\n",
    "train.csv": b"emotion,pixels\n",
}


def read(
    path: Path, content: bytes, limits: ReadingLimits = LIMITS, classes: ClassTable | None = CLASSES
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Contents of the members, and reasons for the skipped ones, by name without the archive's."""
    path.write_bytes(content)
    contents, reasons = {}, {}
    with path.open("rb") as stream:
        for item in iter_members(stream, path.name, limits, classes):
            name = item.name.removeprefix(path.name).removeprefix("/")
            if isinstance(item, Member):
                contents[name] = item.stream.read()
            else:
                reasons[name] = item.reason
    return contents, reasons


FORMS: dict[str, tuple[bytes, str]] = {
    "csv": (CSV, ""),
    "gz": (gzip.compress(CSV), ""),
    "gz in two parts": (gzip.compress(CSV[:1000]) + gzip.compress(CSV[1000:]), ""),
    "xz": (lzma.compress(CSV), ""),
    "xz in two parts": (lzma.compress(CSV[:1000]) + bytes(8) + lzma.compress(CSV[1000:]), ""),
    "bz2 in two parts": (bz2.compress(CSV[:1000]) + bz2.compress(CSV[1000:]), ""),
    "gz and zeros": (gzip.compress(CSV) + bytes(100_000), ""),
    "bz2": (bz2.compress(CSV), ""),
    "zip": (make_zip({"a/train.csv": CSV}), "a/train.csv"),
    "zip stored": (make_zip({"train.csv": CSV}, zipfile.ZIP_STORED), "train.csv"),
    "tar": (make_tar({"./train.csv": CSV}), "train.csv"),
    "tar.gz": (FER_TAR_GZ, "fer2013/fer2013.csv"),
    "tar.xz": (lzma.compress(make_tar({"train.csv": CSV})), "train.csv"),
    "tar.bz2": (bz2.compress(make_tar({"train.csv": CSV})), "train.csv"),
    "tar.gz in zip": (make_zip({"fer2013.tar.gz": FER_TAR_GZ}), "fer2013.tar.gz/fer2013/fer2013.csv"),
    "zip in zip": (make_zip({"train.csv.zip": make_zip({"train.csv": CSV})}), "train.csv.zip/train.csv"),
    "zip in gz": (gzip.compress(make_zip({"train.csv": CSV})), "train.csv"),
    "gz in tar": (make_tar({"train.csv.gz": gzip.compress(CSV)}), "train.csv.gz"),
    "gz named csv": (make_zip({"train.csv": gzip.compress(CSV)}), "train.csv"),
}


@pytest.mark.parametrize(("content", "name"), FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("file", ["data.csv", "data.zip"])
def test_iter_members_any_form_under_any_name_gives_the_csv(
    tmp_path: Path, file: str, content: bytes, name: str
) -> None:
    contents, _ = read(tmp_path / file, content)
    assert contents == {name: CSV}
    assert [path.name for path in tmp_path.iterdir()] == [file]


class _NoSeek(io.RawIOBase):
    """A remote stream: short reads, no seeking."""

    def __init__(self, content: bytes) -> None:
        self._source = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._source.readinto(memoryview(buffer)[:100])


@pytest.mark.parametrize("form", ["csv", "gz", "xz", "bz2", "tar", "tar.gz", "tar.xz"])
def test_iter_members_stream_without_seeking_gives_the_csv(form: str) -> None:
    items = iter_members(cast(BinaryIO, _NoSeek(FORMS[form][0])), "remote", LIMITS, CLASSES)
    assert [item.stream.read() for item in items if isinstance(item, Member)] == [CSV]


@pytest.mark.parametrize(
    "content", [FORMS["zip"][0], FORMS["zip in gz"][0], make_tar({"a.zip": FORMS["zip"][0]})], ids=["", "gz", "tar"]
)
def test_iter_members_zip_without_seeking_says_what_to_do(content: bytes) -> None:
    with pytest.raises(DataError, match=r"remote.*a zip can't be read from a stream without seeking: unpack it first"):
        list(iter_members(cast(BinaryIO, _NoSeek(content)), "remote", LIMITS, CLASSES))


def test_iter_members_zip_in_seekable_tar_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.tar/b\.zip: a zip can't be read from a stream"):
        read(tmp_path / "a.tar", make_tar({"b.zip": FORMS["zip"][0]}))


def test_iter_members_stream_is_left_open() -> None:
    stream = io.BytesIO(FER_TAR_GZ)
    list(iter_members(stream, "a", LIMITS, CLASSES))
    assert not stream.closed


# --- what is chosen


def test_iter_members_kaggle_zip_reads_each_row_once(tmp_path: Path) -> None:
    contents, reasons = read(tmp_path / "kaggle.zip", make_zip(KAGGLE))
    assert contents == {"fer2013.tar.gz/fer2013/fer2013.csv": CSV}
    assert reasons == {
        "example_submission.csv": "holds no pictures",
        "icml_face_data.csv": "holds the same rows as fer2013.tar.gz",
        "test.csv": "has no labels, and fer2013.tar.gz has",
        "train.csv": "holds the same rows as fer2013.tar.gz",
        "fer2013.tar.gz/fer2013/README": "no table, picture or archive by its name",
        "fer2013.tar.gz/fer2013/fer2013.bib": "no table, picture or archive by its name",
    }


def test_iter_members_kaggle_zip_for_unlabelled_rows_reads_test_csv(tmp_path: Path) -> None:
    contents, reasons = read(tmp_path / "kaggle.zip", make_zip(KAGGLE), classes=None)
    assert contents == {"test.csv": b"pixels\n"}
    assert reasons["train.csv"] == "not one of test.csv"


def test_iter_members_kaggle_tar_reads_each_row_once(tmp_path: Path) -> None:
    contents, reasons = read(tmp_path / "kaggle.tar", make_tar(KAGGLE))
    assert list(contents) == ["fer2013.tar.gz/fer2013/fer2013.csv"]
    assert reasons["train.csv"] == "holds the same rows as fer2013.tar.gz"
    assert reasons["example_submission.csv"] == "holds no pictures"


def test_iter_members_tar_with_better_source_later_keeps_the_first(tmp_path: Path) -> None:
    contents, reasons = read(tmp_path / "a.tar", make_tar({"train.csv": CSV, "x/fer2013.csv": CSV, "test.csv": b"p"}))
    assert list(contents) == ["train.csv"]
    assert list(reasons) == ["x/fer2013.csv", "test.csv"]


LONG_NAME = "ein/" + "gesicht" * 30 + "/bücher.csv"
UNICODE = "Kopf\u00e9.csv"


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_iter_members_long_names_are_read_as_tarfile_writes_them(tmp_path: Path, form: int) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        for name in (LONG_NAME, "a.csv", UNICODE):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 700, 1.5  # type: ignore[assignment] (such a time needs a record of pax)
            archive.addfile(info, io.BytesIO(name.encode().ljust(700)))
    contents, _ = read(tmp_path / "a.tar", packed.getvalue())
    assert contents == {name: name.encode().ljust(700) for name in (LONG_NAME, "a.csv", UNICODE)}


def test_iter_members_pax_size_stands_for_that_of_the_header(tmp_path: Path) -> None:
    header = tar_part(tarfile.REGTYPE, b"", "a.csv")  # says 0 bytes
    sized = tar_part(tarfile.XHDTYPE, pax_record(b"size", b"600")) + header + b"x" * 600 + bytes(424)
    assert read(tmp_path / "a", ended(sized))[0]["a.csv"] == b"x" * 600


@pytest.mark.parametrize("names", [["a.csv", "././a.csv", "./a.csv"], ["k/a.csv", "k\\a.csv", "k//./a.csv"]])
@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_iter_members_a_member_is_read_once_however_its_name_is_spelt(
    tmp_path: Path, make: Callable[[dict[str, bytes]], bytes], names: list[str]
) -> None:
    contents, reasons = read(tmp_path / "a", make({name: CSV + name.encode() for name in names}))
    assert contents == {names[0]: CSV + names[0].encode()}
    assert reasons == {names[0]: "a second member of the same name"}


def test_iter_members_tar_looks_at_each_name_a_few_times_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    look = choice._well_known
    monkeypatch.setattr(choice, "_well_known", lambda name: looked_at.append(name) or look(name))
    contents, _ = read(tmp_path / "a.tar", make_tar({f"{number}.csv": b"x" for number in range(500)}))
    assert len(contents) == 500
    assert len(looked_at) <= 5 * 500


def test_iter_members_zip_in_gz_listed_backwards_is_unpacked_a_few_times_only(tmp_path: Path) -> None:
    content = make_zip({f"{number}.csv": random.Random(number).randbytes(3000) for number in range(300)})
    start, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    entries = content[start:end].split(b"PK\1\2")[1:]
    backwards = content[:start] + b"".join(b"PK\1\2" + each for each in reversed(entries)) + content[end:]
    contents, _ = read(
        tmp_path / "a",
        gzip.compress(backwards),
        ReadingLimits(max_decompressed_bytes=8 * len(content)),
    )
    assert contents["7.csv"] == random.Random(7).randbytes(3000)
    assert len(contents) == 300


CHOICES: dict[str, tuple[list[str], list[str]]] = {
    "whole": (list(KAGGLE), ["fer2013.tar.gz"]),
    "no fer2013": (["icml_face_data.csv", "test.csv", "train.csv"], ["icml_face_data.csv"]),
    "train and test": (["k/test.csv", "k/train.csv"], ["k/train.csv"]),
    "packed": (["README.md", "public_test_labels.csv", "test.csv.xz", "train.csv.xz"], ["train.csv.xz"]),
    "only unlabelled": (["test.csv", "example_submission.csv"], ["test.csv"]),
    "plain beside packed": (["fer2013.tar.gz", "fer2013/fer2013.csv"], ["fer2013/fer2013.csv"]),
    "same file packed twice": (["train.csv.gz", "train.csv"], ["train.csv"]),
    "upper case": (["TRAIN.CSV", "Test.csv"], ["TRAIN.CSV"]),
    "Windows folders": (["k\\train.csv", "k\\test.csv"], ["k\\train.csv"]),
    "one well-known name": (["train.csv", "more.csv", "notes.txt"], ["train.csv", "more.csv"]),
    "same name in two folders": (["a/train.csv", "b/train.csv"], ["a/train.csv", "b/train.csv"]),
    "unknown names": (["b.csv", "a.csv.gz", "c.zip"], ["b.csv", "a.csv.gz", "c.zip"]),
    "files of the system": (["a.csv", "__MACOSX/a.csv", "x/._a.csv", ".DS_Store", "a.png"], ["a.csv"]),
    "pictures of each split": (["train.zip", "test.zip"], ["train.zip", "test.zip"]),
    "hidden folder": (["/home/me/.cache/a.csv"], ["/home/me/.cache/a.csv"]),
    "none": ([], []),
}


@pytest.mark.parametrize(("names", "chosen"), CHOICES.values(), ids=CHOICES.keys())
def test_reasons_against_names_together_leave_one_labelled_source(names: list[str], chosen: list[str]) -> None:
    reasons = reasons_against(names, CLASSES, lambda name: b"")
    assert [name for name in names if not reasons[name]] == chosen
    assert set(reasons) == set(names)


def test_reasons_against_unlabelled_without_test_csv_leave_none() -> None:
    reasons = reasons_against(["fer2013.csv", "train.csv"], None, lambda name: b"")
    assert reasons == dict.fromkeys(["fer2013.csv", "train.csv"], "not one of test.csv")


def test_iter_members_names_with_backslashes_are_those_with_slashes(tmp_path: Path) -> None:
    members = {"train\\happy\\1.png": b"\x89PNG", "train\\sad\\2.png": b"\x89PNG", "extra\\more.csv": CSV}
    for content in (make_zip({"train\\": b"", **members}), make_tar(members)):
        contents, reasons = read(tmp_path / "a.zip", content)
        assert sorted(contents) == ["extra/more.csv", "train/happy/1.png", "train/sad/2.png"]
        assert not reasons


def test_iter_members_picture_that_a_table_names_and_that_cannot_be_opened_is_not_called_damaged(
    tmp_path: Path,
) -> None:
    table = b"path,label\n1.png,happy\n"
    encrypted = bytearray(make_zip({"t.csv": table, "1.png": b"\x89PNG"}))
    encrypted[encrypted.index(b"PK\3\4", 1) + 6] |= 1
    encrypted[encrypted.rindex(b"PK\1\2") + 8] |= 1
    otherwise = io.BytesIO()
    with zipfile.ZipFile(otherwise, "w") as archive:
        archive.writestr("t.csv", table)
        archive.writestr("1.png", b"\x89PNG", zipfile.ZIP_LZMA)
    for content, message in (
        (bytes(encrypted), "is encrypted: unpack it with its password and give the folder"),
        (otherwise.getvalue(), r"packed by zip method 14, expected .*: unpack it and give the folder"),
    ):
        (tmp_path / "a.zip").write_bytes(content)
        with (tmp_path / "a.zip").open("rb") as stream, pytest.raises(DataError, match=rf"a\.zip/1\.png: {message}"):
            list(read_source(Source("a.zip", "a.zip", False), stream, ReadingLimits(), CLASSES))


# --- what is passed over


def test_iter_members_hidden_folders_are_skipped(tmp_path: Path) -> None:
    members = {"./train/a.csv": CSV, "train/.ipynb_checkpoints/a-checkpoint.csv": CSV}
    for make in (make_zip, make_tar):
        contents, reasons = read(tmp_path / "a.zip", make(members))
        assert list(contents) == ["train/a.csv"]
        assert reasons == {"train/.ipynb_checkpoints/a-checkpoint.csv": "in a hidden folder"}


def test_iter_members_names_that_lead_out_are_skipped(tmp_path: Path) -> None:
    names = ["../up.csv", "/etc/abs.csv", "a/../../b.csv", "C:\\c.csv", "..\\d.csv"]
    for make in (make_zip, make_tar):
        contents, reasons = read(tmp_path / "a", make({**dict.fromkeys(names, CSV), "good\x1b[1m.csv": CSV}))
        assert list(contents) == ["good\\x1b[1m.csv"]
        assert list(reasons) == ["up.csv", "etc/abs.csv", "a/b.csv", "C:/c.csv", "d.csv"]
        assert set(reasons.values()) == {"a path that leads out of the archive"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_iter_members_tar_links_and_devices_are_skipped(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, kind in [("s.csv", tarfile.SYMTYPE), ("h.csv", tarfile.LNKTYPE), ("d.csv", tarfile.CHRTYPE)]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        folder = tarfile.TarInfo("folder.csv")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        info = tarfile.TarInfo("train.csv")
        info.size = len(CSV)
        archive.addfile(info, io.BytesIO(CSV))
    contents, reasons = read(tmp_path / "a.tar", packed.getvalue())
    assert contents == {"train.csv": CSV}
    assert reasons == {"s.csv": "a link", "h.csv": "a link", "d.csv": "a device or pipe"}


def test_iter_members_zip_links_and_repeats_are_skipped(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        link = zipfile.ZipInfo("s.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("train.csv", CSV)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("train.csv", b"other")
        archive.mkdir("folder.csv")
    contents, reasons = read(tmp_path / "a.zip", packed.getvalue())
    assert contents == {"train.csv": CSV}
    assert reasons == {"s.csv": "a link", "train.csv": "a second member of the same name"}


def test_iter_members_names_past_all_measure_are_skipped_and_cut(tmp_path: Path) -> None:
    for make in (make_zip, make_tar):
        contents, reasons = read(tmp_path / "a", make({"n" * 60_000 + ".csv": CSV, "train.csv": CSV}))
        assert list(contents) == ["train.csv"]
        assert reasons == {"n" * 97 + "...": "a name of more than 255 characters"}


def test_iter_members_names_that_are_long_once_escaped_are_skipped_and_cut(tmp_path: Path) -> None:
    for make in (make_zip, make_tar):
        contents, reasons = read(tmp_path / "a", make({"\x1b" * 70 + ".csv": CSV, "\x1b" * 60 + ".csv": CSV}))
        assert list(contents) == ["\\x1b" * 60 + ".csv"]
        ((name, reason),) = reasons.items()
        assert (name[:8], len(name), reason) == ("\\x1b\\x1b", 100, "a name of more than 255 characters")


def test_iter_members_sparse_members_are_passed_over_with_their_maps(tmp_path: Path) -> None:
    old = sparse_header("old.csv") + (bytes(504) + b"\1" + bytes(7)) * 3 + bytes(512)
    records = pax_record(b"GNU.sparse.major", b"1") + pax_record(b"GNU.sparse.name", b"new.csv")
    new = tar_part(tarfile.XHDTYPE, records) + tar_part(tarfile.REGTYPE, b"9999999999\n" + b"1\n" * 5000, "new.csv")
    contents, reasons = read(tmp_path / "a", ended(old, new))
    assert list(contents) == ["faces.csv"]
    assert reasons == {"old.csv": "a sparse file", "new.csv": "a sparse file"}


# --- what is refused


def _flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def _encrypted() -> bytes:
    content = bytearray(make_zip({"train.csv": CSV}))
    content[6] |= 1  # flags of the member's own header
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # and of the list at the end
    return bytes(content)


TWO_TAR = make_tar({"a.csv": CSV, "b.csv": CSV})
SECOND_HEADER = TWO_TAR.index(b"b.csv")
EARLY, DAMAGED = "ends early.*: download it again", "is damaged.*: download it again"
BROKEN: dict[str, tuple[bytes, str]] = {
    "cut gz": (FORMS["gz"][0][:-20], f"^broken: {EARLY}"),
    "cut xz": (FORMS["xz"][0][:-20], f"^broken: {EARLY}"),
    "cut bz2": (FORMS["bz2"][0][:-20], f"^broken: {EARLY}"),
    "gz of six bytes": (FORMS["gz"][0][:6], f"^broken: {EARLY}"),
    "cut zip": (FORMS["zip"][0][:-500], r"^broken: is damaged \(the list of members at the end is missing.*download"),
    "cut tar": (FORMS["tar"][0][:100_000], f"^broken/train.csv: {EARLY}"),
    "tar cut between members": (TWO_TAR[:SECOND_HEADER], f"^broken: {EARLY}"),
    "tar cut in a header": (TWO_TAR[: SECOND_HEADER + 100], f"^broken: {EARLY}"),
    "cut tar.gz": (FER_TAR_GZ[:-2000], "^broken.*: ends early"),
    "cut tar.gz in zip": (make_zip({"f.tar.gz": FER_TAR_GZ[:-2000]}), r"^broken/f\.tar\.gz.*: ends early"),
    "tar.gz without its checksum": (FER_TAR_GZ[:-8], f"^broken: {EARLY}"),
    "wrong bytes in gz": (_flip(FORMS["gz"][0], 20_000), f"^broken: {DAMAGED}"),
    "wrong checksum of gz": (_flip(FORMS["gz"][0], -8), f"^broken: {DAMAGED}"),
    "wrong bytes in xz": (_flip(FORMS["xz"][0], 20_000), f"^broken: {DAMAGED}"),
    "wrong bytes in bz2": (_flip(FORMS["bz2"][0], 20_000), f"^broken: {DAMAGED}"),
    "wrong bytes in zip": (_flip(FORMS["zip stored"][0], 20_000), f"^broken/train.csv: {DAMAGED}"),
    "rubbish after xz": (FORMS["xz"][0] + b"rubbish" * 9, f"^broken: {DAMAGED}"),
    "rubbish after bz2": (FORMS["bz2"][0] + b"rubbish", f"^broken: {DAMAGED}"),
    "rubbish after a tar": (FORMS["tar"][0] + b"rubbish", f"^broken: {DAMAGED}"),
    "wrong pax record": (ended(tar_part(tarfile.XHDTYPE, b"99 path=a\n")), f"^broken: {DAMAGED}"),
    "pax record of no length": (ended(tar_part(tarfile.XHDTYPE, b"0 path=a\n")), f"^broken: {DAMAGED}"),
    "pax size below 0": (ended(tar_part(tarfile.XHDTYPE, pax_record(b"size", b"-9"))), f"^broken: {DAMAGED}"),
    "wrong header in tar": (_flip(TWO_TAR, SECOND_HEADER), f"^broken: {DAMAGED}"),
    "zip header only": (b"PK\x03\x04", f"^broken: {DAMAGED}"),
    "encrypted zip": (_encrypted(), r"^broken/train\.csv: is encrypted: unpack it with its password and give the CSV"),
    "zip by lzma": (make_zip({"a.csv": CSV}, zipfile.ZIP_LZMA), r"a\.csv: packed by zip method 14, expected stored"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + CSV, "^broken: a 7z archive can't be read: unpack it and give the CSV"),
    "Zstandard in tar": (make_tar({"a.csv": b"\x28\xb5\x2f\xfd"}), "^broken/a.csv: a Zstandard file can't be read"),
    "empty zip": (make_zip({}), r"^broken: no CSV in it \(it is empty\): give a CSV or an archive of one"),
    "no CSV in zip": (
        make_zip({"README": b"", "a.doc": b"", "b.doc": b"", "c.doc": b""}),
        r"^broken: no CSV in it \(broken/README: no table, picture .*; and 1 more\)",
    ),
    "packed too often": (
        gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(CSV))))),
        "^broken: packed more than 4 times over: unpack it",
    ),
}


@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_iter_members_broken_file_names_it_and_the_remedy(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / "broken", content)
    assert "\n" not in str(caught.value)


def test_iter_members_any_wrong_byte_raises_nothing_but_data_errors(tmp_path: Path) -> None:
    small = {"train.csv": CSV[:3000], "b.csv": CSV[:700]}
    for content in (make_zip(small), make_tar(small), gzip.compress(make_tar(small)), lzma.compress(CSV[:3000])):
        for at in range(0, len(content), max(1, len(content) // 150)):
            for changed in (_flip(content, at), content[:at]):
                try:
                    read(tmp_path / "a", changed)
                except DataError as error:
                    assert "\n" not in str(error)  # noqa: PT017 (any other error fails the test)


def test_iter_members_zip_that_places_a_member_before_the_file_is_damaged(tmp_path: Path) -> None:
    content = bytearray(make_zip({"a.csv": CSV}))
    start_at = content.rindex(b"PK\5\6") + 16  # of the list: here said to lie further back than it does
    content[start_at : start_at + 4] = struct.pack("<L", len(content))
    with pytest.raises(DataError, match=f"^a.*: {DAMAGED}"):
        read(tmp_path / "a", bytes(content))


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_iter_members_too_many_members_are_refused(tmp_path: Path, make: Callable[[dict[str, bytes]], bytes]) -> None:
    limits = ReadingLimits(max_decompressed_bytes=1_000_000, max_members=20)
    members = {f"{number}.csv": b"x" for number in range(21)}
    with pytest.raises(DataError, match=r"^a: more than 20 members: unpack it and give the folder"):
        read(tmp_path / "a", make(members), limits)
    del members["0.csv"]
    assert len(read(tmp_path / "a", make(members), limits)[0]) == 20


@pytest.mark.parametrize("make", [*LONG_HEADERS.values(), lambda: b""], ids=[*LONG_HEADERS, "list of a zip"])
def test_iter_members_headers_past_all_measure_are_refused_in_little_memory(make: Callable[[], bytes]) -> None:
    part = make()
    stream = io.BytesIO(ended(part) if part else zip_list(1_000_000))
    message = "^a: more than 8,000,000 bytes only to name its members: unpack it and give the folder"
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message):
            list(iter_members(stream, "a", LIMITS, CLASSES))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_000_000


def test_iter_members_headers_of_all_archives_in_one_count_together(tmp_path: Path) -> None:
    inner = ended(tar_part(tarfile.GNUTYPE_LONGNAME, b"a.csv" + bytes(6000)))
    content = make_zip({f"{number}.tar": inner for number in range(3)})
    assert (
        len(
            read(
                tmp_path / "a",
                content,
                ReadingLimits(max_decompressed_bytes=10**7, max_header_bytes=20_000),
            )[0]
        )
        == 3
    )
    with pytest.raises(DataError, match=r"^a: more than 19,000 bytes only to name its members"):
        read(
            tmp_path / "a",
            content,
            ReadingLimits(max_decompressed_bytes=10**7, max_header_bytes=19_000),
        )


def test_iter_members_xz_that_asks_for_much_memory_is_refused(tmp_path: Path) -> None:
    message = "^a.xz: packed so that it takes more than 100 MB of memory to unpack: unpack it and give the CSV$"
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.xz", xz_with_dictionary_of_four_gigabytes())
    assert read(tmp_path / "a.xz", lzma.compress(CSV, preset=9 | lzma.PRESET_EXTREME))[0] == {"": CSV}


def test_iter_members_size_limit_counts_all_members(tmp_path: Path) -> None:
    content = make_zip({"a.csv": CSV, "b.csv": CSV})
    assert len(read(tmp_path / "a", content, ReadingLimits(max_decompressed_bytes=2 * len(CSV)))[0]) == 2
    message = r"^a: unpacks to more than [0-9,]+ bytes, .* or raise data\.max_decompressed_bytes"
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a", content, ReadingLimits(max_decompressed_bytes=2 * len(CSV) - 1))


def test_iter_members_small_file_that_packs_well_is_read(tmp_path: Path) -> None:
    assert len(read(tmp_path / "a", gzip.compress(ZEROS * 9))[0][""]) == 9_000_000


def _bomb(path: Path, form: str) -> None:
    """100 MB of zeros, packed."""
    if form in ("zip", "zip in zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as member:
            for _ in range(100):
                member.write(ZEROS)
        if form == "zip in zip":
            path.write_bytes(make_zip({"a.zip": path.read_bytes()}))
        return
    packers: dict[str, Callable[..., Any]] = {"gz": gzip.open, "xz": lzma.open, "bz2": bz2.open}
    with packers[form](path, "wb") as packed:
        for _ in range(100):
            packed.write(ZEROS)


def _drain(stream: BinaryIO, sizes: list[int]) -> None:
    for item in iter_members(stream, "bomb", LIMITS, CLASSES):
        while isinstance(item, Member) and (chunk := item.stream.read(1 << 16)):
            sizes.append(len(chunk))


@pytest.mark.parametrize("form", ["gz", "xz", "bz2", "zip", "zip in zip"])
def test_iter_members_bomb_is_stopped_in_little_memory(tmp_path: Path, form: str) -> None:
    _bomb(tmp_path / "bomb", form)
    sizes: list[int] = []
    message = r"^bomb: unpacks to more than 200 times its size, .*max_compression_ratio"
    tracemalloc.start()
    try:
        with (tmp_path / "bomb").open("rb") as stream, pytest.raises(DataError, match=message):
            _drain(stream, sizes)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(sizes) < 50_000_000
    assert peak_bytes < (12_000_000 if form == "xz" else 3_000_000)  # xz keeps a dictionary of 8 MB


def test_iter_members_bomb_that_is_not_read_is_stopped_too(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unpacks to more than 200 times its size"):
        read(tmp_path / "a", gzip.compress(make_tar({"train.csv": CSV[:900], "a.txt": ZEROS * 60})))


def test_iter_members_sparse_tar_member_is_skipped(tmp_path: Path) -> None:
    info = tarfile.TarInfo("holes.csv")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:398] = header[398:410] = b"00000000000\0"  # one piece, without bytes
    header[483:495] = b"77777777777\0"  # 8 GB of nothing
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    contents, reasons = read(tmp_path / "a.tar", bytes(header) + make_tar({"train.csv": CSV}))
    assert list(contents) == ["train.csv"]
    assert reasons == {"holes.csv": "a sparse file"}


def test_iter_members_errors_of_the_file_system_pass(tmp_path: Path) -> None:
    class Remote(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        list(iter_members(Remote(FER_TAR_GZ), "a", LIMITS, CLASSES))
