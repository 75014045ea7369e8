"""A stand-in for pyaudio, which needs a sound card: it has no microphone and says so as pyaudio does."""

paInt16 = 8


class PyAudio:
    """No devices."""

    def open(self, **_: object) -> None:
        """As without a microphone."""
        raise OSError("no sound card")

    def terminate(self) -> None:
        """Nothing to end."""
