from pathlib import Path

import pytest

from fer_tfx.commands.inputs import Folder, Picture, tell_names
from fer_tfx.errors import DataError
from fer_tfx.pictures import find_name, list_picture_suffixes, open_picture


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


def test_folder_read_gives_pictures_below_it_by_path_and_what_else_there_is(tmp_path):
    write(
        tmp_path, "b.PNG", "a/z.jpg", "a/y.jpeg", "c.txt", ".hidden.png", "d.gif", "e.bmp", "f.jfif", "g.HEIC", "h.eps"
    )
    found = Folder.read(str(tmp_path))
    names = [[each.removeprefix(f"{tmp_path}/") for each in paths] for paths in found[:2]]
    assert names == [["a/y.jpeg", "a/z.jpg", "b.PNG", "d.gif", "e.bmp", "f.jfif", "g.HEIC"], ["c.txt", "h.eps"]]
    assert found[2:] == ([], [])


@pytest.mark.usefixtures("_folders_called_locked")
def test_folder_read_loses_no_folder_without_a_word(tmp_path):
    """Links to folders may lead anywhere, also round in circles; hidden folders are programs' own."""
    write(tmp_path, "a/1.png", "locked/2.png", ".cache/3.png")
    (tmp_path / "a/up").symlink_to(tmp_path)
    found = Folder.read(str(tmp_path))
    assert (found.pictures, found.others, found.links) == ([f"{tmp_path}/a/1.png"], [], [f"{tmp_path}/a/up"])
    said = f"{tmp_path}/locked: can't be read: Permission denied; fix its permissions"
    assert [str(each) for each in found.errors] == [said]
    with pytest.raises(DataError, match=f"^{said}$"):
        Folder.read(str(tmp_path / "locked"))


def test_folder_read_without_pictures_says_what_there_is(tmp_path):
    said = "no picture in this folder by its name"
    with pytest.raises(DataError, match=f"^{tmp_path}: {said}; name files themselves$"):
        Folder.read(str(tmp_path))
    write(tmp_path, *(f"{number}.csv" for number in range(9)))
    shown = ", ".join(f"{tmp_path}/{number}.csv" for number in range(3))
    with pytest.raises(DataError, match=f"^{tmp_path}: {said}, only {shown} and 6 more; name files themselves$"):
        Folder.read(str(tmp_path))


def test_list_picture_suffixes_are_those_of_what_can_be_read():
    suffixes = list_picture_suffixes()
    assert {".avif", ".heic", ".heif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"} <= suffixes
    assert not {".eps", ".pdf", ".mpg", ".mp4", ".csv", ".h5"} & suffixes


def test_tell_names_escapes_and_shortens():
    assert tell_names(["a\n.txt"]) == "a\\n.txt"
    assert tell_names(["a", "b", "c", "d"]) == "a, b, c and 1 more"


def test_get_source_of_given_content_has_its_name():
    source = Picture("standard input", b"x").get_source()
    assert find_name(source) == "standard input"
    with pytest.raises(DataError, match=r"^standard input: is no picture"):
        open_picture(source, "standard input")
    assert Picture("a.png").get_source() == "a.png"
