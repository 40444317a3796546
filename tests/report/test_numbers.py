"""Every number of a report is read back out of its files and computed anew, by other means than the engine's."""

import copy
import io
import json
import math
import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
import torch
import torchsummary
from pypdf import PdfReader
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.utils import prune

from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.networks import StudentNet, StudentSpec
from explorer.report.answers import answer_questions
from explorer.report.document import TITLE, ReportDocument
from explorer.report.pdf import to_pdf
from explorer.report.render import to_html, to_markdown, to_numbers
from explorer.report.subject import ReportSubject
from tests.stored import stored_logits
from tests.test_ledger import DENSE

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?%?(?![\w])")
RATIOS = (0.0, 0.3, 0.6, 0.95)
TIMES = {"dense": 8.0, "unstructured": 9.1, "masked": 9.3, "zeroed": 8.05, "sliced": 3.3}


@pytest.fixture(scope="module")
def subject(state: ReportSubject) -> ReportSubject:
    """With the homework's curve alone: of random masks nobody else can say which weights they take.

    Times are given: nobody can take them again.
    """
    assert state.forms is not None
    timed = tuple(
        replace(
            form,
            ms=TIMES[form.name],
            ms_low=TIMES[form.name] - 0.1,
            ms_high=TIMES[form.name] + 0.1,
            busy=False,
        )
        for form in state.forms.rows
    )
    return replace(state, sweep=None, forms=replace(state.forms, rows=timed))


def numbers_in(text: str) -> set[str]:
    return {number.rstrip(",") for number in NUMBER.findall(text)}


def written(subject: ReportSubject) -> ReportDocument:
    return ReportDocument(TITLE, subject.first_line, answer_questions(subject), "2026-01-01", "2.x")


def sections(subject: ReportSubject) -> dict[str, str]:
    """The words and tables of the HTML, without listings and drawings, by the section's key."""
    html = re.sub(r"<(pre|svg)\b.*?</\1>", " ", to_html(written(subject)), flags=re.DOTALL)
    found = re.findall(r'<section id="(\w[\w-]*)">(.*?)</section>', html, flags=re.DOTALL)
    return {key: unescape(re.sub(r"<[^>]+>", " ", part)) for key, part in found}


def parameters(spec: StudentSpec) -> int:
    return sum(parameter.numel() for parameter in StudentNet(spec).parameters())


def loss(alpha: float, temperature: float) -> float:
    """Straight from the definition, in numpy."""
    v, z = (stored_logits(name).double().numpy() for name in ("teacher", "student-60k-kd"))
    labels = BUNDLED.load("validation").targets().numpy()

    def softened(logits: np.ndarray, by: float) -> np.ndarray:
        powers = np.exp(logits / by - (logits / by).max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)

    p, q = softened(v, temperature), softened(z, temperature)
    soft = (p * (np.log(p) - np.log(q))).sum(1).mean()
    hard = -np.log(softened(z, 1.0)[np.arange(len(labels)), labels]).mean()
    return float(alpha * temperature**2 * soft + (1 - alpha) * hard)


def entropies(temperature: float) -> tuple[float, float, float]:
    """Mean entropy, mean effective classes, mean largest probability of the teacher."""
    p = torch.softmax(stored_logits("teacher").double() / temperature, 1)
    each = torch.special.entr(p).sum(1)
    return each.mean().item(), each.exp().mean().item(), p.max(1).values.mean().item()


def homework_counts() -> dict[float, tuple[int, int]]:
    """Right answers, and parameters that are not zero, after torch's own pruning as the homework calls it."""
    images = BUNDLED.load("validation").select(slice(40))
    found = {}
    for ratio in RATIOS:
        model = copy.deepcopy(load("student-60k"))
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                prune.l1_unstructured(module, "weight", amount=ratio)
                prune.remove(module, "weight")
        with torch.no_grad():
            right = int((model(images.inputs()).argmax(1) == images.targets()).sum())
        found[ratio] = right, sum(int(torch.count_nonzero(each)) for each in model.parameters())
    return found


def wilson(right: int, total: int) -> tuple[float, float]:
    z = 1.959963984540054
    share, spread = right / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / total / 4) / (1 + spread)
    return middle - half, middle + half


