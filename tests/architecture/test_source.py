import random
import subprocess
import sys
from pathlib import Path

import torch

from explorer.architecture.budget import budget
from explorer.architecture.fit import fit_to_limit
from explorer.architecture.source import source
from explorer.networks import StudentNet, StudentSpec

RANDOM = random.Random(0)  # noqa: S311 (no secret)
SPECS = (
    StudentSpec(),
    StudentSpec(classes=10),
    fit_to_limit(StudentSpec(), 60_000),
    StudentSpec(1, (1, 1, 1, 1), 2),
    StudentSpec(13, (7, 11, 29, 5), 3, kernel=5, conv_bias=True),
    StudentSpec(8, (8, 16, 32, 18), 11, kernel=7),
    *(
        StudentSpec(
            RANDOM.randint(1, 40),
            tuple(RANDOM.randint(1, 60) for _ in range(4)),
            RANDOM.randint(2, 20),
            RANDOM.choice((1, 3, 5, 7)),
            RANDOM.random() < 0.5,
        )
        for _ in range(14)
    ),
)

CHECK = """
import runpy, sys, torch
for number in range({count}):
    module = runpy.run_path(f"net{{number}}.py", run_name="__main__")
    saved = torch.load(f"net{{number}}.pt", weights_only=True)
    model = module["get_student_model"]()
    assert isinstance(model, module["StudentNet"])
    assert list(model.state_dict()) == list(saved["state"])
    model.load_state_dict(saved["state"])
    model.eval()
    with torch.no_grad():
        assert torch.equal(model(saved["images"]), saved["logits"]), number
assert "explorer" not in sys.modules
print("all equal")
"""


def test_the_code_runs_on_its_own_and_computes_what_our_network_does(tmp_path: Path) -> None:
    for number, spec in enumerate(SPECS):
        torch.manual_seed(number)
        network, images = StudentNet(spec).eval(), torch.randn(2, 3, 64, 64)
        with torch.no_grad():
            saved = {"state": network.state_dict(), "images": images, "logits": network(images)}
        torch.save(saved, tmp_path / f"net{number}.pt")
        text = source(spec, budget(spec).total_params)
        (tmp_path / f"net{number}.py").write_text(text, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-c", CHECK.format(count=len(SPECS))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    assert "99,060 parameters" in run.stdout
    assert run.stdout.endswith("all equal\n")
