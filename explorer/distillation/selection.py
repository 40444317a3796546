"""What the controls of the distillation lesson have chosen."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from explorer.data import ImageSet
from explorer.work.kept import Keyed


class JudgedImages(NamedTuple):
    """Images, and what two networks say to each: logits (N, C)."""

    images: ImageSet
    teacher: Tensor
    student: Tensor


@dataclass(frozen=True, eq=False)
class DistillationSelection:
    """What the controls of the page have chosen.

    ``alpha`` is the weight of the soft term in either convention; ``alpha_weighs_soft`` says whether
    the page calls it so. ``judged`` has the logits of all images, under the sha256 of both networks'
    weights and the images' key. Without a student its name is empty and its logits are the teacher's.
    """

    judged: Keyed[JudgedImages]
    position: int
    teacher_name: str
    student_name: str
    temperature: float = 1.0
    alpha: float = 0.5
    reverse: bool = False
    alpha_weighs_soft: bool = True

    @property
    def images(self) -> ImageSet:
        """All images, of which one is chosen."""
        return self.judged.value.images

    @property
    def teacher_logits(self) -> Tensor:
        """The teacher's, (N, C)."""
        return self.judged.value.teacher

    @property
    def student_logits(self) -> Tensor:
        """The student's, (N, C)."""
        return self.judged.value.student

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
