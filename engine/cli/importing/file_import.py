"""One run over one file: batch after batch, each in one transaction with how far the file is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, islice

from sqlalchemy import Connection

from engine.cli.importing.customer_lookup import with_customers
from engine.cli.importing.history import HistoryPass
from engine.cli.importing.items import ItemError, RowRules, item_of, kept_row, parts_of
from engine.cli.importing.progress import ImportProgress, save_progress
from engine.cli.importing.rows import RefusedRows, SourceRow
from engine.cli.importing.source_file import SourceFile
from engine.cli.output import progress
from engine.clock import Clock
from engine.garbage_collection import without_garbage_collection
from engine.runtime.intake.intake import Intake, IntakeResult
from engine.runtime.intake.items import RefusedItem
from engine.runtime.intake.quarantine import SentItem
from engine.store.database import Store


@dataclass(slots=True)
class FileImport:
    """One run over one file. `batch`: rows of one transaction; `source_name`: who says all this."""

    source: SourceFile
    rules: RowRules
    source_name: str
    batch: int
    store: Store
    intake: Intake
    clock: Clock
    refused: RefusedRows
    progress: ImportProgress
    history: HistoryPass | None  # None: the rows happen now

    def take(self, rows: Iterator[SourceRow]) -> None:
        """Takes these rows, and notes that the file is done."""
        with progress() as bar:
            task = bar.add_task(
                f"importing {self.rules.kind}", total=self.source.lines, completed=self.progress.line
            )
            while chunk := list(islice(rows, self.batch)):
                # A batch makes many small objects and no cycles, as a batch of the advancer does
                with without_garbage_collection():
                    self._take_batch(chunk)
                bar.update(task, completed=self.progress.line)
        self.progress = done = replace(self.progress, done=True)
        self.store.write(lambda conn: save_progress(conn, self.source.hash, done))

    def _take_batch(self, chunk: list[SourceRow]) -> None:
        """One transaction: what was prepared, and how far the file is done. Were they two, rows would be lost
        or taken twice where the machine stops between them."""
        now, before = self.clock.now(), self.progress
        items, wrong = [], []
        said = with_customers(
            [() if row.skipped else parts_of(row, self.rules) for row in chunk],
            self.store,
            self.intake.config,
        )
        for number, row in enumerate(chunk):
            if row.why and not row.skipped:
                wrong.append(RefusedItem(number, "", row.why))
            for part in said[number]:
                rules = self.rules if part.kind == self.rules.kind else replace(self.rules, kind=part.kind)
                item = item_of(part.cells, number, rules)
                if isinstance(item, ItemError):
                    wrong.append(RefusedItem(number, item.field, item.why))
                else:
                    items.append(item)

        def sent(number: int) -> SentItem:
            return SentItem(self.rules.kind, kept_row(chunk[number], said[number], self.rules))

        if self.history is not None:
            self.history.follow()
        # Outside the transaction: it is most of the work, and nobody waits for the writer meanwhile
        prepared = self.intake.prepare(items, self.source_name, now, wrong, sent)

        def job(conn: Connection) -> tuple[IntakeResult, ImportProgress]:
            if self.history is not None:
                taken = self.history.take(conn, self.intake, prepared, now)
            else:
                taken = self.intake.take(conn, prepared, now)
            refused = {fault.item for fault in taken.refused if _is_refused(fault)}
            partial = {fault.item for fault in taken.refused} - refused
            repeated, skipped = len(taken.repeated - refused), sum(row.skipped for row in chunk)
            new = len(chunk) - len(refused) - repeated - skipped
            after = replace(
                before, line=chunk[-1].line, taken=before.taken + new,
                duplicates=before.duplicates + repeated, refused=before.refused + len(refused),
                partial=before.partial + len(partial), skipped=before.skipped + skipped,
            )  # fmt: skip
            save_progress(conn, self.source.hash, after)
            return taken, after

        # Ctrl-C may come while the writer is at work: the batch is whole or not at all, so wait for its end
        future, stopped = self.store.writer.submit(job), False
        try:
            taken, self.progress = future.result()
        except KeyboardInterrupt:  # what is handed in is finished, and its refused rows are listed
            (taken, self.progress), stopped = future.result(), True
        for number, faults in groupby(
            sorted(filter(_is_refused, taken.refused), key=lambda fault: fault.item), lambda fault: fault.item
        ):
            # One row may be wrong in several columns; the file of refused rows has a line for each row
            why = "; ".join(f"{fault.field}: {fault.why}" if fault.field else fault.why for fault in faults)
            self.refused.add(chunk[number], why)
        if stopped:
            raise KeyboardInterrupt


def _is_refused(fault: RefusedItem) -> bool:
    """Whether the row has to come again: not for a field that nothing reads, without which it is whole."""
    return fault.kept or fault.field == "id"
