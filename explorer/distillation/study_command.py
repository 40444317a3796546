"""``study`` from a terminal: when does distillation help, over the size of the student and the number of images."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from explorer.arguments import checkpoints_option
from explorer.checkpoints import SHIPPED, card
from explorer.checkpoints.evidence import damaged, find_rows, write_rows
from explorer.data import BUNDLED, ImageSet
from explorer.distillation import gains, study
from explorer.distillation.trainings import trainings_options
from explorer.errors import ExplorerError
from explorer.runs import STUDENT_RECIPE, table_path, teacher_table
from explorer.terminal import Bars, folder_of_networks
from explorer.work.progress import follow

UNSEEN = "unseen"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``study`` to the terminal's commands."""
    rows = [*map(str, study.SIZES), UNSEEN]
    parser = commands.add_parser(
        "study", help="train students of five sizes on few and many images, with labels alone and distilled"
    )
    parser.add_argument(
        "--rows",
        type=_words,
        default=rows,
        help=f"{','.join(rows)}: numbers of training images, and {UNSEEN}: {study.HALF:,} images that the teacher "
        "never saw against as many that it did",
    )
    parser.add_argument("--students", type=_words, default=list(study.FAMILY), help=",".join(study.FAMILY))
    parser.add_argument("--seeds", type=int, default=3, help="pairs for each student and number of images")
    parser.add_argument("--minutes", type=float, help="begin no further training after so many")
    trainings_options(parser, Path("runs/study"))
    checkpoints_option(parser)
    parser.add_argument(
        "--evidence",
        action="store_true",
        help="also write the table that ships, with all that is in it already",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.set_defaults(command=_study)


def _words(text: str) -> list[str]:
    return text.split(",")


def _study(options: argparse.Namespace) -> int:
    folder = folder_of_networks(options) or SHIPPED
    teacher, validation = card("teacher", folder), BUNDLED.load("validation")
    cells = study.study_cells(
        _sizes(options.rows), students=options.students, seeds=options.seeds, unseen=UNSEEN in options.rows
    )
    # A study that has forgotten what it has trained would train it again, and write that over what is there.
    for sentence in damaged(folder):
        raise ExplorerError(sentence)
    stored = find_rows(study.KIND, study.CellResult, teacher.sha256, validation.whole, folder)
    plan = study.StudyPlan(teacher.sha256, options.out, data=options.data)
    results = study.held_results(plan, stored.rows if stored else ())
    missing = [cell for cell in cells if cell not in results]
    print(f"{len(cells) - len(missing)} of {len(cells)} cells are there already.", flush=True)
    if missing and options.minutes != 0:
        plan = _with_tables(plan, missing, validation, folder, options.work)
        trained = study.run_study(
            missing,
            plan,
            minutes=options.minutes,
            jobs=options.jobs,
            backend=options.backend,
            cluster=options.cluster,
        )
        results |= {each.cell: each for each in tqdm(trained, desc="students", total=len(missing))}
    rows = sorted(results.values(), key=lambda each: each.cell.file)
    if options.evidence:
        write_rows(study.KIND, rows, teacher, validation, folder)
    asked = [row for row in rows if row.cell in cells]
    if options.json:
        print(json.dumps([row.to_dict() for row in asked], indent=2))
    elif asked:
        print(gains.summarise(gains.pairs_of(asked)).to_string(index=False))
    return 0


def _sizes(rows: Sequence[str]) -> list[int]:
    try:
        return [int(row) for row in rows if row != UNSEEN]
    except ValueError as error:
        raise ExplorerError(f"A row is a number of training images or {UNSEEN!r}, not {rows}.") from error


def _with_tables(
    plan: study.StudyPlan, cells: Sequence[study.StudyCell], validation: ImageSet, folder: Path, work: Path
) -> study.StudyPlan:
    """The plan with the teacher's logits that these cells need, computed where they are not there yet."""
    taught = [cell for cell in cells if cell.distilled]
    if any(cell.arm == "unseen" for cell in taught):
        plan = replace(plan, validation_table=_table(validation, folder, work))
    training = follow(BUNDLED.read_all_training(plan.data), Bars())
    pool = study.pool_of(taught, training)
    # Those of all images are as good, if another training has left them here.
    if table_path("teacher", STUDENT_RECIPE, training, folder, work).exists():
        pool = np.arange(len(training))
    if len(pool):
        plan = replace(plan, table=_table(training.select(pool), folder, work), pool=pool)
    return plan


def _table(images: ImageSet, folder: Path, work: Path) -> Path:
    with tqdm(desc="teacher's logits", total=len(STUDENT_RECIPE.views)) as bar:
        return follow(
            teacher_table("teacher", STUDENT_RECIPE, images, folder, work),
            lambda update: bar.update(update.done - bar.n),
        )
