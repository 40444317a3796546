"""Whether a network has its classes in another order than the images."""

from torch import Tensor

from explorer.measure.accuracy import Accuracy

KNOWS = (
    0.1  # of the way from chance to all right: so much at least a network knows whose order is worth a word
)


def other_order(scores: Tensor, labels: Tensor) -> tuple[int, ...]:
    """The order of the classes under which a network is right far more often; empty if there is none.

    A network that has learnt the classes under other numbers is as sure and as consistent as any, but its answers are
    wrong. So the order that suits it best is read off every second image, and counts only if it does better on the
    others, which had no say in it: its 95% interval lies above that of the labels' own order, and well above chance.

    Args:
        scores: logits (N, classes).
        labels: (N,).

    Returns:
        For each logit the label that it seems to stand for.
    """
    answers, classes = scores.argmax(1), scores.shape[1]
    table = (labels[::2] * classes + answers[::2]).bincount(minlength=classes**2).view(classes, classes)
    order = list(range(classes))
    free_labels, free_logits = set(order), set(order)
    # The surest pairs first: of the images of a label the largest share with one answer.
    shares = table / table.sum(1, keepdim=True).clamp(min=1)
    for position in shares.flatten().argsort(descending=True, stable=True).tolist():
        label, logit = divmod(position, classes)
        if table[label, logit] and label in free_labels and logit in free_logits:
            order[logit] = label
            free_labels.remove(label)
            free_logits.remove(logit)
    rest = free_labels & free_logits  # classes of which nothing is known stay where they are, if they can
    for logit in rest:
        order[logit] = logit
    for logit, label in zip(sorted(free_logits - rest), sorted(free_labels - rest), strict=True):
        order[logit] = label
    answers, labels = answers[1::2], labels[1::2]
    if not len(labels):
        return ()
    own = Accuracy(int((answers == labels).sum()), len(labels))
    other = Accuracy(int((answers.new_tensor(order)[answers] == labels).sum()), len(labels))
    low, chance = other.interval()[0], 1 / classes
    return tuple(order) if low > own.interval()[1] and low > chance + KNOWS * (1 - chance) else ()
