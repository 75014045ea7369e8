"""What happened as a plain sentence. Every word of it comes from a measured fact. Pure."""

from __future__ import annotations

from app.commentary.scene import Happening, Light

LIGHTS: dict[Light, str] = {
    "black": "black",
    "dark": "dark",
    "even": "",
    "bright": "bright",
    "white": "white",
}

# {scene} is what the picture is like, {way} where something moves to, {place} where it is.
SENTENCES: dict[str, tuple[str, ...]] = {
    "start": ("The picture shows {scene}.", "We see {scene}."),
    "cut": ("Cut to {scene}.", "Now {scene}.", "A new shot: {scene}.", "The picture changes to {scene}."),
    "fade": ("The picture fades to {scene}.", "Slowly the picture has become {scene}."),
    "fade_out": ("The picture fades to black.", "It has gone black."),
    "pan": (
        "The view moves {way}.",
        "The whole picture travels {way}.",
    ),
    "moves": ("Something moves {way}, {place}.", "There is movement {place}, going {way}."),
    "stirs": ("Something moves {place}.", "There is movement {place}."),
    "brighter": ("It gets brighter.", "There is more light now."),
    "darker": ("It gets darker.", "There is less light now."),
    "flicker": ("The light flickers.", "The picture flickers."),
    "text": ("On screen: {text}.",),
    "still": ("Nothing has moved for {time}.", "All is still, for {time} now."),
}
WAYS = {"left": "to the left", "right": "to the right", "up": "upwards", "down": "downwards"}


def sentence(happened: Happening, turn: int, brief: bool = False) -> str:
    """A sentence about it; `turn` picks one of several that say the same, of the shorter ones if `brief`."""
    choices = SENTENCES[happened.what]
    if brief:
        choices = tuple(sorted(choices, key=len)[:2])
    return choices[turn % len(choices)].format(
        scene=scene(happened),
        way=WAYS[happened.way] if happened.way else "",
        place=place(happened.x, happened.y),
        time=duration(happened.seconds),
        text=", ".join(f"“{text}”" for text in happened.texts),
    )


def scene(happened: Happening) -> str:
    """What the picture is like, as far as that was measured."""
    if happened.light in ("black", "white"):
        return f"a {LIGHTS[happened.light]} picture"
    light = f"{LIGHTS[happened.light]} " if LIGHTS[happened.light] else ""
    if happened.colour is None:
        return f"a {light}scene" if light else "another scene" if happened.what != "start" else "a scene"
    return f"a {light}scene, mostly {happened.colour}"


def place(x: float, y: float) -> str:
    """Where in the picture that is; both from 0, top left, to 1."""
    column = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    row = "top" if y < 1 / 3 else "bottom" if y > 2 / 3 else ""
    if row and column:
        return f"at the {row} {column}"
    if row:
        return f"at the {row}"
    return f"on the {column}" if column else "in the middle"


def duration(seconds: float) -> str:
    """A time for people."""
    if seconds < 60:
        return f"{seconds:.0f} seconds"
    minutes = int(seconds // 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
