"""What the sample report says, quoted, so that it can be held against what is measured."""

QUESTIONS = {
    "1-1": "The architecture of the student network",
    "1-2": "Its torchsummary table; the total must not exceed the limit",
    "2-1": "loss_fn_kd, the knowledge-distillation loss",
    "2-2": "What is true of the temperature T?",
    "3-1": "Pruning ratio against accuracy of the teacher",
    "3-2": "Do structured and unstructured pruning differ in inference speed, and why?",
}

LOSS = """\
def loss_fn_kd(student_logits, labels, teacher_logits, alpha=0.5, temperature=1.0):
    kl_loss = nn.KLDivLoss(reduction="batchmean", log_target=True)
    CE_loss = nn.CrossEntropyLoss()
    p = F.log_softmax(student_logits / temperature, dim=1)
    q = F.log_softmax(teacher_logits / temperature, dim=1)
    loss=alpha * (temperature**2) * kl_loss(p, q) + (1-alpha) * CE_loss(student_logits,labels)

    return loss
"""
"""The sample report's answer 2-1."""

TEMPERATURE = "Using a higher value for T produces a softer probability distribution over classes."
"""The sample report's answer 2-2."""

SPEED = (
    "Structured pruning can more effectively improve the inference speed of the model [...], while unstructured "
    "pruning [...] the inference speed is not significantly improved."
)
"""The heart of the sample report's answer 3-2."""

SIZE = "reduces the number of parameters"
"""What it says there of unstructured pruning besides."""
