"""`pip install .`: what others get of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.stack import ROOT

CONTENT = ("app", "voicestack", "pyproject.toml", "README.md", "LICENSE")


def test_an_installation_has_the_typed_clients_and_what_they_take(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for name in CONTENT:
        whole = ROOT / name
        if whole.is_dir():
            shutil.copytree(whole, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(whole, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    options = ["--no-build-isolation", "--target", str(target), str(source)]
    subprocess.run([*pip, *options], check=True, timeout=300)
    assert (target / "voicestack" / "py.typed").is_file()
    program = "import voicestack; print(voicestack.__file__, *voicestack.__all__)"
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert told[0] == str(target / "voicestack" / "__init__.py")
    assert {"Sts", "AsyncSts", "Live", "Sales", "Uploads", "AsyncUploads"} <= set(told)