def test_every_number_on_the_network_is_counted_anew(subject: ReportSubject) -> None:
    text, spec = sections(subject), subject.spec
    assert isinstance(spec, StudentSpec)
    network, params = StudentNet(spec), parameters(spec)
    kinds = [type(module).__name__ for module in network.modules()]
    depthwise = sum(isinstance(module, nn.Conv2d) and module.groups > 1 for module in network.modules())
    counts = {str(kinds.count(kind)) for kind in ("Conv2d", "BatchNorm2d", "Linear")}
    shape = {str(width) for width in (spec.stem, *spec.widths, spec.classes)}
    assert numbers_in(text["q1-1"]) - {"1-1"} == {*counts, *shape, str(depthwise), f"{params:,}", *"1"}
    heaviest = max(
        sum(each.numel() for each in module.parameters(recurse=False)) for module in network.modules()
    )
    said = {f"{params:,}", "60,000", f"{60_000 - params:,}", f"{heaviest:,}"}
    assert numbers_in(text["q1-2"]) == said | {"1", "2", "3", "224"}, "1-2, and 3 x 224 x 224"
    tight = sections(replace(subject, limit=50_000))["q1-2"]
    widths, said = re.search(r"is \(([\d;, ]+)\), ([\d,]+) parameters", tight).groups()  # type: ignore[union-attr]
    stem, *blocks = (int(width) for width in re.findall(r"\d+", widths))
    nearest = parameters(StudentSpec(stem, tuple(blocks)))
    assert f"{nearest:,}" == said
    assert 45_000 < nearest <= 50_000


def test_every_number_on_distillation_is_computed_anew(subject: ReportSubject) -> None:
    text = sections(subject)
    said = {f"{loss(0.5, 1.0):.4f}", f"{loss(0.9, 3.0):.4f}", "0.5", "1", "0.9", "3", "5,000"}
    assert numbers_in(text["q2-1"]) - {"2", "1"} == said - {"1"}
    rows = {"0.5 1", "0.9 4", "0.1 2", "0 4", "1 8", "0.9 3"}
    for row in rows:
        value = f"{loss(*map(float, row.split())):.6f}"
        assert f" {row} {value} {value} " in " ".join(text["appendix"].split())
    first, last = entropies(1.0), entropies(16.0)
    assert numbers_in(text["q2-2"]) - {"2"} == {
        *(f"{first[0]:.3f}", f"{last[0]:.3f}", f"{first[2]:.1%}", f"{last[2]:.1%}", f"{math.log(10):.3f}"),
        *("1", "16", "5,000"),
    }
    facts = json.loads(to_numbers(ReportDocument(TITLE, "", answer_questions(subject), "", "")))["answers"]
    assert facts["2-1"]["loss"] == pytest.approx(loss(0.5, 1.0), abs=1e-9)
    assert facts["2-1"]["own loss"] == pytest.approx(loss(0.9, 3.0), abs=1e-9)
    for step in (1, 2, 3, 4, 8, 16):
        values = entropies(step)
        assert facts["2-2"][f"entropy at T {step}"] == pytest.approx(values[0], abs=1e-4)
        row = f"{step}  {values[0]:.4f}  {values[1]:.3f}  {values[2]:.1%}"
        assert (
            row.split()
            == re.search(rf"(?<!\S){step} +{values[0]:.4f}[ \d.%]*?%", text["appendix"]).group().split()
        )  # type: ignore[union-attr]


def test_every_number_on_pruning_is_measured_anew(subject: ReportSubject) -> None:
    text, counts = sections(subject), homework_counts()
    right = {ratio: correct for ratio, (correct, _) in counts.items()}
    cheap = max(
        (
            ratio
            for ratio in RATIOS[1:]
            if all(right[each] >= right[0.0] - 0.4 for each in RATIOS if each <= ratio)
        ),
        default=None,
    )
    assert cheap is not None, "or the sentence has another number"
    guessing = [
        ratio for ratio in RATIOS if wilson(right[ratio], 40)[0] <= 0.1 <= wilson(right[ratio], 40)[1]
    ]
    said = {f"{right[0.0] / 40:.1%}", "40", "1", f"{cheap:.0%}", f"{right[0.95] / 40:.1%}", "95%"}
    said |= {"10.0%", "10", f"{min(guessing):.0%}"} if guessing else set()
    assert numbers_in(text["q3-1"]) - {"3", "60,000"} == said, "3-1, the title of the network, and these"
    for ratio, (correct, nonzero) in counts.items():
        low, high = wilson(correct, 40)
        row = f"{ratio:.0%} none {correct / 40:.1%} {low:.1%} {high:.1%} {nonzero:,} {parameters_of('student-60k'):,}"
        assert row in " ".join(text["appendix"].split())
    assert subject.forms is not None
    named = {form.name: form for form in subject.forms.rows}
    dense = named["dense"]
    assert dense.ms is not None
    lost = {f"{100 * (dense.correct - form.correct) / 40:.1f}" for form in named.values()}
    said = {f"{dense.correct / 40:.1%}", "40", "50%", "32", "1", f"{dense.ms:.2f}", *lost - {"0.0"}}
    said |= {f"{form.correct / 40:.1%}" for form in named.values() if form.name != "zeroed"}
    said |= {str(named[name].correct) for name in ("unstructured", "masked", "zeroed")}
    said |= {f"{dense.ms / TIMES[name]:.2f}" for name in TIMES if name != "dense"}
    said |= {f"{named[name].file_bytes / 1e6:.2f}" for name in ("unstructured", "masked", "sliced")}
    shares = [wilson(form.correct, 40) for form in named.values()]
    said |= {"10.0%", "10"} if any(low <= 0.1 <= high for low, high in shares) else set()
    assert numbers_in(text["q3-2"]) - {"3", "2", "60,000"} == said
    masks = {
        name: torch.ones_like(each)
        for name, each in load("student-60k").named_parameters()
        if each.dim() == 4
    }
    assert dense.file_bytes == file_size(load("student-60k").state_dict())
    assert named["unstructured"].file_bytes == pytest.approx(
        file_size(load("student-60k").state_dict() | {f"{name}_mask": mask for name, mask in masks.items()}),
        abs=900,
    ), "names of layers are a little longer"
    for form in named.values():
        row = [form.name, f"{form.correct / 40:.1%}", f"{form.params:,}", f"{form.torchinfo_params:,}"]
        row += [f"{each:.2f}" for each in (TIMES[form.name], TIMES[form.name] - 0.1, TIMES[form.name] + 0.1)]
        row += [f"{form.mult_adds:,}", f"{form.file_bytes / 1e6:.2f}", f"{form.zipped_bytes / 1e6:.2f}"]
        found = re.search(rf"(?<!\S){form.name}\s(?:[^a-z]*)", text["appendix"])
        assert found is not None
        assert set(row) <= set(found.group().split()), form.name
    assert named["unstructured"].correct == hooked(0.5)


