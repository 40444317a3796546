"""Measure against the aims: ``python -m benchmarks``; the exit status tells whether all of them hold."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from benchmarks import architecture, distillation, pruning, runtime
from benchmarks.figure import BenchFigure
from benchmarks.serving import figures as serving
from explorer.errors import ExplorerError
from explorer.measure import keep_freed_memory

BENCHES: dict[str, Callable[[], Iterator[BenchFigure]]] = {
    "architecture": architecture.figures,
    "distillation": distillation.figures,
    "pruning": pruning.figures,
    "runtime": runtime.figures,
    "serving": serving.figures,
}
PARTS = {f"serving.{name}": part for name, part in serving.PARTS.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and return the exit status: 0 holds, 1 does not hold, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="LESSON", help=f"one of {', '.join([*BENCHES, *PARTS])}")
    parser.add_argument("--json", action="store_true", help="print a list of JSON objects")
    options = parser.parse_args(arguments)
    keep_freed_memory()
    try:
        return _measure(options.only, as_json=options.json)
    except ExplorerError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2


def _measure(only: str | None, *, as_json: bool) -> int:
    known = BENCHES | PARTS
    if only is not None and only not in known:
        raise ExplorerError(f"There is no benchmark of {only!r}; there are {', '.join(known)}.")
    measured = []
    for lesson in [only] if only else BENCHES:
        for figure in known[lesson]():
            measured.append(figure)
            if not as_json:
                shown = "not measured" if figure.value is None else f"{figure.value:g} {figure.unit}"
                verdict = "holds" if figure.holds else "DOES NOT HOLD"
                print(f"{figure.name}: {shown}, aim {figure.aim}: {verdict}")
                print(f"    {figure.how}", flush=True)
    if as_json:
        print(json.dumps([asdict(figure) for figure in measured], indent=2))
    return 0 if all(figure.holds for figure in measured) else 1


if __name__ == "__main__":
    # As Ctrl+C does, it ends the servers that were started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
