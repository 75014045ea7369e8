"""The program in which SVOX Pico speaks: a fault in its C code ends this program, and no service.

Run as a file of its own, with the folder of Pico's languages as its argument. For every line of JSON on
stdin, {"language": "es-ES", "rate": 100, "pitch": 100, "text": "…"}, it writes the length in bytes (four,
little-endian) and so much int16 mono PCM at 16 kHz; a length of 0 where it can't speak.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    """Speaks until stdin ends."""
    import ctts

    engines: dict[str, Any] = {}
    folder = sys.argv[1].rstrip("/") + "/"
    parts: list[bytes] = []

    def heard(_: object, sound: bytes, __: object) -> None:
        parts.append(sound)

    for line in sys.stdin.buffer:
        asked = json.loads(line)
        language = asked["language"]
        parts.clear()
        try:
            if language not in engines:
                engines[language] = ctts.engine_create(language_dir=folder, language=language)
            ctts.engine_set_property(engines[language], "rate", asked["rate"])
            ctts.engine_set_property(engines[language], "pitch", asked["pitch"])
            ctts.engine_speak(engines[language], asked["text"], heard)
        except RuntimeError:
            parts.clear()
        sound = b"".join(parts)
        sys.stdout.buffer.write(len(sound).to_bytes(4, "little") + sound)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
