"""tus-js-client as its makers publish it, for tests alone: fetched as the console's libraries are."""

from __future__ import annotations

from tools.browser_libraries import Library, fetch

CLIENT = Library(
    name="tus-js-client",
    version="4.3.1",
    licence="MIT",
    integrity="sha512-ZLeYmjrkaU1fUsKbIi8JML52uAocjEZtBx4DKjRrqzrZa0O4MYwT6db+oqePlspV+FxXJAyFBc/L5gwUi2OFsg==",
    files=("dist/tus.min.js",),
)


def script() -> str:
    """The client, as a script that defines `tus`. Raises FetchFailed."""
    kept = CLIENT.kept(CLIENT.files[0])
    if not kept.is_file():
        fetch(CLIENT)
    return kept.read_text(encoding="utf-8")
