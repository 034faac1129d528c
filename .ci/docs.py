"""Hook of MkDocs: pages from outside docs/, and links to files that are no pages.

README.md is the home page. Pages that documents link to outside docs/ (results, cards) join the site; a link to any
other file of the repository becomes its path.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")
_HOME = "index.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README and every page that a page links to."""
    files.append(File.generated(config, _HOME, abs_src_path=str(ROOT / "README.md")))
    waiting = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    while waiting:
        page = waiting.pop()
        for _, _, target, _ in _LINK.findall(page.read_text("utf-8")):
            linked = (page.parent / target).resolve()
            if not linked.is_file() or linked.suffix not in {".md", ".png", ".svg"}:
                continue
            uri = _find_uri(linked)
            if files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, abs_src_path=str(linked)))
                waiting += [linked] if linked.suffix == ".md" else []
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to where the site has the page."""
    source = ROOT / "README.md" if page.file.src_uri == _HOME else Path(str(page.file.abs_src_path)).resolve()
    depth = page.file.src_uri.count("/")

    def point(match: re.Match[str]) -> str:
        mark, text, target, anchor = match.groups()
        linked = (source.parent / target).resolve()
        if not linked.exists():
            return match[0]  # MkDocs names it, and the build fails
        uri = _find_uri(linked)
        if files.get_file_from_path(uri) is not None:
            return f"{mark}[{text}]({'../' * depth}{uri}{anchor or ''})"
        return text if text.strip("`") == target else f"{text} (`{linked.relative_to(ROOT)}`)"

    return _LINK.sub(point, markdown)


def _find_uri(path: Path) -> str:
    """Where a file of the repository is in the site."""
    if path in (ROOT / "README.md", ROOT / "docs" / "README.md"):
        return _HOME
    relative = path.relative_to(ROOT)
    return str(relative.relative_to("docs") if relative.parts[0] == "docs" else relative)
