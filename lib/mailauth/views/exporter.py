"""The one step that nbconvert takes: finished parts into our template.

Apart, because importing nbconvert takes a second that a command which writes no page should not wait for.
"""

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

from nbconvert.exporters.templateexporter import TemplateExporter

__all__ = ["PageExporter", "fill"]


class PageExporter(TemplateExporter):
    """nbconvert's plain template step; its HTML exporter parses the finished page once more, which costs 0.4 s."""

    def _file_extension_default(self) -> str:
        return ".html"

    def _template_file_default(self) -> str:
        return "page.html.j2"

    def _template_paths_default(self) -> list[str]:
        return [str(resources.files(__package__) / "templates")]

    def _create_environment(self) -> Any:
        # nbconvert gives its methods no types.
        create: Callable[[], Any] = super()._create_environment
        environment = create()
        environment.autoescape = True
        return environment


def fill(**parts: object) -> str:
    """Return the page that *parts* make; what stands in them as plain text is escaped on the way."""
    return str(_exporter().template.render(resources=parts))


@cache
def _exporter() -> PageExporter:
    make: Callable[[], PageExporter] = PageExporter
    return make()
