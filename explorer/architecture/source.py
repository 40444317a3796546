"""The code of one StudentNet as a self-contained file, in the report's own shape."""

from explorer.networks import StudentSpec

_TEMPLATE = '''"""StudentNet ({stem}; {listed}), {classes} classes: {params:,} parameters."""

import torch
from torch import nn


def dwpw_conv(in_channels, out_channels, kernel_size={kernel}, stride=1, bias={bias}):
    """Depthwise convolution, then pointwise, each with BatchNorm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(
            in_channels,
            in_channels,
            kernel_size,
            stride=stride,
            padding=kernel_size // 2,
            bias=bias,
            groups=in_channels,
        ),
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(in_channels, out_channels, 1, bias=bias),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class StudentNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, {stem}, kernel_size=7, stride=2, padding=3, bias={bias})
        self.bn1 = nn.BatchNorm2d({stem})
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)

{layers}

        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear({last}, {classes})

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def get_student_model():
    return StudentNet()


if __name__ == "__main__":
    model = get_student_model()
    total = sum(parameter.numel() for parameter in model.parameters())
    print(f"{{total:,}} parameters")
    assert total == {params}
'''


def source(spec: StudentSpec, params: int) -> str:
    """Python source of ``StudentNet`` and ``get_student_model()`` for ``spec``, which has ``params``."""
    layers = "\n".join(
        f"        self.layer{number} = dwpw_conv({inputs}, {outputs}"
        + (f", stride={stride})" if stride > 1 else ")")
        for number, (inputs, outputs, stride) in enumerate(spec.blocks, start=1)
    )
    return _TEMPLATE.format(
        stem=spec.stem,
        listed=", ".join(map(str, spec.widths)),
        classes=spec.classes,
        kernel=spec.kernel,
        bias=spec.conv_bias,
        layers=layers,
        last=spec.widths[-1],
        params=params,
    )
