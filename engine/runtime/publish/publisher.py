"""Keeps what is published in memory: the folder at the start and at a reload, and what other processes
deploy."""

from __future__ import annotations

from pathlib import Path

import structlog

from engine.clock import Clock
from engine.config import Config
from engine.errors import CallerError
from engine.project import Project, load
from engine.runtime.delivery.channel_set import ChannelSet, Opening
from engine.runtime.publish.deploy import deploy, published_project
from engine.runtime.publish.published import Published, publish_in_memory
from engine.store import meta
from engine.store.database import Store
from engine.store.journeys import deployments

log = structlog.get_logger("daemon")


class Publisher:
    """One at a time may call it; every call blocks. A deployment in memory is replaced as a whole."""

    def __init__(self, store: Store, folder: Path, clock: Clock) -> None:
        self._store = store
        self._folder = folder
        self._clock = clock
        with store.read() as conn:
            self._secret = meta.secret(conn)
        self.channels = ChannelSet(folder, self._secret, clock)

    def first(self, project: Project) -> tuple[Published, Opening]:
        """What counts at the start: the folder, or what was published last when the folder is broken."""
        try:
            return self._publish(project)
        except CallerError as refusal:
            last = self._in_store()
            if last is None:
                raise
            log.error("folder_not_deployed", why=str(refusal), running=last.number)
            return last, self.channels.opening(last.project.config)

    def reload(self) -> tuple[Published, Opening]:
        """Publishes the folder as it is now. Raises CallerError when it is broken; nothing has changed
        then."""
        return self._publish(load(self._folder))

    def follow(self, number: int) -> tuple[Published, Opening | None] | None:
        """What another process has published (`deploy`) since deployment `number`; None: nothing.
        Deployed is deployed, whether its channels can be opened here or not: without an opening the old ones
        stay."""
        with self._store.read() as conn:
            if deployments.current_number(conn) == number:
                return None
        current = self._in_store()
        if current is None:
            return None
        log.info("published_elsewhere", number=current.number, commit=current.project.commit)
        try:
            return current, self.channels.opening(current.project.config)
        except CallerError as refusal:
            log.error("channels_stay_as_they_were", why=str(refusal))
            return current, None

    def _publish(self, project: Project) -> tuple[Published, Opening]:
        # before the deployment: a channel that cannot be opened refuses it while nothing has changed
        opening = None if project.has_errors else self.channels.opening(project.config)
        done = self._store.write(lambda conn: deploy(conn, project, self._clock.now(), "daemon"))
        assert opening is not None  # deploy refuses a project with errors
        log.info(
            "published",
            number=done.number,
            changed=done.changed,
            commit=project.commit,
            moved=dict(done.moved),
        )
        return self._in_memory(done.number, done.project), opening

    def _in_store(self) -> Published | None:
        with self._store.read() as conn:
            last = published_project(conn)
        return self._in_memory(*last) if last else None

    def _in_memory(self, number: int, project: Project) -> Published:
        return publish_in_memory(number, project, self._folder, self._secret)


def advise(before: Config, config: Config) -> None:
    """Says what of another config.yaml counts only after the next start."""
    for name, is_new in (
        ("store", config.store != before.store),
        ("http.listen", config.http != before.http),
    ):
        if is_new:
            log.warning("restart_needed", what=f"{name} of config.yaml counts after the next start")
