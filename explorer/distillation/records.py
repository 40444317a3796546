"""The best of what ships under a limit: chosen on validation images, told with what it reaches on test images."""

from collections.abc import Iterable

from explorer.checkpoints import Card


def best_under(cards: Iterable[Card], limit: int) -> Card | None:
    """Of the networks of at most so many parameters the one that is best on the validation images.

    Never chosen by the test images: the best of several there would owe its place to them. None if there is none.
    """
    small = [
        card for card in cards if card.params <= limit and card.measured and card.validation_accuracy > 0
    ]
    return max(small, key=lambda card: card.validation_accuracy, default=None)


def record_verdict(cards: Iterable[Card], limit: int) -> str:
    """Sentences: the best under a limit, how it was trained, and what the same design does with labels alone."""
    cards = list(cards)
    best = best_under(cards, limit)
    if best is None:
        return ""
    low, high = best.test_interval
    text = (
        f"Of the networks that ship with at most {limit:,} parameters the best on the validation images "
        f"({best.validation_accuracy:.2%} of them) is **{best.title}**: "
        f"**{best.test_accuracy:.2%}** of the {best.images:,} test images (95% Wilson {low:.1%} to {high:.1%})."
    )
    if not best.distillation:
        return text
    alone = [
        card
        for card in cards
        if not card.distillation and (card.network, card.spec) == (best.network, best.spec) and card.measured
    ]
    if not alone:
        return f"{text} The same design with labels alone does not ship, so what of it is the teacher's is not known."
    twin = max(alone, key=lambda card: card.validation_accuracy)
    text += f" The same design with labels alone reaches {twin.test_accuracy:.2%}: "
    if twin.recipe == best.recipe:
        return f"{text}the teacher is the only difference between them."
    ours, others = best.recipe["epochs"], twin.recipe["epochs"]
    schedule = f"{ours} epochs instead of {others}" if ours != others else "another schedule"
    return f"{text}so much do the teacher and {schedule} bring together; how much is the teacher's it does not tell."
