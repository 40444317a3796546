"""A rounded network to take home: one HTML page that runs it."""

from explorer.bits.network import round_network
from explorer.bits.rounding import Rounding, describe_rounding
from explorer.bits.sweep import BitsRow
from explorer.data import DataSet
from explorer.onefile import Described, html_file
from explorer.selection import USE
from explorer.work.progress import follow
from explorer.workspace import NetworkSource


def rounded_page(source: NetworkSource, data: DataSet, rounding: Rounding, row: BitsRow | None) -> bytes:
    """A network with rounded weights as an HTML page that runs it by itself; its codes are what is in the file.

    Args:
        source: the network before.
        data: whose images are in the page.
        rounding: of the weights.
        row: what was counted of it, its activations in float32; None where nobody has.

    Raises:
        ExplorerError: the network uses something that a page cannot compute.
    """
    network, noun = round_network(source.load(), rounding), data.noun(USE)
    counted = (
        ""
        if row is None
        else f"Torch gets {row.correct:,} of {row.total:,} {noun}s right, {row.accuracy.value:.1%}; "
        f"{row.dense_correct / row.total:.1%} before rounding."
    )
    sentences = (
        f"{describe_rounding(rounding).capitalize()}: {network.stored_bytes / 1e3:,.0f} kB instead of "
        f"{network.float_bytes / 1e3:,.0f} kB. BatchNorm is folded into the convolutions.",
        counted,
        f"The photographs are {noun}s of {data.provenance}.",
    )
    images = follow(data.read(USE), lambda update: None)
    described = Described(
        f"{source.card.title}, weights of {rounding.bits} bits", tuple(filter(None, sentences))
    )
    return html_file(network.model, images, described, network.codes)
