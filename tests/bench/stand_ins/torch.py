"""A stand-in for torch: WhisperLive's server asks it only whether there is a GPU. There is none here.

Its faster-whisper backend computes with CTranslate2, its voice activity filter with ONNX Runtime; the
real package would add gigabytes to a machine that measures on processors.
"""


class cuda:
    """No GPU."""

    @staticmethod
    def is_available() -> bool:
        """As torch says without a GPU."""
        return False
