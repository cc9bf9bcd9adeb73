"""Sphinx extension of the book: pages for the public names, and links from code to them.

Before the build it writes ``tutorials/reference/``: a page for each name that a package of tfflows
lists in ``__all__``, a page for each package, and the documents of the repository that the book
includes. While it builds, code in a text that reads as a public name (```tfflows.NSF```, or
``NSF`` in a docstring) becomes a link to its page; code that begins with ``tfflows.`` and names
nothing is a warning, which fails the build.
"""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.parsers.rst import roles
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

import tfflows

LOGGER = logging.getLogger(__name__)
ROOT = Path(__file__).parents[1]
FOLDER = "reference"

# A name that several packages list has its page under the first of them.
FIRST = ("layers", "univariates")
PACKAGES = {
    "tfflows": tfflows,
    **{
        f"tfflows.{name}": package
        for name in (*FIRST, *tfflows.__all__, "diagnostics")
        if isinstance(package := getattr(tfflows, name), ModuleType)
    },
}

# Documents of the repository, and the pages that they become.
INCLUDED = {
    "CONTRIBUTING.md": "extending",
    "docs/design.md": "design",
    "CHANGELOG.md": "changelog",
}

# What a closed cell with this tag is called.
CELLS = {
    "install": "Install",
    "setup": "Set-up",
    "solution": "Solution",
    "assertions": "Assertions",
}

# Methods that Keras calls; people call others.
KERAS_CALLS = {
    "add_weight",
    "build",
    "build_from_config",
    "call",
    "compile_from_config",
    "compute_loss",
    "compute_output_shape",
    "from_config",
    "get_build_config",
    "get_compile_config",
    "get_config",
    "load_weights",
    "make_train_function",
    "reset_state",
    "result",
    "test_step",
    "train_step",
    "update_state",
}


def public() -> dict[str, dict[str, Any]]:
    """Return for each package the objects that have their page in it, by name."""
    seen: set[int] = set()
    found: dict[str, dict[str, Any]] = {}
    for address, package in PACKAGES.items():
        listed = {name: getattr(package, name) for name in package.__all__}
        found[address] = {
            name: value
            for name, value in listed.items()
            if not isinstance(value, ModuleType) and id(value) not in seen
        }
        seen.update(id(value) for value in found[address].values())
    return found


PUBLIC = public()
PAGE_OF = {f"{package}.{name}" for package, names in PUBLIC.items() for name in names}
ADDRESS_OF = {
    id(value): f"{package}.{name}"
    for package, names in PUBLIC.items()
    for name, value in names.items()
}


def resolve(address: str) -> Any:
    """Return the object at an address, ``tfflows.NSF`` or ``tfflows.Flow.fit``.

    Raises
    ------
    AttributeError
        If there is none.
    """
    value: Any = tfflows
    for name in address.split(".")[1:]:
        value = getattr(value, name)
    return value


def address_of(text: str, bare: bool) -> str | None:
    """Return the address of what a piece of code names, or None.

    Parameters
    ----------
    text : str
        ``tfflows.NSF(2)``, ``layers.LU``, ``Flow.fit``.
    bare : bool
        Whether a name without its package counts, as in docstrings.
    """
    name = text.removeprefix("~").split("(")[0]
    if not re.fullmatch(r"[A-Za-z_][\w.]*", name):
        return None
    # Parameters are called `flow` and `names`, too.
    owners = PACKAGES if bare and name[0].isupper() else ["tfflows"]
    for full in (name, *(f"{owner}.{name}" for owner in owners)):
        if not full.startswith("tfflows."):
            continue
        if full in PAGE_OF:
            return full
        try:
            value = resolve(full)
        except AttributeError:
            continue
        if id(value) in ADDRESS_OF:
            return ADDRESS_OF[id(value)]
        owner, _, member = full.rpartition(".")
        if (
            owner in PAGE_OF
            and inspect.isclass(resolve(owner))
            and member in members(resolve(owner))
        ):
            return full
    return None


