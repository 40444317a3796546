"""The ledger, the receipt and the report on networks of the user's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.checkpoints import SHIPPED
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.ledger import LedgerRow, from_json, network_row, to_json
from explorer.ledger.recipe import Prune, recipe_of
from explorer.measure import accuracy, logits
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import METHODS
from explorer.report.rebuild import recompute
from explorer.report.receipt import receipt, why_no_receipt
from explorer.work.progress import follow
from explorer.workspace import NetworkSource, networks_in
from tests.app import arrive, said
from tests.own import export, own_model, own_network, own_spec

RECIPE = recipe_of("", Prune("channels-l1", 0.5)).to_dict()
IMAGES = 30


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> NetworkSource:
    folder = tmp_path_factory.mktemp("mine")
    export(own_model(own_spec("N13", narrow=4)), folder / "mine.pt2")
    (found,), refused = networks_in(folder)
    assert not refused
    return found


def row_of(source: NetworkSource) -> LedgerRow:
    pruned, images = prune_network(source.load(), METHODS["channels-l1"], 0.5), BUNDLED.load("test")
    images = images.stratified(IMAGES)
    right = accuracy(logits(pruned, images.inputs()), images.targets())
    return network_row(
        "mine, sliced",
        "pruning",
        pruned,
        64,
        right,
        images.name,
        images.whole,
        weights=source.card.sha256,
        where="here",
        recipe=RECIPE,
    )


def test_a_row_of_an_own_network_is_kept_in_a_file_and_recomputed_from_its_weights(
    source: NetworkSource,
) -> None:
    row = row_of(source)
    (carried,) = from_json(to_json([row]))
    again = follow(recompute(carried, [source], [BUNDLED]), lambda update: None)
    assert (again.params, again.nonzero, again.mult_adds) == (row.params, row.nonzero, row.mult_adds)
    assert (again.correct, again.total) == (row.correct, IMAGES)
    with pytest.raises(ExplorerError, match="no network here has its weights"):
        follow(recompute(carried, [own_network("N13", narrow=4)], [BUNDLED]), lambda update: None)


def test_a_receipt_of_an_own_network_rebuilds_it_from_its_file(source: NetworkSource, tmp_path: Path) -> None:
    row, files = row_of(source), {source.card.sha256: "mine.pt2"}
    assert "in no file of yours" in why_no_receipt(row, [])
    assert source.path is not None
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    text = receipt(row, [], files=files)
    assert len(text.splitlines()) < 60
    assert "'mine.pt2', which must lie in FOLDER" in text
    (tmp_path / "receipt.py").write_text(text, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "receipt.py"), str(source.path.parent)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{row.correct:,} of {IMAGES} right" in done.stdout
    assert SHIPPED.name not in text


def test_the_report_is_about_the_networks_of_ones_own() -> None:
    mine = own_network("N13", "my network", narrow=4)
    link = {"checkpoint": mine.card.name, "teacher": mine.card.name, "report_tab": "The six answers"}
    app = arrive("report", [mine], **link)
    assert said(app, "“my network”, pruned.")
    assert said(app, "This report mixes networks of yours (my network)")
