"""What the controls of the distillation lesson have chosen."""

from dataclasses import dataclass

from torch import Tensor

from explorer.data import ImageSet


@dataclass(frozen=True, eq=False)
class DistillationSelection:
    """What the controls of the page have chosen.

    ``alpha`` is the weight of the soft term in either convention; ``alpha_weighs_soft`` says whether
    the page calls it so. Logits are (N, C), of all ``images``. Without a student its name is empty
    and its logits are the teacher's.
    """

    images: ImageSet
    position: int
    teacher_name: str
    student_name: str
    teacher_logits: Tensor
    student_logits: Tensor
    temperature: float = 1.0
    alpha: float = 0.5
    reverse: bool = False
    alpha_weighs_soft: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The teacher's name and the student's, if there is one."""
        return tuple(name for name in (self.teacher_name, self.student_name) if name)

    @property
    def label(self) -> int:
        """The true class of the chosen image."""
        return int(self.images.labels[self.position])

    @property
    def answers(self) -> tuple[str, str]:
        """What the teacher and what the student take the chosen image for."""
        teacher, student = (
            self.images.classes[int(logits[self.position].argmax())]
            for logits in (self.teacher_logits, self.student_logits)
        )
        return teacher, student
