"""transcriber: works off uploads, piece by piece, beside any number of others."""

import os

# On few cores, threads of a small product wait for each other twenty times as long as one takes. NumPy reads
# this as it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
