"""Speech to speech: phrase in, translated phrase out."""

import os

# The model of voices is small: on few cores, threads of its products wait for each other. NumPy reads this as
# it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
