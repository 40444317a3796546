"""Networks as graphs: the kinds that can be built, and all that is derived from the graph of any of them."""

from explorer.networks.builders import (
    MAX_CLASSES,
    MAX_WIDTH,
    Builder,
    NetworkSpec,
    all_builders,
    builder_of,
    checked_int,
)
from explorer.networks.counts import maskable_weights, nonzero_count, parameter_count
from explorer.networks.graph import OPERATORS, NetworkGraph, graph_of, sides
from explorer.networks.groups import ChannelGroup, Member, Role, channel_groups, is_depthwise
from explorer.networks.recognise import groups_of_spec, load_weights, recognise
from explorer.networks.resize import Kept, remove, with_widths, zero
from explorer.networks.resnet import ResNetSpec, resnet18_teacher
from explorer.networks.studentnet import StudentNet, StudentSpec

__all__ = [
    "MAX_CLASSES",
    "MAX_WIDTH",
    "OPERATORS",
    "Builder",
    "ChannelGroup",
    "Kept",
    "Member",
    "NetworkGraph",
    "NetworkSpec",
    "ResNetSpec",
    "Role",
    "StudentNet",
    "StudentSpec",
    "all_builders",
    "builder_of",
    "channel_groups",
    "checked_int",
    "graph_of",
    "groups_of_spec",
    "is_depthwise",
    "load_weights",
    "maskable_weights",
    "nonzero_count",
    "parameter_count",
    "recognise",
    "remove",
    "resnet18_teacher",
    "sides",
    "with_widths",
    "zero",
]
