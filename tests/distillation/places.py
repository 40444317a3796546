"""Where the distillation lesson shows what: the keys of a link that open it."""

PLACES = {
    "Soften": {"distillation_tab": "Soften"},
    "The class it never saw": {"distillation_tab": "The class it never saw"},
    **{
        name: {"distillation_tab": "Why it works", "why": name}
        for name in ("Dark knowledge", "Why T²", "Spot the bug")
    },
    **{
        name: {"distillation_tab": "Does it help?", "help": name}
        for name in ("When it helps", "Whose mistakes", "Alpha and T", "Distil it now", "Calibration")
    },
}
