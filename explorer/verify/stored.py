"""What a folder's evidence claims: that it is whole, whose it is, and its rows."""

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import numpy as np

from explorer.checkpoints.evidence import LOGITS, EvidenceFile, evidence_files, find_rows, find_tensor
from explorer.data import DataSet, ImageSet, Use
from explorer.errors import ExplorerError
from explorer.networks import cost_of_network
from explorer.runs import STUDENT_RECIPE
from explorer.training import view_logits
from explorer.verify.finding import Finding, compared, unchecked
from explorer.verify.kinds import KINDS, TIMES, At, Recomputed, Trained
from explorer.work.progress import Update, follow
from explorer.workspace import NetworkSource

USES: tuple[Use, ...] = ("training", "validation", "test")
LONG = 2e12
"""Multiply-adds, about half a minute: what takes longer is left to ``--all``."""
FEW = 100
"""Images of each view whose logits are computed again without ``--all``."""
HALF_PRECISION = 2e-2
"""By so much float16, and bfloat16 where it was computed in that, may move a logit, as a share of the largest."""


def check_evidence(
    folder: Path,
    sources: Sequence[NetworkSource],
    data_sets: Sequence[DataSet],
    *,
    everything: bool = False,
    asked: frozenset[str] = frozenset(),
) -> Generator[Update | Finding, None, None]:
    """Every claim of the files of evidence in a folder of checkpoints.

    Args:
        folder: of the checkpoints.
        sources: the networks whose evidence may lie there.
        data_sets: whose images they may be results on.
        everything: all rows; else one of each file, if it takes no longer than ``LONG``.
        asked: sha256 of the networks whose files are checked; all files if it is empty.
    """
    by_weights = {source.card.sha256: source for source in sources}
    images = {data.key_of(use): (data, use) for data in data_sets for use in USES if data.sizes.get(use)}
    for file in evidence_files(folder):
        if asked and not file.problem and not asked & set(file.weights):
            continue
        if file.problem:
            yield Finding(file.name, "sha256", "differs", file.problem)
            continue
        yield compared(file.name, "sha256", file.written_down, "SHA256SUMS does not name it")
        yield from _ties(file, by_weights, images)
        there = (
            images[file.images_key][0].sizes[images[file.images_key][1]] if file.images_key in images else 0
        )
        # On more images than there are, which is told already, nothing can be counted.
        if 0 < file.images <= there and set(file.weights) <= set(by_weights):
            yield from _content(file, folder, by_weights, *images[file.images_key], everything=everything)


def _ties(
    file: EvidenceFile,
    by_weights: Mapping[str, NetworkSource],
    images: Mapping[str, tuple[DataSet, Use]],
) -> Generator[Finding, None, None]:
    """Whether the networks and the images that it is a result of are here."""
    strange = [weights for weights in file.weights if weights not in by_weights]
    whose = (
        ", ".join(by_weights[each].card.name for each in file.weights if each in by_weights) or "its network"
    )
    yield compared(file.name, f"weights of {whose}", not strange, "no network here has these weights")
    if file.checkpoint and not strange:
        named = by_weights[file.weights[0]].card.name
        yield compared(
            file.name, f"named {file.checkpoint}", named == file.checkpoint, f"they are those of {named}"
        )
    if file.images_key not in images:
        yield Finding(file.name, "its images", "differs", "no set of images here has this key")
        return
    data, use = images[file.images_key]
    there = data.sizes[use]
    yield compared(
        file.name,
        f"{file.images:,} {data.noun(use)}s",
        0 < file.images <= there,
        f"there are {there:,}",
    )