def parameters_of(name: str) -> int:
    return sum(parameter.numel() for parameter in load(name).parameters())


def file_size(state: dict[str, Tensor]) -> int:
    return len(save(state))


def hooked(ratio: float) -> int:
    """Right answers of the homework's masks on the test images of the fixture."""
    model, images = copy.deepcopy(load("student-60k")), BUNDLED.load("test").stratified(40)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            prune.l1_unstructured(module, "weight", amount=ratio)
    with torch.no_grad():
        answers: Tensor = model(images.inputs()).argmax(1)
    return int((answers == images.targets()).sum())


def test_the_torchsummary_listing_is_what_torchsummary_prints(
    subject: ReportSubject, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = subject.spec
    assert isinstance(spec, StudentSpec)
    torchsummary.summary(StudentNet(spec), (3, 224, 224), device="cpu")
    printed = capsys.readouterr().out.split()
    (listing,) = re.findall(
        r"(-{60,}\n +Layer \(type\).*?)</code>", to_html(written(subject)), flags=re.DOTALL
    )
    assert listing.split() == printed


def test_the_ledger_has_the_numbers_of_its_rows(subject: ReportSubject) -> None:
    document = ReportDocument(TITLE, "", answer_questions(subject), "2026-01-01", "2.x", (DENSE,))
    (part,) = re.findall(r'<section id="ledger">.*?<tbody>(.*?)</tbody>', to_html(document), flags=re.DOTALL)
    assert DENSE.ms is not None
    assert DENSE.batch is not None
    assert numbers_in(re.sub(r"<[^>]+>", " ", part)) - numbers_in(f"{DENSE.title} {DENSE.images}") == {
        *(f"{DENSE.params:,}", f"{DENSE.nonzero:,}", f"{DENSE.mult_adds:,}", f"{DENSE.ms / DENSE.batch:.3f}"),
        *(f"{DENSE.correct / DENSE.total:.1%}", f"{DENSE.total:,}"),
    }


def test_markdown_and_pdf_have_the_numbers_of_the_html_and_no_others(subject: ReportSubject) -> None:
    document = written(subject)
    html = numbers_in(" ".join(sections(subject).values()))
    markdown = re.sub(r"```.*?```|!\[.*?\]\(.*?\)", " ", to_markdown(document), flags=re.DOTALL)
    _, *parts = markdown.replace("*", " ").split("\n## ")
    assert numbers_in(" ".join(parts)) == html
    # Rows of tables are cut off the page's number; the drawings' words are of the figures, not of the text.
    pages = PdfReader(io.BytesIO(to_pdf(document))).pages
    listings = numbers_in(" ".join(block.text for block in document.listings))
    drawn = numbers_in(" ".join(re.sub(r"<[^>]+>", " ", figure) for figure in document.figures().values()))
    around = numbers_in(f"{document.title} {document.first_line} {document.stamp} 1 2 3 4")
    found = numbers_in(" ".join(page.extract_text() for page in pages))
    assert html <= found
    assert found <= html | listings | drawn | around
