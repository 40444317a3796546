"""What is made of the user's file, in this process: what is chosen in it, and every sentence that refuses it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from torch import nn

from explorer.user_code.child import (
    STAGES,
    Refusal,
    answer,
    build,
    choose,
    export,
    fill,
    import_file,
    is_users,
    try_images,
    users_files,
)

NET = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3)

    def forward(self, x):
        return self.conv(x).relu()

class Net(nn.Module):
    def __init__(self, num_classes=5):
        super().__init__()
        self.block = Block(3, 4)
        self.fc = nn.Linear(4, num_classes)

    def forward(self, x):
        return self.fc(self.block(x).mean((2, 3)))

def get_net():
    return Net(7)
"""


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """The search path and the modules of this process as they were before a file was imported into it."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith("torch"):
            del sys.modules[name]


def write(folder: Path, text: str, name: str = "student.py") -> Path:
    file = folder / name
    file.write_text(dedent(text), encoding="utf-8")
    return file


def made(file: Path, name: str = "", classes: int | None = None) -> nn.Module:
    module: nn.Module = build(choose(import_file(file), name, file.name), classes, file.parent)
    return module


def refused(file: Path, name: str = "", classes: int | None = None, size: int = 16) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        export(model := made(file, name, classes), try_images(model, size, file.parent), file.parent)
    assert "\n" not in refusal.value.sentence
    assert refusal.value.sentence.endswith(".")
    return refusal.value


def test_the_class_that_needs_no_arguments_is_the_network(tmp_path: Path) -> None:
    model = made(write(tmp_path, NET))
    assert type(model).__name__ == "Net"
    assert not model.training


def test_a_function_a_class_or_a_module_is_taken_by_its_name(tmp_path: Path) -> None:
    file = write(tmp_path, f"{NET}\nready = Net(3).train()\n")
    assert [made(file, name).fc.out_features for name in ("Net", "get_net", "ready")] == [5, 7, 3]
    assert not made(file, "ready").training
    assert made(file, "Net", 11).fc.out_features == 11, "--classes goes to the argument of that meaning"


def test_without_a_class_that_is_ready_the_only_function_is_taken(tmp_path: Path) -> None:
    file = write(tmp_path, NET.replace("num_classes=5", "num_classes"))
    assert made(file).fc.out_features == 7


def test_what_lies_beside_the_file_is_imported_and_noted(tmp_path: Path) -> None:
    write(tmp_path, "width = 6\n", "sizes_of_mine.py")
    file = write(tmp_path, "from sizes_of_mine import width\n" + NET.replace("(3, 4)", "(3, width)"))
    assert made(file).block.conv.out_channels == 6
    assert users_files(tmp_path) == ["sizes_of_mine.py", "student.py"]


def test_a_file_with_the_name_of_a_module_takes_no_ones_place(tmp_path: Path) -> None:
    import json

    assert type(made(write(tmp_path, NET, "json.py"))).__name__ == "Net"
    assert sys.modules["json"] is json


def test_the_file_is_imported_and_not_run_as_a_program(tmp_path: Path) -> None:
    made(write(tmp_path, f"{NET}\nif __name__ == '__main__':\n    raise RuntimeError\n"))


@pytest.mark.parametrize(
    ("text", "name", "sentence"),
    [
        ("x = 1", "", "student.py has no class of torch.nn.Module and no function that builds one."),
        ("x = 1", "Net", "student.py has no 'Net'."),
        (NET, "Nett", "student.py has no 'Nett'; there are Block, Net, get_net."),
        (NET, "nn", "torch.nn is a module, not a class or a function that builds a network."),
        (
            f"{NET}\nclass Other(Net):\n    pass\n",
            "",
            "student.py has several that could be the network: name one of Block, Net, get_net, Other, as in "
            "student.py:Other.",
        ),
        (
            NET,
            "Block",
            "Block needs arguments (inputs, outputs): give them defaults, or write a function without arguments that "
            "builds it.",
        ),
        ("def get():\n    return 3", "", "get gives a int, not a network."),
        (
            "import sys\nsys.exit()",
            "",
            "student.py cannot be imported: student.py, line 2: it ends the program (sys.exit).",
        ),
        ("def f(:", "", "student.py cannot be imported: student.py, line 1: SyntaxError: invalid syntax."),
        ("import nowhere_at_all", "", "ModuleNotFoundError: No module named 'nowhere_at_all'."),
        (
            NET.replace("nn.Linear(4", "nn.Lin(4"),
            "",
            "Net cannot be built: student.py, line 17: AttributeError: module",
        ),
        (
            NET.replace("Linear(4", "Linear(9"),
            "",
            "Net does not take images of 3 x 16 x 16: student.py, line 20: RuntimeError",
        ),
        (
            NET.replace(".mean((2, 3))", "").replace("self.fc(", "("),
            "",
            "Net gives a tensor of shape (2, 4, 14, 14) for 2 images, not logits of shape (2, classes).",
        ),
        (
            NET.replace("return self.fc(", "return 0, self.fc("),
            "",
            "Net gives a tuple, not one tensor of logits.",
        ),
        (
            NET.replace("return self.fc(", "x = self.fc(") + "",
            "",
            "Net gives a NoneType, not one tensor of logits.",
        ),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(
    text: str, name: str, sentence: str, tmp_path: Path
) -> None:
    assert sentence in refused(write(tmp_path, text), name).sentence


def test_a_number_of_classes_for_what_takes_none_is_refused(tmp_path: Path) -> None:
    assert (
        refused(write(tmp_path, NET), "get_net", 11).sentence
        == "get_net takes no number of classes: leave it out."
    )


def test_a_wrong_line_is_shown_as_python_says_it_and_nothing_of_ours(tmp_path: Path) -> None:
    trace = refused(write(tmp_path, NET.replace("Conv2d(inputs, outputs, 3)", "Conv2d(inputs)"))).trace
    assert trace.startswith('Traceback (most recent call last):\n  File "student.py", line 16, in __init__\n')
    assert '  File "student.py", line 8, in __init__\n    self.conv = nn.Conv2d(inputs)\n' in trace
    assert trace.splitlines()[-1].startswith(
        "TypeError: Conv2d.__init__() missing 2 required positional arguments"
    )
    assert "child.py" not in trace
    assert str(tmp_path) not in trace


def test_a_syntax_error_is_shown_with_its_line(tmp_path: Path) -> None:
    trace = refused(write(tmp_path, "x = (1,\ny = 2\n")).trace
    assert trace.startswith('File "student.py", line 1\n    x = (1,\n        ^\n')
    assert trace.endswith("SyntaxError: '(' was never closed")


def test_memory_that_is_refused_is_said(tmp_path: Path) -> None:
    refusal = refused(write(tmp_path, "raise MemoryError"))
    assert (
        refusal.sentence
        == "student.py cannot be imported: student.py, line 1: it needs more memory than it may have."
    )


@pytest.mark.parametrize(
    ("forward", "sentence"),
    [
        (
            "x = self.block(x).mean((2, 3))\n        if x.sum() > 0:\n            x = x + 1\n        return self.fc(x)",
            "Net is no graph: its forward pass depends on the values of the image (student.py, line 21).",
        ),
        (
            "return self.fc(self.block(x).mean((2, 3)).view(2, -1))",
            "Net takes only one number of images at once: write x.flatten(1) or x.view(x.size(0), -1), without int().",
        ),
        (
            "return self.fc(torch.tensor(self.block(x).mean((2, 3)).detach().numpy()))",
            "Net cannot be exported as one graph: student.py, line 20: RuntimeError: .numpy() is not supported for "
            "tensor subclasses.",
        ),
    ],
)
def test_what_is_no_graph_is_told_why(forward: str, sentence: str, tmp_path: Path) -> None:
    text = NET.replace("return self.fc(self.block(x).mean((2, 3)))", forward)
    assert refused(write(tmp_path, text)).sentence == sentence


def test_a_checkpoint_of_another_network_is_told_by_its_first_misfit(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    model = made(write(tmp_path, NET))
    state = dict(model.state_dict())
    save_file({key: value + 1 for key, value in state.items()}, tmp_path / "fits")
    fill(model, tmp_path / "fits")
    assert torch.equal(model.fc.bias, state["fc.bias"])
    del state["fc.bias"]
    save_file(state, tmp_path / "lacks")
    with pytest.raises(Refusal, match=r"does not fit Net: Missing key\(s\) in state_dict: \"fc.bias\"\.$"):
        fill(model, tmp_path / "lacks")


def test_a_network_of_grey_images_is_exported_with_them(tmp_path: Path) -> None:
    file = write(tmp_path, NET.replace("Block(3, 4)", "Block(1, 4)"))
    assert try_images(made(file), 28, tmp_path).shape == (2, 1, 28, 28)


def test_an_environment_in_the_users_folder_is_not_theirs() -> None:
    folder = Path("/home/me/work")
    assert is_users("/home/me/work/nets/net.py", folder)
    assert not is_users("/home/me/work/.venv/lib/python3.12/site-packages/timm/net.py", folder)
    assert not is_users("/usr/lib/python3/json.py", folder)


def test_whatever_else_goes_wrong_is_an_answer_too(tmp_path: Path) -> None:
    file = write(tmp_path, f"{NET}\ndef odd():\n    pass\nodd.__signature__ = 3\n")
    request = {"file": str(file), "name": "odd", "classes": None, "size": 16, "weights": None}
    said: list[str] = []
    told = answer(request, said.append)
    assert told["problem"].startswith("student.py cannot be used: ")
    fine = request | {"name": "Net", "out": str(tmp_path / "net.pt2")}
    assert answer(fine, said.append) == {"name": "Net", "files": ["student.py"]}
    assert said == [STAGES[1], *STAGES[1:]]
    assert answer(fine | {"out": str(tmp_path / "no" / "net.pt2")}, said.append)["problem"].endswith(".")
