"""A second decoder beside FFmpeg's: hls.js finds the captions in the pictures and decodes them itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

from playwright.sync_api import Page, Route

from app.web.service import hls_js
from tests.embedded import captioned, clip, expected, same

ADDRESS = "http://captions.test"
PAGE = "<script src=hls.js></script><video muted></video>"
READ = """async () => {
  const video = document.querySelector("video");
  const hls = new Hls({ maxBufferLength: 60 });
  const rows = [];
  const found = new Promise((resolve) => {
    setTimeout(resolve, 30000);
    hls.on(Hls.Events.BUFFER_EOS, resolve);
    hls.on(Hls.Events.ERROR, (_, error) => error.fatal && resolve());
  });
  hls.loadSource("clip.m3u8");
  hls.attachMedia(video);
  await found;
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (const track of video.textTracks) {
    track.mode = "hidden";
    for (const cue of track.cues) rows.push([cue.startTime, cue.text]);
  }
  return rows.sort((one, other) => one[0] - other[0]);
}"""


def test_hls_js_reads_the_rows_that_were_written(page: Page, tmp_path: Path) -> None:
    clip(tmp_path / "clip.mp4", "libx264", 14.0, ["-bf", "2", "-g", "50"])
    source = captioned(tmp_path / "clip.mp4")
    to_hls = ["-c", "copy", "-f", "hls", "-hls_list_size", "0"]
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-i", str(source), *to_hls, str(tmp_path / "clip.m3u8")], check=True
    )
    (tmp_path / "hls.js").write_bytes(hls_js().read_bytes())
    (tmp_path / "index.html").write_text(PAGE)

    def answer(route: Route) -> None:
        file = tmp_path / route.request.url.rpartition("/")[2]
        route.fulfill(path=file) if file.is_file() else route.abort()

    page.route(f"{ADDRESS}/**", answer)
    page.goto(f"{ADDRESS}/index.html")
    cues = page.evaluate(READ)
    read: list[str] = []
    for _, text in cues:
        read += [row for row in map(same, text.splitlines()) if row not in read]
    assert read == [same(row) for row in expected()]
