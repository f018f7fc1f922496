"""``python -m benchmarks``, from the root of a checkout."""

from app.cli.main import run
from benchmarks.commands import bench_app

run(bench_app)
