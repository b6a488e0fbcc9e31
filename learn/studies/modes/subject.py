"""Subject: one training of one policy, by its name and seed; what is kept of it in the study's folder."""

from dataclasses import dataclass
from pathlib import Path

from learn.policies import PolicyKind

ENV = "PandaDetour-v0"
SESSION_NAME, MODELS_NAME = "session", "models"
DISTILLED = "moe from flow"
TEACHER = "flow"


@dataclass(frozen=True)
class Subject:
    """`policy` is a named policy, or `DISTILLED`: a mixture taught by the flow of the same seed."""

    policy: str
    seed: int

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.policy.replace(' ', '-')}-{self.seed}"

    @property
    def kind(self) -> PolicyKind:
        return "moe" if self.policy == DISTILLED else self.policy  # type: ignore[return-value]

    @property
    def teacher(self) -> "Subject | None":
        return Subject(TEACHER, self.seed) if self.policy == DISTILLED else None

    def model(self, out: Path) -> Path:
        return out / MODELS_NAME / self.name
