"""Keeps what is published in memory: the folder at the start and at a reload, and what other processes
deploy."""

from __future__ import annotations

from pathlib import Path

import structlog

from engine.clock import Clock
from engine.command_hints import command
from engine.config import Config
from engine.errors import CallerError
from engine.project import Project, load
from engine.runtime.delivery.channel_set import ChannelSet, Opening
from engine.runtime.publish.deploy import deploy
from engine.runtime.publish.last_published import deployable, is_by_hand, published_project
from engine.runtime.publish.pool_files import import_pool_files
from engine.runtime.publish.published import Published, publish_in_memory
from engine.simulate.stories.story_report import run_stories
from engine.store import meta
from engine.store.daemon import daemon_state
from engine.store.daemon.daemon_state import FollowedDeployment
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
        self._started_with: Config | None = None
        self.channels = ChannelSet(folder, self._secret, clock)

    def first(self, project: Project, *, publishes: bool = True) -> tuple[Published, Opening]:
        """What counts at the start: the folder, or what was published last when the folder is broken, when it
        is not this process that `publishes` and something is published, or when nothing but `deploy` does."""
        by_hand = self._waits_for_deploy(project)
        if (by_hand or not publishes) and (opened := self._as_published()) is not None:
            return opened
        try:
            return self._publish(project)
        except CallerError as refusal:
            opened = self._as_published()
            if opened is None:
                raise
            log.error("folder_not_deployed", why=str(refusal), running=opened[0].number)
            return opened

    def reload(self) -> tuple[Published, Opening]:
        """Publishes the folder as it is now; where nothing but `deploy` does, opens again what is published.
        Raises CallerError when the folder is broken; nothing has changed then."""
        project = load(self._folder)
        opened = self._as_published() if self._waits_for_deploy(project) else None
        return opened or self._publish(project)

    def _waits_for_deploy(self, project: Project) -> bool:
        """Whether nothing but `deploy` publishes; says so when the folder is another one than what is."""
        with self._store.read() as conn:
            if not is_by_hand(conn):
                return False
            last = deployments.current(conn)
            try:
                is_new = last is None or deployable(conn, project).hash != last.hash
            except CallerError as wrong:
                log.error("folder_not_deployed", why=str(wrong))
                return True
        if is_new:
            log.warning(
                "folder_waits_for_deploy",
                what="the folder is not what is published, and only deploy publishes here",
                look=command("plan"),
            )
        return True

    def _as_published(self) -> tuple[Published, Opening] | None:
        """What was published last, with its channels."""
        last = self._in_store()
        if last is None:
            return None
        opening = self.channels.opening(last.project.config)
        self._note(last)
        return last, opening

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
            opening = self.channels.opening(current.project.config)
        except CallerError as refusal:
            log.error("channels_stay_as_they_were", why=str(refusal))
            self._note(current, str(refusal))
            return current, None
        self._note(current)
        return current, opening

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
        # Codes that stand in files of the project; who waits for one gets it soon
        filled = import_pool_files(self._store, project.folder, project.config, self._clock.now())
        for pool, codes in filled.items():
            refused = codes.refused[0] if codes.refused else None
            log.info("codes_imported", pool=pool, added=codes.added, refused=refused)
        published = self._in_memory(done.number, done.project)
        self._note(published)
        return published, opening

    def _note(self, published: Published, refused: str = "") -> None:
        """For commands beside the daemon: this is what it goes on with."""
        config = published.project.config
        started_with = self._started_with = self._started_with or config
        waiting = needs_restart(started_with, config)
        self._store.write(
            lambda conn: daemon_state.note_followed(
                conn, FollowedDeployment(published.number, refused, waiting)
            )
        )

    def _in_store(self) -> Published | None:
        with self._store.read() as conn:
            last = published_project(conn)
        return self._in_memory(*last) if last else None

    def _in_memory(self, number: int, project: Project) -> Published:
        return publish_in_memory(number, project, self._folder, self._secret)


def tell_failing_stories(project: Project) -> None:
    """Stories say what an author meant; what runs is what is written. Where the two differ, somebody has to
    know before customers do."""
    files = [file for file in project.files.values() if file.tests and file.span.file not in project.broken]
    if not files:
        return
    report = run_stories(files, project.journeys, project.world, of_points=True)
    failing = [result.story for journey in report.journeys for result in journey.results if not result.passed]
    if failing:
        log.warning(
            "stories_fail",
            failed=len(failing),
            first=f"{failing[0].name.span.file}:{failing[0].name.span.line} {failing[0].name.value}",
            what="the journeys run as they are written all the same, which is not what their stories expect",
            look=command("test"),
        )


def needs_restart(started_with: Config, config: Config) -> tuple[str, ...]:
    """What of this config.yaml counts only after the next start."""
    parts = (
        ("store", config.store != started_with.store),
        ("http.listen", config.http != started_with.http),
    )
    return tuple(name for name, is_new in parts if is_new)


def advise(started_with: Config, before: Config, config: Config) -> None:
    """Says what another config.yaml has changed that counts only after the next start, and what of it was put
    back."""
    waited, waits = needs_restart(started_with, before), needs_restart(started_with, config)
    for name in waits:
        if name not in waited:
            log.warning("restart_needed", what=f"{name} of config.yaml counts after the next start")
    for name in waited:
        if name not in waits:
            log.info("restart_not_needed", what=f"{name} of config.yaml is again as at the start")
