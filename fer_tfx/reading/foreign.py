"""What a file is that holds no faces although its name says so, by how it begins."""

_PAGE = "is a web page, not the data: download it again, signed in if the site asks for it"
_PICKLE = "is a pickle, which could run code when read: write the data as a CSV"
_UTF16 = "is text in UTF-16: save it in UTF-8"
_BEGINNINGS = {
    b"\xff\xfe": _UTF16,
    b"\xfe\xff": _UTF16,
    b"<!doctype": _PAGE,
    b"<html": _PAGE,
    b"<?xml": "is XML, not the data: give the CSV, an archive or a folder of pictures",
    b"version https://git-lfs": "is a pointer of Git LFS, not the data: run `git lfs pull` where it was cloned",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "is an Excel workbook: save the sheet as CSV",
    b"\x89hdf\r\n": "is an HDF5 file: convert it to CSV",
    b"sqlite format 3": "is an SQLite database: export the table as CSV",
    b"arrow1": "is an Arrow file: convert it to CSV",
    b"\x93numpy": "is a NumPy array: convert it to CSV",
    b"[{": "is a JSON array: write lines of JSON, an object on each, or a CSV",  # also with space between
    b"%pdf": "is a PDF, not the data: give the CSV, an archive or a folder of pictures",
    b"{\\rtf": "is a text document: save it as CSV",
    b"\x80\x04\x95": _PICKLE,
    b"\x80\x05\x95": _PICKLE,
}
_OFFICE_MEMBERS = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"mimetype")
_NAME_IN_ZIP_AT = 30  # of the first member


def explain_foreign(head: bytes) -> str:
    """What a file is that begins with `head`, and what to do; an empty string: it may be data."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        start = b"[" + start[1:].lstrip()
    start = start[:32].lower()
    if head.startswith(b"PK") and head[_NAME_IN_ZIP_AT:].startswith(_OFFICE_MEMBERS):
        return "is an Excel workbook or another document: save the sheet as CSV"
    return next((text for beginning, text in _BEGINNINGS.items() if start.startswith(beginning)), "")