def members(cls: type) -> list[str]:
    """Return the public methods and properties that a class documents itself.

    What it inherits from a public class stands on the page of that one, except for models, whose
    page is where people look a method up.
    """
    found = {}
    for base in cls.__mro__:
        elsewhere = base is not cls and id(base) in ADDRESS_OF
        if not base.__module__.startswith("tfflows") or (elsewhere and not _is_model(cls)):
            continue
        for name, value in vars(base).items():
            documented = inspect.isroutine(value) or isinstance(value, (property, classmethod))
            # Metaclasses of TFP copy its methods into our classes.
            ours = getattr(value, "__module__", "tfflows").startswith("tfflows")
            hidden = name.startswith("_") or name in KERAS_CALLS
            if documented and ours and not hidden and value.__doc__:
                found.setdefault(name, base)
    return sorted(found)


def _is_model(cls: type) -> bool:
    return issubclass(cls, tfflows.DensityModel)


def signature(cls: type) -> str:
    """Return the arguments of the constructor, which Keras hides behind a `__new__` of its own."""
    constructor = cls.__init__
    if not inspect.isfunction(constructor) or not constructor.__module__.startswith("tfflows"):
        return ""
    _, *parameters = inspect.signature(constructor).parameters.values()
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(bare))


def first_sentence(value: Any) -> str:
    """Return the first sentence of a docstring, in one line."""
    paragraph = (inspect.getdoc(value) or "").split("\n\n")[0]
    return re.split(r"(?<=\.)\s", " ".join(paragraph.split()))[0]


# -- writing the pages -----------------------------------------------------------------------------


def heading(text: str, mark: str = "=") -> str:
    """Return a title in reStructuredText."""
    return f"{text}\n{mark * len(text)}\n\n"


def mentions(source: Path) -> dict[str, list[str]]:
    """Return for each address the chapters whose code or text names it."""
    found: dict[str, list[str]] = {}
    for path in sorted(source.glob("*/*.md")):
        if path.parent.name == FOLDER or path.parent.name.startswith("_"):
            continue
        page = path.relative_to(source).with_suffix("").as_posix()
        text = path.read_text("utf-8")
        called = set(re.findall(r"\b(?:tfflows|layers|univariates)\.[\w.]*\w", text))
        for name in called:
            if address := address_of(name, bare=False):
                found.setdefault(address, []).append(page)
    return {address: sorted(set(pages)) for address, pages in found.items()}


def page(package: str, name: str, value: Any, chapters: list[str]) -> str:
    """Return the page of a public name."""
    address = f"{package}.{name}"
    text = heading(name) + f".. currentmodule:: {package}\n\n"
    if inspect.isclass(value):
        text += f".. autoclass:: {address}{signature(value)}\n   :show-inheritance:\n"
        if listed := members(value):
            text += f"   :members: {', '.join(listed)}\n"
    else:
        text += f".. autofunction:: {address}\n"
    if chapters:
        text += "\n.. rubric:: In the chapters\n\n"
        text += "".join(f"* :doc:`/{chapter}`\n" for chapter in chapters)
    return text


def package_page(address: str) -> str:
    """Return the page of a package: what it is, and a table of its names."""
    package = PACKAGES[address]
    rows = [
        (f":py:obj:`{name} <{ADDRESS_OF[id(value)]}>`", first_sentence(value))
        for name in sorted(package.__all__, key=str.lower)
        if not isinstance(value := getattr(package, name), ModuleType)
    ]
    text = heading(address) + (inspect.getdoc(package) or "") + "\n\n"
    text += ".. list-table::\n   :widths: 30 70\n\n"
    return text + "".join(f"   * - {link}\n     - {sentence}\n" for link, sentence in rows)


def included(document: str) -> str:
    """Return a document of the repository with its links to the others as links to their pages."""
    text = (ROOT / document).read_text("utf-8")

    def replace(match: re.Match) -> str:
        target = (ROOT / document).parent.joinpath(match[2]).resolve()
        name = target.relative_to(ROOT).as_posix() if target.is_relative_to(ROOT) else match[2]
        return f"{match[1]}({INCLUDED[name]}.md)" if name in INCLUDED else match[1].strip("[]")

    return re.sub(r"(\[[^\]]+\])\((?!https?:|#)([^)#]+)\)", replace, text)


