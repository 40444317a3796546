"""Networks as graphs: the kinds that can be built, and all that is derived from the graph of any of them."""

from explorer.networks.archive import OpenedArchive, open_archive, open_pt2
from explorer.networks.assumed import assumed
from explorer.networks.builders import (
    MAX_CLASSES,
    MAX_WIDTH,
    Builder,
    NetworkSpec,
    all_builders,
    builder_of,
    checked_int,
    describe,
    widths_text,
    wiring_of,
)
from explorer.networks.cost import (
    COUNTED,
    Cost,
    CostModel,
    check_size,
    cost_model,
    cost_model_of_spec,
    cost_of,
    cost_of_network,
    params_of,
)
from explorer.networks.counts import (
    ShapesAlone,
    maskable_weights,
    nonzero_count,
    parameter_count,
    without_numbers,
)
from explorer.networks.feeding import why_not_fed
from explorer.networks.flow import Role, depthwise_layers
from explorer.networks.fold import fold_batchnorm
from explorer.networks.graph import OPERATORS, NetworkGraph, graph_of, image_channels, sides
from explorer.networks.graphspec import GraphSpec, spec_of
from explorer.networks.groups import ChannelGroup, Member, channel_groups, class_count, unsliceable
from explorer.networks.parts import group_titles, layers_in_words, parts_of
from explorer.networks.pieces import Piece, pieces
from explorer.networks.recognise import groups_of_spec, load_weights, recognise
from explorer.networks.resize import Kept, remove, with_widths, zero
from explorer.networks.resnet import ResNetSpec, resnet18_teacher
from explorer.networks.source import source_code, source_of_spec
from explorer.networks.studentnet import StudentNet, StudentSpec

__all__ = [
    "COUNTED",
    "MAX_CLASSES",
    "MAX_WIDTH",
    "OPERATORS",
    "Builder",
    "ChannelGroup",
    "Cost",
    "CostModel",
    "GraphSpec",
    "Kept",
    "Member",
    "NetworkGraph",
    "NetworkSpec",
    "OpenedArchive",
    "Piece",
    "ResNetSpec",
    "Role",
    "ShapesAlone",
    "StudentNet",
    "StudentSpec",
    "all_builders",
    "assumed",
    "builder_of",
    "channel_groups",
    "check_size",
    "checked_int",
    "class_count",
    "cost_model",
    "cost_model_of_spec",
    "cost_of",
    "cost_of_network",
    "depthwise_layers",
    "describe",
    "fold_batchnorm",
    "graph_of",
    "group_titles",
    "groups_of_spec",
    "image_channels",
    "layers_in_words",
    "load_weights",
    "maskable_weights",
    "nonzero_count",
    "open_archive",
    "open_pt2",
    "parameter_count",
    "params_of",
    "parts_of",
    "pieces",
    "recognise",
    "remove",
    "resnet18_teacher",
    "sides",
    "source_code",
    "source_of_spec",
    "spec_of",
    "unsliceable",
    "why_not_fed",
    "widths_text",
    "wiring_of",
    "with_widths",
    "without_numbers",
    "zero",
]
