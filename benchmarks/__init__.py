"""lagrad held against bars: `python -m benchmarks` measures, and prints a table."""

import os

# One thread for BLAS and for XLA, set before they are imported: how many are free differs from run
# to run.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)
