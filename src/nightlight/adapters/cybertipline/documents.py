"""All documents of one report, validated before anything is sent. Fills in ``ports.ReportDocuments``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from nightlight.adapters.cybertipline.fill import details_of, report_of
from nightlight.adapters.cybertipline.schema import Schema
from nightlight.adapters.cybertipline.writer import file_details_xml, report_xml
from nightlight.flows.prepare_report import Prepared, PreparedFile
from nightlight.model.reporter import ReportingOperator

#: What stands for numbers that the agency gives later: the longest that it can give.
_ANY_REPORT, _ANY_FILE = 2**63 - 1, "f" * 64


@dataclass(frozen=True, slots=True)
class TiplineDocuments:
    """``read``: the bytes of a file. ``schema``: the agency's, as it was last fetched, or our own."""

    prepared: Prepared = field(repr=False)
    operator: ReportingOperator
    schema: Schema
    read: Callable[[PreparedFile], Iterator[bytes]] = field(repr=False)

    def validate(self) -> None:
        """The report, and what will be said of each file. ``RefusedError``: ``document_invalid`` and others."""
        self.schema.check(self.report())
        for position in range(len(self.prepared.files)):
            self.schema.check(self.file_details(position, _ANY_REPORT, _ANY_FILE))

    def report(self) -> bytes:
        return report_xml(report_of(self.prepared, self.operator))

    def files(self) -> tuple[str, ...]:
        """What the files are called there."""
        return tuple(file.name for file in self.prepared.files)

    def file_details(self, position: int, report_id: int, file_id: str) -> bytes:
        return file_details_xml(details_of(self.prepared.files[position], report_id, file_id))

    def content(self, position: int) -> Iterator[bytes]:
        return self.read(self.prepared.files[position])
