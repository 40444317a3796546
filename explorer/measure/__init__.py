"""What a network does and costs, measured: logits, accuracy with its interval, milliseconds, bytes.

Every figure says how it was got: accuracies are counts of real predictions on real images,
latencies are clock readings.
"""

from explorer.measure.accuracy import LEVEL, Accuracy, Paired, accuracy, paired
from explorer.measure.clock import (
    BUSY,
    PATIENCE,
    Latency,
    cpu_time,
    keep_freed_memory,
    latencies,
    others_between,
)
from explorer.measure.devices import (
    describe_machine,
    devices,
    has_bfloat16,
    spared,
    spared_core,
    use_threads,
    with_threads,
)
from explorer.measure.forward import BATCH, at_once, eval_mode, logit_batches, logits
from explorer.measure.order import other_order
from explorer.measure.sizes import state_bytes, zipped_bytes
from explorer.measure.speed import forward_speed

__all__ = [
    "BATCH",
    "BUSY",
    "LEVEL",
    "PATIENCE",
    "Accuracy",
    "Latency",
    "Paired",
    "accuracy",
    "at_once",
    "cpu_time",
    "describe_machine",
    "devices",
    "eval_mode",
    "forward_speed",
    "has_bfloat16",
    "keep_freed_memory",
    "latencies",
    "logit_batches",
    "logits",
    "other_order",
    "others_between",
    "paired",
    "spared",
    "spared_core",
    "state_bytes",
    "use_threads",
    "with_threads",
    "zipped_bytes",
]
