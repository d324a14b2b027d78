"""What `docker compose up` runs: no lab has started it, so a lab only replaces its workers."""

from __future__ import annotations

from lab.stacks.composeproject import Project, answered, recycle_workers
from lab.stacks.model import Replica


class ComposeUp:
    """The replicas of one Compose project, found by the labels that Compose gave them."""

    def __init__(self, project: Project) -> None:
        self.project = project

    @property
    def name(self) -> str:
        """Return the project's name."""
        return self.project.name

    @answered
    def replicas(self, release: str) -> list[Replica]:
        """Return the release's running replicas, oldest first."""
        return [Replica(release, str(each.name)) for each in self.project.running(f"web-{release}")]

    @answered
    def recycle(self, replica: Replica) -> None:
        """Replace the replica's worker processes gracefully, as `max_requests` does."""
        recycle_workers(self.project.client.containers.get(replica.name))
