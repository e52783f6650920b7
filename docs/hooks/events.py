"""mkdocs calls these functions while it builds the site.

They add the pages that are written from the code, and turn what GitHub shows otherwise into what the site can show.
"""

import re
from pathlib import Path

import commands
import configuration
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_FENCE_WITH_FILE = re.compile(r"^(```\w+) (\S+)$", re.MULTILINE)
_LINK_OUT = re.compile(r"\[([^\]]+)\]\((?!https?:|#)((?:\.\./)+[^)]+)\)")
_TITLE = re.compile(r"^# (\d+)\. (.+)$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference, and the list of decisions."""
    pages = {
        "reference/configuration.md": configuration.page(),
        "reference/commands.md": commands.page(),
        "adr/index.md": _decisions(Path(config.docs_dir) / "adr"),
    }
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Name the file of a listing above it, and leave links to sources, which are not part of the site, as plain text.

    Raises:
        ValueError: a link leads to a file that the repository does not have.
    """
    folder = (Path(config.docs_dir) / page.file.src_uri).parent

    def without_link(match: re.Match[str]) -> str:
        target = (folder / match[2].partition("#")[0]).resolve()
        if Path(config.docs_dir) in target.parents:
            return match[0]
        if not target.exists():
            raise ValueError(f"{page.file.src_uri}: {match[2]} does not exist")
        return match[1]

    return _FENCE_WITH_FILE.sub(r'\1 title="\2"', _LINK_OUT.sub(without_link, markdown))


def _decisions(folder: Path) -> str:
    lines = ["# Decisions", "", "What a successor would question, and why it is so.", ""]
    for path in sorted(folder.glob("0*.md")):
        title = _TITLE.search(path.read_text())
        if title is None:
            raise ValueError(f"{path} does not open with a number and a title")
        lines.append(f"- [{title[1].zfill(4)}]({path.name}) {title[2]}")
    return "\n".join(lines) + "\n"