def _content(
    file: EvidenceFile,
    folder: Path,
    by_weights: Mapping[str, NetworkSource],
    data: DataSet,
    use: Use,
    *,
    everything: bool,
) -> Generator[Update | Finding, None, None]:
    """The rows or tensors of a file."""
    if file.kind == LOGITS:
        return  # counted with the card of each network
    if file.kind == STUDENT_RECIPE.views_key:
        for weights in file.weights:
            yield from _views(file, folder, by_weights[weights], data, use, everything=everything)
        return
    kind = KINDS.get(file.kind)
    if kind is None:
        yield unchecked(file.name, f"its rows, of the kind {file.kind}", "no check of this kind is known")
        return
    try:
        yield from _rows(file, folder, kind, by_weights[file.weights[0]], data, use, everything=everything)
    except ExplorerError as error:
        yield Finding(file.name, "its rows", "differs", str(error))


def _rows(
    file: EvidenceFile,
    folder: Path,
    kind: Recomputed | Trained,
    source: NetworkSource,
    data: DataSet,
    use: Use,
    *,
    everything: bool,
) -> Generator[Update | Finding, None, None]:
    """The rows of a file, computed again or held against what is known."""
    stored = find_rows(file.kind, kind.row, source.card.sha256, file.images_key, folder)
    assert stored is not None, "it was listed just now"
    at = At(source, data, use, stored)
    trained = kind.trained if isinstance(kind, Recomputed) else kind
    there = list(stored.rows)
    if trained is not None and (of_training := list(filter(trained.rows, there))):
        for row in of_training:
            yield from trained.held(file.name, row, at)
        yield unchecked(
            file.name,
            f"what {len(of_training):,} training{'s' * (len(of_training) > 1)} reached",
            f"only trainings would tell: `{trained.command}` repeats them",
        )
        there = [row for row in there if not trained.rows(row)]
    if not isinstance(kind, Recomputed) or not there:
        return
    rows, why = _sample(there, at, everything=everything)
    for number, row in enumerate(rows, start=1):
        yield kind.check(file.name, row, at)
        yield Update(file.name, number, len(rows))
    if left := len(there) - len(rows):
        yield unchecked(file.name, f"{left:,} of {len(there):,} rows", why)
    if at.is_timed:
        yield unchecked(file.name, "milliseconds", TIMES)


def _sample(rows: Sequence[object], at: At, *, everything: bool) -> tuple[Sequence[object], str]:
    """The rows that are computed again, and why the others are not."""
    if everything:
        return rows, ""
    one = cost_of_network(at.source.load(), at.data.input_size).mult_adds * at.stored.images
    if one > LONG:
        return (), "each takes more than half a minute: --all computes them again"
    # The weights decide which, so that it is the same row for everybody and none that somebody chose.
    return [rows[int(at.source.card.sha256[:8], 16) % len(rows)]], "--all computes them again, too"


def _views(
    file: EvidenceFile, folder: Path, source: NetworkSource, data: DataSet, use: Use, *, everything: bool
) -> Generator[Update | Finding, None, None]:
    """The teacher's logits of every view of the training images."""
    whole: ImageSet = follow(data.read(use), lambda update: None).select(slice(file.images))
    stored = find_tensor(file.kind, source.card.sha256, whole, folder)
    if stored is None:
        yield Finding(file.name, "the logits", "differs", "they are not those of as many images as it says")
        return
    chosen = np.arange(len(whole)) if everything else np.linspace(0, len(whole) - 1, FEW).astype(int)
    some, apart = whole.select(chosen), 0.0
    for number, scores in enumerate(view_logits(source.load(), some, STUDENT_RECIPE)):
        apart = max(apart, float((stored[number, chosen].float() - scores).abs().max()))
        yield Update(file.name, number + 1, len(stored))
    most = HALF_PRECISION * float(stored.abs().max())
    yield compared(
        file.name,
        f"logits of {len(stored)} views of {len(some):,} images",
        apart < most,
        f"they are up to {apart:.2g} away",
    )
    if len(some) < len(whole):
        yield unchecked(
            file.name,
            f"{len(whole) - len(some):,} of {len(whole):,} images",
            "--all computes them again, too",
        )