def pages(source: Path) -> Iterator[tuple[str, str]]:
    """Yield the paths of all pages below the folder, and their texts."""
    chapters = mentions(source)
    for package, names in PUBLIC.items():
        yield f"{package}.rst", package_page(package)
        for name, value in names.items():
            address = f"{package}.{name}"
            yield f"{package}/{name}.rst", page(package, name, value, chapters.get(address, []))
    for document, name in INCLUDED.items():
        yield f"{name}.md", included(document)


def write_pages(app: Sphinx, config: Any) -> None:
    """Write the pages; one that has not changed is left alone, so that it is not read again."""
    folder = Path(app.srcdir) / FOLDER
    written = set()
    for name, text in pages(Path(app.srcdir)):
        path = folder / name
        written.add(path)
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    for path in folder.rglob("*.*"):
        if path.is_file() and path not in written:
            path.unlink()
    for path in folder.iterdir():
        if path.is_dir() and not any(path.iterdir()):
            shutil.rmtree(path)


# -- links -----------------------------------------------------------------------------------------


def link(address: str, text: str) -> addnodes.pending_xref:
    """Return a reference to a public name that reads `text`."""
    reference = addnodes.pending_xref(
        "", refdomain="py", reftype="obj", reftarget=address, refexplicit=True, refwarn=True
    )
    reference += nodes.literal("", text, classes=["xref", "py"])
    return reference


def public_name(role, rawtext, text, lineno, inliner, options=None, content=None):
    """Turn single backticks of a docstring into a link, or where nothing is named into code."""
    address = address_of(text, bare=True)
    if address is None:
        return [nodes.literal(rawtext, text)], []
    return [link(address, text.removeprefix("~"))], []


class LinkCode(SphinxPostTransform):
    """Link code in the text of chapters to the public names that it reads as."""

    default_priority = 5  # before references are resolved

    def run(self, **kwargs: Any) -> None:
        """Replace the literals of a document."""
        for node in list(self.document.findall(nodes.literal)):
            text = node.astext()
            if isinstance(node.parent, (nodes.reference, addnodes.pending_xref)):
                continue
            if (address := address_of(text, bare=False)) is not None:
                node.replace_self(link(address, text))
            elif re.fullmatch(r"tfflows(\.\w+)+(\(.*)?", text) and not exists(text.split("(")[0]):
                LOGGER.warning("there is no %s", text, location=node)


def title_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Say on closed cells what is in them."""
    for node in doctree.findall(nodes.container):
        for tag, title in CELLS.items():
            if f"tag_{tag}" in node["classes"]:
                node["prompt_show"] = node["prompt_hide"] = title


def fill_in_address(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let install cells take tfflows from the address of the repository, where it is known."""
    if url := app.config.html_theme_options.get("repository_url"):
        source[0] = source[0].replace("https://ADDRESS/tfflows", url)


def open_published_notebooks(app: Sphinx, page, template, context: dict, doctree) -> None:
    """Point the buttons of Colab, which reads no Markdown, at the notebooks beside the pages."""
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button.get("text") == "Colab":
                repository = button["url"].split("/blob/")[0]
                button["url"] = f"{repository}/blob/gh-pages/_sources/{page}.ipynb"


def exists(address: str) -> bool:
    """Say whether an address names anything, public or not."""
    try:
        resolve(address)
    except AttributeError:
        return False
    return True


def missing(app: Sphinx, env: Any, node: addnodes.pending_xref, contnode: nodes.Element) -> Any:
    """Resolve classes by the module that defines them, as autodoc names bases."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith("tfflows."):
        return None
    try:
        value = resolve(target)
    except AttributeError:
        return None
    address = ADDRESS_OF.get(id(value))
    if address is None:
        return contnode  # private: named, not linked
    if address == target:
        return None
    return env.get_domain("py").resolve_xref(
        env, node["refdoc"], app.builder, "obj", address, node, contnode
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    roles.register_local_role("public-name", public_name)
    app.connect("config-inited", write_pages, priority=100)  # before the table of contents is read
    app.connect("source-read", fill_in_address)
    app.connect("doctree-read", title_cells)
    app.connect("html-page-context", open_published_notebooks, priority=600)  # after the theme
    app.connect("missing-reference", missing)
    app.add_post_transform(LinkCode)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
