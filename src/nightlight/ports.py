"""What the flows need from the world, as Protocols. Adapters and the store fill them in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from nightlight.detect.definitions import Pack
from nightlight.detect.known import Circumstances, Parties
from nightlight.evidence.log import LogEntry, LogHead, LogKind
from nightlight.evidence.stored_event import StoredEvent
from nightlight.hazmat.attachment import Opening
from nightlight.hazmat.merkle import Node
from nightlight.insight.record_period import RecordPeriod
from nightlight.insight.record_rows import Counted
from nightlight.model.account import Age, BirthMonth
from nightlight.model.account_record import AccountRecord
from nightlight.model.action import Action
from nightlight.model.agency_reply import AgencyReply
from nightlight.model.ask import AskState, StoredAsk
from nightlight.model.attachment import Attachment, Digests
from nightlight.model.case import Case, CaseState, Decision
from nightlight.model.case_key import CaseKey
from nightlight.model.contact import Approach, ContactRequest, DecidedContact, RequestState
from nightlight.model.contact_policy import PolicyChange
from nightlight.model.event import Event, EventKind, LoggedEvent
from nightlight.model.health import DayCount
from nightlight.model.hold import Hold
from nightlight.model.kept_file import ClearCounts, KeptFile, VaultCounts
from nightlight.model.own_page import BlockedName, PendingNotice, Preference
from nightlight.model.referral import Agency, Approver, Referral
from nightlight.model.relation import NumberedStatement, Tie
from nightlight.model.report import Report, ReportedMessage
from nightlight.model.retention import Erasure, Record
from nightlight.model.signal import Alert, AlertKind, AlertState, BacktestRecord, RuleChange, Signal
from nightlight.model.submission import Submission
from nightlight.prevent.facts import Seen
from nightlight.respond.retention import Kept


@dataclass(frozen=True, slots=True)
class HomeserverReport:
    """A report made with Matrix's own report call, as the homeserver lists it.

    ``number`` grows; ``room_id`` and ``event_id`` are None for a report about an account (``target``).
    """

    number: int
    received_at: int
    reporter: str
    reason: str
    room_id: str | None
    event_id: str | None
    target: str | None


class Homeserver(Protocol):
    """The homeserver as Nightlight uses it.

    Every method raises ``UnavailableError`` when the homeserver does not answer or answers nonsense.
    """

    def whois(self, openid_token: str) -> str:
        """The account that the OpenID token was issued to; ``RefusedError('invalid_token')`` if none."""

    def fetch_event(self, event_id: str) -> dict[str, Any] | None:
        """The signed event in federation format, or None. Encrypted content stays encrypted."""

    def membership_at(self, room_id: str, event_id: str, account: str) -> str | None:
        """The account's membership in the room's state at that event (``join``, ``invite`` …), or None."""

    def timeline(self, room_id: str, first: str, wanted: Collection[str]) -> list[str]:
        """Event ids of the room's messages in the homeserver's order, from ``first`` on, until ``wanted`` are all met.

        Ends early at a bound of the homeserver's client; empty where the homeserver does not know ``first``.
        """

    def server_keys(self, server: str) -> dict[str, object] | None:
        """A homeserver's published signing keys, signed by it (``/_matrix/key/v2/server``), or None."""

    def membership_now(self, room_id: str, account: str) -> str | None:
        """The account's present membership in the room, or None."""

    def event_reports_after(self, number: int) -> list[HomeserverReport]:
        """Reports of messages with a greater number, ascending."""

    def user_reports_after(self, number: int) -> list[HomeserverReport]:
        """Reports of accounts with a greater number, ascending."""

    def send_notice(self, account: str, text: str, key: str) -> None:
        """Sends a server notice. ``key`` makes it idempotent."""

    def suspend(self, account: str) -> None: ...

    def lock(self, account: str) -> None: ...

    def deactivate(self, account: str) -> None: ...

    def redact(self, room_id: str, event_id: str, reason: str) -> None:
        """Redacts exactly this event; done already counts as done."""

    def answer_invite(self, account: str, inviter: str, room_id: str, answer: str) -> None:
        """Answers a hidden invitation for the one who was invited: ``join``, ``leave``, ``block`` or ``show``.

        ``block`` and ``unblock`` put the inviter on the account's own list, or take them off; ``room_id`` may be empty
        then. An invitation that is no more counts as answered.
        """

    def quarantine(self, mxc: str) -> None:
        """Quarantines one media file by its ``mxc://server/id`` address."""

    def unsuspend(self, account: str) -> None:
        """Done already counts as done; so with the next two."""

    def unlock(self, account: str) -> None: ...

    def unquarantine(self, mxc: str) -> None: ...

    def download(self, mxc: str) -> Iterator[bytes]:
        """The file as the media repository holds it, in chunks; bounded in size and time.

        ``RefusedError``: ``no_such_media``, ``media_gone``, ``media_quarantined``, ``media_too_large``.
        """


class AccountRecords(Protocol):
    def record(self, account: str) -> AccountRecord | None:
        """What the homeserver has on record about an account of its own; None for strangers to it.

        ``UnavailableError`` when it does not answer or answers nonsense.
        """


class Inspector(Protocol):
    """The homeserver as it is examined. Every method raises ``UnavailableError`` that says what does not work."""

    def version(self) -> str:
        """The homeserver's own version. Needs no token."""

    def require_admin(self) -> None:
        """That our token is one of a server admin."""

    def require_openid(self) -> None:
        """That OpenID tokens can be checked."""

    def module(self) -> Mapping[str, Any]:
        """What our module says of itself and of the homeserver's settings (``about.py`` in ``synapse-module/``)."""

    def ping_history(self, as_token: str) -> int:
        """Has the homeserver call our application service (Matrix 1.7, "Pinging"); how long that took, milliseconds."""


class Digester(Protocol):
    """Opens a file where nobody can see it, and says nothing but its digests."""

    def digest(self, opening: Opening, sha256: bytes, ciphertext: Iterable[bytes], size_max: int) -> Digests:
        """``sha256``: of the ciphertext. ``RefusedError``: ``attachment_hash_mismatch``, ``attachment_too_large``;
        ``UnavailableError`` if it cannot be done. What ``ciphertext`` raises comes through.
        """


class Sink(Protocol):
    """What bytes are written to, piece by piece."""

    def write(self, data: bytes, /) -> int: ...
    def flush(self) -> None: ...


class Vault(Protocol):
    """Kept files, by the case they are kept for and by their SHA-256 as they came from the homeserver.

    Each is encrypted for its case; ``RefusedError('erased')`` once the case's key is shredded. ``keep`` and ``read``
    may need the database for the case's key: never call them in a transaction that writes.
    """

    def keep(self, case_id: str, sha256: bytes, ciphertext: Iterable[bytes]) -> None:
        """Keeps it whole, or not at all: ``attachment_hash_mismatch``, and what the chunks raise."""

    def holds(self, case_id: str, sha256: bytes) -> bool: ...

    def read(self, case_id: str, sha256: bytes) -> Generator[bytes, None, None]:
        """What was kept, in chunks, each authentic; that the file is whole is known at its end.

        Whoever shows or gives the file to somebody reads it through ``nightlight.flows.kept_files``, which logs it.
        ``RefusedError``: ``vault_missing``, ``vault_damaged``; ``UnavailableError('vault_unreadable')``.
        """

    def check(self, case_id: str, sha256: bytes) -> int:
        """How many bytes the file has, after reading and verifying every one; raises what ``read`` raises."""

    def remove(self, case_id: str) -> None:
        """Removes all files of the case; removed already is done, too. ``UnavailableError('vault_unwritable')``."""

    def old_files(self) -> list[bytes]:
        """SHA-256 of files from before there were keys of cases, which are encrypted for none."""

    def move_in(self, sha256: bytes, case_ids: Iterable[str]) -> None:
        """Encrypts such a file for each of the cases, and removes it where it was."""


class Shredder(Protocol):
    """Makes what was said in a case unreadable for good.

    After ``shred`` the transaction gives the case's reports without note and message keys, its referrals without
    contents, and none of its preserved events and attachments but those that another case needs.
    """

    def shred(self, tx: Transaction, case_id: str, now: int) -> None:
        """In the transaction: with it the evidence is gone, or without it nothing is."""

    def remove_files(self, case_id: str) -> None:
        """After the transaction: removes what was kept outside of the database. Done already is done, too.

        ``UnavailableError`` if it has to be tried again.
        """


class TimeStamper(Protocol):
    def stamp(self, message: bytes) -> bytes:
        """A verified RFC 3161 response over ``message``; ``UnavailableError`` if there is none to be had."""


class ReportingService(Protocol):
    """An agency's reporting service, as a submission uses it.

    Every answer is a typed ``AgencyReply``, the lack of one too: it says whether the service acted. Nothing is raised
    but what ``content`` raises.
    """

    def submit(self, document: bytes) -> AgencyReply:
        """Opens a report: ``report_id``."""

    def upload(self, report_id: int, name: str, content: Iterable[bytes]) -> AgencyReply:
        """Sends a file in chunks, however large: ``file_id`` and the ``md5`` that both sides agree on."""

    def describe(self, report_id: int, document: bytes) -> AgencyReply:
        """The details of one file, once for each."""

    def finish(self, report_id: int) -> AgencyReply:
        """Files the report: ``file_ids``."""

    def retract(self, report_id: int) -> AgencyReply:
        """Takes back a report that is not finished."""


class ReportDocuments(Protocol):
    """What one submission says. The same at every call: what was approved does not change any more.

    Everything raises ``RefusedError`` for what cannot be sent as it is, and ``UnavailableError`` for what cannot be had
    just now.
    """

    def validate(self) -> None:
        """Every document, every file's details included. ``RefusedError('document_invalid')``."""

    def report(self) -> bytes: ...
    def files(self) -> Sequence[str]:
        """Their names, in the order of their positions from 0 on."""

    def file_details(self, position: int, report_id: int, file_id: str) -> bytes: ...
    def content(self, position: int) -> Iterator[bytes]: ...


class PeopleSeal(Protocol):
    """Encrypts what is known about people before it is stored, each bound to its place."""

    def close(self, place: str, plain: bytes) -> bytes: ...
    def open(self, place: str, sealed: bytes) -> bytes:
        """``RefusedError('sealed_damaged')``."""


class MasterKey(Protocol):
    """Wraps the data key of every case. ``context`` says whose key it is, and must be the same when it is unwrapped.

    Every method raises ``UnavailableError('master_key_unavailable')`` where it is held by somebody who does not answer.
    """

    @property
    def name(self) -> str:
        """A short id that says nothing about the key."""

    def wrap(self, plain: bytes, context: str) -> bytes:
        """What is wrapped names the key that it is wrapped under."""

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """``RefusedError``: ``master_key_wrong``, ``case_key_damaged``."""


class CaseSeal(Protocol):
    """Encrypts what is kept of a case under a data key that this case has to itself, wrapped by the master key.

    ``place`` says where the ciphertext stands: it opens there alone. Every method raises ``RefusedError('erased')``
    once the case's key is shredded, and what ``MasterKey`` raises.
    """

    def close(self, tx: Transaction, case_id: str, place: str, plain: bytes) -> bytes:
        """Makes the case's data key if it has none yet, in this transaction, which has to be one that writes."""

    def open(self, tx: Transaction, case_id: str, place: str, sealed: bytes) -> bytes:
        """``RefusedError('sealed_damaged')`` if it was changed, moved, or is of another case."""

    def file_identity(self, tx: Transaction, case_id: str) -> str:
        """The age identity that the case's files are encrypted for; makes the data key as ``close`` does."""

    def shred(self, tx: Transaction, case_id: str, now: int) -> None:
        """Destroys the case's data key: what is encrypted under it opens never again. Done already is done, too."""


class PolicyMemory(Protocol):
    """Remembers, outside of the database, which policy changes were decided and what their texts are."""

    def recall(self) -> tuple[list[PolicyChange], dict[str, bytes]]:
        """Changes, and texts by digest. ``RefusedError('policy_memory_damaged')``."""

    def keep(self, changes: Sequence[PolicyChange], texts: Mapping[str, bytes]) -> None:
        """What is remembered already is never taken back to an earlier state."""


class RelationView(Protocol):
    """Relations and ages, fast to look at. Numbers stand for names (``prevent/names.py``)."""

    def follow(self, tx: Transaction | None = None) -> None:
        """Takes over what changed in the store since the last time.

        ``tx``: a writing transaction that has changed nothing yet; then nobody else changes anything before it ends.
        """

    def look(self, one: int, other: int, month: BirthMonth | None = None, apart: Collection[int] = ()) -> Seen:
        """What is known about ``one`` coming towards ``other``.

        With the ``month`` it is now, whoever has very many ties has them counted, those with ``other`` and with
        ``apart`` left out. The ages answer for everybody.
        """

    def circumstances(self, many: Sequence[Parties], month: BirthMonth) -> list[Circumstances]:
        """What is known about who and what events name, in the ``month`` they arrive."""

    def known_since(self, ones: Iterable[int]) -> dict[int, int]:
        """Since when each of the accounts is known, milliseconds since 1970; without those that are not."""

    def left_behind(self, one: int) -> list[int]:
        """Devices, numbers and private rooms of an account: where its ban is to be remembered."""

    def is_banned(self, one: int) -> bool: ...
    def age(self, one: int) -> Age: ...
    def others(self, one: int, tie: Tie, most: int) -> list[int]:
        """With whom ``one`` has this tie."""

    @property
    def change(self) -> int:
        """Up to which change of the store it has followed."""

    def expire(self, now: int) -> None:
        """Removes what is older than its kind is kept."""


class Clock(Protocol):
    def now(self) -> int:
        """Milliseconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report on its way into the store.

    ``claimant`` is what the reporter showed: an account once confirmed, else a digest of the sign-in proof. ``digest``
    identifies the same report sent again. ``openid_token`` is kept only while the homeserver cannot be asked.
    """

    report: Report
    claimant: str
    digest: bytes
    idempotency_key: str | None = None
    source_ref: str | None = None
    openid_token: str | None = field(default=None, repr=False)
    next_attempt_at: int = 0


@dataclass(frozen=True, slots=True)
class PendingReport:
    """A stored report that waits for the homeserver."""

    report: Report
    claimant: str
    digest: bytes
    openid_token: str | None = field(repr=False)
    attempts: int


@dataclass(frozen=True, slots=True)
class Reviewer:
    username: str
    password_hash: str = field(repr=False)


class Transaction(Protocol):
    """One transaction of the store. Everything in it happens, log included, or nothing does."""

    # Reports and evidence
    def same_report(self, claimants: Sequence[str], digest: bytes, idempotency_key: str | None) -> Report | None:
        """The report that one of the claimants sent before, with this content or under this key.

        ``RefusedError('idempotency_key_reused')`` if the key came with other content.
        """

    def has_source(self, source_ref: str) -> bool: ...
    def add_report(self, new: NewReport) -> None: ...
    def report(self, report_id: str) -> Report | None: ...
    def reports_of(self, case_id: str) -> list[Report]: ...
    def reports_since(self, claimant: str, since: int) -> int: ...
    def pending_count(self) -> int: ...
    def pending_due(self, now: int, limit: int) -> list[PendingReport]: ...
    def postpone(self, report_id: str, next_attempt_at: int) -> None: ...
    def settle_report(self, report: Report, claimant: str) -> None: ...
    def may_claim(self, report_id: str, claimant: str) -> bool:
        """Whether no other report of that claimant has this one's content or idempotency key."""

    def preserve(self, event: StoredEvent, at: int, case_id: str) -> None:
        """Keeps the event for the case, as it is now; what was preserved first stays."""

    def preserved(self, event_id: str) -> bytes | None:
        """The event, or None; ``RefusedError('erased')`` if every case that it was kept for is."""

    def accepted_before(self, reporter: str, event_id: str) -> bool: ...

    # Cases, decisions, actions
    def open_case_with(self, event_ids: Sequence[str], subject: str) -> str | None: ...
    def open_case_about(self, subject: str) -> Case | None:
        """The oldest open case about the account, whatever brought it up."""

    def cases_about(self, subject: str, limit: int) -> list[Case]: ...
    def add_case(self, case: Case) -> None: ...
    def save_case(self, case: Case) -> None: ...
    def case(self, case_id: str) -> Case | None: ...
    def cases(self, state: CaseState, limit: int) -> list[Case]: ...
    def count_cases(self, state: CaseState) -> int: ...
    def add_decision(self, decision: Decision) -> None: ...
    def decision_of(self, case_id: str) -> Decision | None: ...
    def overturn_decision(self, decision: Decision) -> None:
        """Writes down that it was overturned, and what the case's outcome is since then."""

    def overturned_among(self, case_ids: Collection[str]) -> set[str]:
        """Those of these cases whose decision was overturned."""

    def add_action(self, action: Action) -> None: ...
    def action(self, action_id: str) -> Action | None: ...
    def actions_of(self, case_id: str) -> list[Action]: ...
    def actions_on(self, target: str) -> list[Action]:
        """Of every case, and of none."""

    def due_action(self, now: int) -> Action | None: ...
    def save_action(self, action: Action) -> None: ...
    def remove_own_actions(self, updated_at: int, limit: int) -> int:
        """Removes prevention's own actions that ended before that time."""

    def remove_actions_of(self, account: str) -> int:
        """Removes prevention's own actions for the account, and those that answer its invitations."""

    # Referrals, and who takes part in them
    def add_agency(self, agency: Agency) -> None: ...
    def remove_agency(self, name: str) -> bool: ...
    def agencies(self) -> list[Agency]: ...
    def add_approver(self, approver: Approver) -> None: ...
    def remove_approver(self, name: str) -> bool: ...
    def approvers(self) -> list[Approver]: ...
    def add_referral(self, referral: Referral) -> None: ...
    def save_referral(self, referral: Referral) -> None: ...
    def referral(self, referral_id: str) -> Referral | None: ...
    def referrals_of(self, case_id: str) -> list[Referral]: ...
    def referrals(self) -> list[Referral]: ...
    def urgent_unreviewed(self) -> list[tuple[str, int]]:
        """Ids of referrals that went out as urgent and that nobody reviewed, and when that was."""

    # Submissions to an agency's reporting service
    def add_submission(self, submission: Submission) -> None: ...
    def save_submission(self, submission: Submission) -> None: ...
    def submission(self, submission_id: str) -> Submission | None: ...
    def submission_of(self, referral_id: str) -> Submission | None: ...
    def submissions(self) -> list[Submission]: ...
    def due_submission(self, now: int, lease_ms: int) -> Submission | None:
        """One that has not ended, that it is time for and that nobody works on: the urgent first."""

    def submissions_needing_attention(self, now: int) -> list[Submission]:
        """Failed, overdue, or held up by what does not mend itself (``respond.submission.needs_attention``)."""

    # Attachments
    def proven_message(self, event_id: str) -> ReportedMessage | None:
        """A reported message with this event id whose content is proven, if there is one."""

    def add_attachment(self, attachment: Attachment) -> None: ...
    def attachment(self, attachment_id: str) -> Attachment | None: ...
    def attachments_of(self, event_ids: Sequence[str]) -> list[Attachment]:
        """In the order of their messages' event ids, then of their positions."""

    def due_attachment(self, now: int) -> Attachment | None: ...
    def save_attachment(self, attachment: Attachment) -> None: ...
    def same_files(self, sha256: bytes) -> list[tuple[str, str]]:
        """Event id and case id of every proven message that carries a file with this plaintext SHA-256."""

    def cases_of(self, event_id: str) -> list[str]:
        """The cases in which this message was reported, the newest last."""

    # Data keys of cases
    def case_key(self, case_id: str) -> CaseKey | None: ...
    def put_case_key(self, key: CaseKey) -> None:
        """Adds the key, or replaces what is stored of the case's key."""

    def remove_case_key(self, case_id: str) -> None: ...
    def case_key_names(self) -> dict[str, int]:
        """How many keys that are not shredded are wrapped under each master key."""

    def count_shredded(self) -> int: ...
    def case_keys_except(self, name: str, limit: int) -> list[CaseKey]:
        """Keys that are not shredded and wrapped under another master key than ``name``."""

    # What is sealed, and what is not yet
    def clear_counts(self) -> ClearCounts: ...
    def clear_reports(self, after: str, limit: int) -> list[str]:
        """Reports with a greater id that hold something in the clear, ascending."""

    def clear_events(self, after: str, limit: int) -> list[str]: ...
    def clear_referrals(self, after: str, limit: int) -> list[str]: ...
    def seal_report(self, report_id: str) -> None: ...
    def seal_event(self, event_id: str) -> bool:
        """False where no case is left that it could be kept for."""

    def seal_referral(self, referral_id: str) -> None: ...
    # Files in the vault
    def put_kept_file(self, file: KeptFile) -> None:
        """Adds the file, or replaces what is stored of it."""

    def kept_file(self, case_id: str, sha256: bytes) -> KeptFile | None: ...
    def kept_files_after(self, last: KeptFile | None, limit: int) -> list[KeptFile]:
        """In the order of cases and files, those that come after ``last``."""

    def due_kept_file(self, now: int) -> KeptFile | None:
        """The file that waits longest for its check."""

    def damaged_files(self, limit: int) -> list[KeptFile]: ...
    def vault_counts(self) -> VaultCounts: ...
    def not_kept_for(self, limit: int) -> list[tuple[str, bytes]]:
        """Cases with a message whose file is kept, but not for them; and the file's SHA-256."""

    def cases_needing(self, sha256: bytes) -> list[str]:
        """The cases, not erased, with a message whose kept file this is."""

    # Holds, and erasures that are announced or done
    def add_hold(self, hold: Hold) -> None: ...
    def save_hold(self, hold: Hold) -> None: ...
    def hold(self, hold_id: str) -> Hold | None: ...
    def holds(self) -> list[Hold]:
        """All that ever were, the newest first."""

    def holds_on_account(self, account: str) -> list[Hold]: ...
    def holds_of(self, case_id: str) -> list[Hold]:
        """All that ever were on the case or on an account in it, the newest first."""

    def accounts_of(self, case_id: str) -> list[str]:
        """Accounts that the case is about, that reported in it, or that sent one of its messages."""

    def kept_case(self, case_id: str, now: int) -> Kept | None: ...
    def kept_cases(self, now: int) -> Iterator[Kept]:
        """Every case that has something left, in no order; for a reading transaction that sees one instant."""

    def erasures_of(self, case_id: str) -> list[Erasure]: ...
    def announced(self) -> list[Erasure]:
        """All that are announced and not gone, the next to go first."""

    def all_erased(self) -> dict[str, set[Record]]:
        """What is gone, by case."""

    def miscopied_case(self) -> str | None:
        """The first case whose copies of times and outcome are not what reports, decisions and erasures say."""

    def announce(self, erasure: Erasure) -> None: ...
    def withdraw(self, case_id: str, record: Record) -> None:
        """Takes an announcement back. What is gone cannot be taken back."""

    def mark_erased(self, case_id: str, records: Collection[Record], at: int) -> None: ...
    def erasures_with_files(self) -> list[str]:
        """Cases of which evidence is gone from the tables, and not yet from the disk."""

    def mark_files_removed(self, case_id: str) -> None: ...
    def erase_evidence(self, case_id: str) -> None:
        """Removes what was said in the case, but for what another case needs."""

    def erase_record(self, case_id: str, record: Record) -> None:
        """Removes a kind of record other than the evidence."""

    # Events
    def known_events(self, event_ids: Sequence[str]) -> dict[str, Event]:
        """Those of the events that are in the log."""

    def add_events(self, new: Sequence[Event], received_at: int, first: int) -> None:
        """Appends events that are not in the log, numbered from ``first`` on."""

    def count_messages(self, numbers: Sequence[int], at: int) -> set[int]:
        """Those that were not counted before. From now on they were."""

    def forget_messages(self, kept_ms: int, limit: int) -> int:
        """Forgets messages counted longer than ``kept_ms`` before the newest one, at most ``limit``."""

    def last_event(self) -> tuple[int, int]:
        """Number and time of arrival of the last event, also if it was removed since; zeros before the first."""

    def count_events(self) -> int: ...
    def events_after(self, number: int, limit: int, kinds: Collection[EventKind] = ()) -> list[LoggedEvent]:
        """In the order of their numbers; of these kinds, or of all."""

    def event_number(self, event_id: str) -> int:
        """The number of the event with this id, 0 if there is none."""

    def first_event_at(self, at: int) -> int:
        """The number from which on events arrived at that time or later."""

    def events_received(self, at: int, limit: int, kinds: Collection[EventKind]) -> list[LoggedEvent]:
        """Those of these kinds that arrived in that millisecond, in the order of their numbers."""

    def remove_events_before(self, received_at: int, limit: int, now: int) -> int:
        """The oldest ones that arrived before that time; those about accounts under a hold are put aside."""

    def remove_held_events(self, now: int) -> int:
        """Removes events that were put aside for holds of which none is left; returns how many."""

    def events_about(self, account: str) -> Iterator[LoggedEvent]:
        """Every event that names the account, those put aside first; slow: for a reading transaction."""

    def events_naming(self, account: str) -> list[int]:
        """Numbers of all events that name the account; slow: for a reading transaction."""

    def remove_events(self, numbers: Sequence[int], account: str, since: int) -> int:
        """Removes the events with these numbers, and later than ``since`` those that name the account."""

    # Relations and ages
    def next_change(self) -> int:
        """The number of this transaction's change to relations and ages."""

    def state(self, statements: Sequence[NumberedStatement], change: int) -> None:
        """Records what holds or ended; of two statements about the same the order of arrival does not matter."""

    def relation(self, one: int, tie: Tie, other: int) -> int | None:
        """Since when the statement holds, or None."""

    def last_said(self, one: int, tie: Tie, other: int) -> int | None:
        """When it was last said that the statement holds or has ended, or None."""

    def put_age(self, one: int, sealed: bytes, change: int) -> None: ...
    def sealed_age(self, one: int) -> bytes | None: ...
    def changed_ages(self, after: int) -> Iterator[tuple[int, bytes]]: ...
    def change_marks(self) -> tuple[int, int]: ...
    def relations_at_start(self) -> Iterator[Sequence[Any]]: ...
    def changed_relations(self, after: int) -> Iterator[tuple[int, int, int, int, bool, int]]:
        """``one``, tie, ``other``, time, whether it holds, change: what changed since, in order of the changes."""

    def sealed_ages(self, ones: Sequence[int]) -> dict[int, bytes]:
        """Those that there are."""

    def last_change(self) -> int: ...
    def relations_naming(self, one: int) -> list[tuple[int, int, int]]:
        """Every statement about or with ``one``; slow: for a reading transaction."""

    def remove_relations(
        self, one: int, named: Sequence[tuple[int, int, int]], since: int, change: int, at: int
    ) -> int:
        """Forgets everything about an account, its age included, and leaves word of that for those who follow.

        ``named``: its statements when the last change was ``since``; what came later is looked for.
        """

    def settle(self, now: int) -> None:
        """Moves the mark up to which statements that ended may be removed: everybody had time to hear of them."""

    def expired_relations(self, now: int, after: tuple[int, int, int] | None, limit: int) -> list[tuple[int, int, int]]:
        """Statements older than their kind is kept, after this one; slow: for a reading transaction."""

    def remove_expired(self, found: Sequence[tuple[int, int, int]], now: int) -> int:
        """Removes those of them that are still so."""

    # Contact
    def add_contact_decisions(self, made: Sequence[DecidedContact]) -> None: ...
    def contact_decision(self, decision_id: str) -> DecidedContact | None: ...
    def contact_decisions_between(self, start: int, end: int, after: str, limit: int) -> list[DecidedContact]:
        """By time and id; ``after``: ``time/id`` of the last one of the page before, empty for the first page."""

    def count_contact_decisions(self, start: int, end: int) -> int:
        """How many were made from ``start`` to before ``end``."""

    def add_contact_request(self, request: ContactRequest) -> None: ...
    def save_contact_request(self, request: ContactRequest) -> None: ...
    def contact_request(self, request_id: str) -> ContactRequest | None: ...
    def contact_requests(self, request_ids: Sequence[str]) -> list[ContactRequest]: ...
    def open_request(self, approach: Approach) -> ContactRequest | None:
        """The request of the same two about the same room that has no end yet."""

    def last_request(self, approach: Approach) -> ContactRequest | None:
        """The newest request of the same two about the same room, whatever became of it."""

    def requests_to(self, target: str, states: Sequence[RequestState]) -> list[ContactRequest]: ...
    def open_requests_between(self, one: str, other: str) -> list[ContactRequest]: ...
    def due_requests(self, now: int, limit: int) -> list[ContactRequest]:
        """Holds whose time is up, and requests that nobody answered in time."""

    def count_requests(self, target: str, states: Sequence[RequestState]) -> int: ...
    def remove_contacts_before(self, before: int, limit: int, now: int) -> int:
        """Removes decisions, and requests that have ended, made before that time; at most ``limit`` of each.

        Not those about accounts under a hold.
        """

    def decisions_naming(self, account: str) -> list[str]:
        """Ids of all decisions about the account; slow: for a reading transaction."""

    def remove_contacts_of(self, account: str, decisions: Sequence[str], since: int) -> int:
        """Removes these decisions, what was decided about the account since that time, and all its requests."""

    def reached(self, target: str, since: int, limit: int) -> list[tuple[str, int]]:
        """Who came towards the account since then and was let through, and when last; the newest first."""

    # A person's own page. Tokens and links are known by their hash.
    def use_token(self, token_hash: bytes, until: int) -> bool:
        """Remembers that the token was used; False if it was before."""

    def add_own_session(self, token_hash: bytes, account: str, expires_at: int) -> None: ...
    def own_session(self, token_hash: bytes, now: int) -> str | None: ...
    def end_own_session(self, token_hash: bytes) -> None: ...
    def add_sign_in_link(self, token_hash: bytes, account: str, made_at: int, expires_at: int) -> None: ...
    def sign_in_link(self, token_hash: bytes, now: int) -> str | None:
        """The account that an unused link of this hash signs in, while it lasts."""

    def use_sign_in_link(self, token_hash: bytes) -> None: ...
    def count_sign_in_links(self, since: int, account: str | None = None) -> int: ...
    def preference(self, one: int) -> Preference: ...
    def put_preference(self, one: int, preference: Preference) -> None: ...
    def add_pending_notice(self, one: int, notice: PendingNotice) -> None: ...
    def pending_notices(self, one: int, limit: int) -> list[PendingNotice]: ...
    def remove_pending_notices(self, one: int, notice_ids: list[str]) -> int: ...
    def expire_own_pages(self, now: int, notices_before: int) -> None: ...
    def remove_own_page(self, one: int, account: str) -> int: ...

    # What people ask the safety team for, and whom they block
    def add_ask(self, ask: StoredAsk) -> None: ...
    def save_ask(self, ask: StoredAsk) -> None: ...
    def ask(self, ask_id: str) -> StoredAsk | None: ...
    def asks_of(self, one: int) -> list[StoredAsk]:
        """The newest first."""

    def asks_in(self, states: list[AskState], limit: int) -> list[StoredAsk]:
        """The oldest first."""

    def count_asks(self, state: AskState) -> int: ...
    def expire_asks(self, decided_before: int) -> int: ...
    def name_block(self, one: int, name: BlockedName) -> None: ...
    def blocked_by(self, one: int) -> list[BlockedName]: ...
    def remove_asks_of(self, one: int) -> int: ...

    # Contact policies
    def add_policy(self, digest: str, text: bytes) -> None: ...
    def policy_text(self, digest: str) -> bytes | None: ...
    def add_policy_change(self, change: PolicyChange) -> None: ...
    def save_policy_change(self, change: PolicyChange) -> None: ...
    def policy_change(self, number: int) -> PolicyChange | None: ...
    def policy_changes(self) -> list[PolicyChange]:
        """The newest first."""

    def last_policy_change(self) -> int: ...

    # Detection
    def detected(self) -> int:
        """Up to which event detection has said what it has to say."""

    def detected_up_to(self, number: int) -> None: ...
    def if_undone(self, call: Callable[[], None]) -> None:
        """Calls it should nothing of this transaction have happened, or nobody know whether it has."""

    def add_arrival(self, first: int, last: int, sealed: bytes) -> None:
        """What was known when the events from ``first`` to ``last`` arrived."""

    def arrivals(self, first: int, last: int) -> list[tuple[int, int, bytes]]:
        """Those that say something about events from ``first`` to ``last``, in their order."""

    def add_signals(self, new: Sequence[Signal]) -> None: ...
    def active_signals(self, about: int, now: int) -> list[Signal]:
        """Those about an account that have not run out, the oldest first."""

    def signals_about(self, about: int, limit: int) -> list[Signal]: ...
    def signals_of(self, rule: str, limit: int) -> list[Signal]: ...
    def signals_at(self, number: int) -> list[Signal]: ...
    def count_signals(self, since: int) -> dict[tuple[str, str], int]:
        """By rule and mode, how many were raised later than ``since``."""

    def signals_since(self, rule: str, since: int) -> int:
        """How many signals the rule raised later than ``since``."""

    def signal_outcomes(self, since: int) -> dict[tuple[str, str], int]:
        """By rule and outcome, about how many accounts with signals later than ``since`` reviewers found that."""

    def signals_by_day(self, rule: str, since: int, day_ms: int) -> dict[int, int]: ...
    def settle_signals(self, about: int, since: int, outcome: str) -> int:
        """Writes what reviewers found beside the account's signals since then that have no outcome yet."""

    def overturn_signals(self, about: int, since: int, until: int, before: str, after: str) -> int:
        """Writes another outcome beside the account's signals of that time that have the outcome ``before``."""

    def remove_signals_before(self, raised_at: int, limit: int, now: int) -> int:
        """Not those about accounts under a hold."""

    def remove_signals_of(self, about: int, account: str) -> int: ...
    def add_alert(self, alert: Alert) -> None: ...
    def save_alert(self, alert: Alert) -> None: ...
    def alert(self, alert_id: str) -> Alert | None: ...
    def open_alert(self, kind: AlertKind, identity: int) -> Alert | None: ...
    def alerts(self, state: AlertState | None, limit: int) -> list[Alert]:
        """The newest first; of any state, or of this one."""

    def alerts_of(self, case_id: str) -> list[Alert]: ...
    def alerts_since(self, kind: AlertKind, changed_at: int, limit: int) -> list[Alert]:
        """Those that are open, and those that changed later than that; the newest first."""

    # What was not taken as it came
    def count_up(self, counts: Mapping[str, int], at: int) -> None:
        """Adds to the counts of the day ``at`` belongs to."""

    def counted_since(self, day: int) -> list[DayCount]:
        """From a day, counted from 1970, on: by day and then by what was counted."""

    def remove_counts_before(self, at: int) -> int:
        """Removes days that were over before that time; returns how many rows."""

    def remove_alerts_before(self, changed_at: int, limit: int) -> int:
        """Removes alerts that are closed, have no case and did not change since; returns how many."""

    def alerts_about(self, account: str, limit: int) -> list[Alert]:
        """Those that name the account, the newest first."""

    def add_rule_pack(self, digest: str, text: bytes) -> None: ...
    def rule_pack(self, digest: str) -> bytes | None: ...
    def last_rule_change(self) -> int: ...
    def add_rule_change(self, change: RuleChange) -> None: ...
    def rule_changes(self, limit: int) -> list[RuleChange]:
        """The newest first."""

    def add_backtest(self, record: BacktestRecord) -> None: ...
    def backtests(self, since: int) -> list[BacktestRecord]:
        """Those run later than ``since``, the newest first."""

    # The record that is published
    def counted(self, period: RecordPeriod) -> Counted:
        """What happened in the period; for a reading transaction that sees one instant."""

    # Reviewers and their sessions
    def add_reviewer(self, reviewer: Reviewer, at: int) -> None: ...
    def remove_reviewer(self, username: str) -> bool: ...
    def reviewer(self, username: str) -> Reviewer | None: ...
    def reviewers(self) -> list[str]: ...
    def add_session(self, token_hash: bytes, username: str, expires_at: int) -> None: ...
    def session_user(self, token_hash: bytes, now: int) -> str | None: ...
    def end_session(self, token_hash: bytes) -> None: ...
    def note_failed_sign_in(self, username: str, at: int) -> None: ...
    def failed_sign_ins(self, username: str, since: int) -> int: ...

    # The log, and how far the homeserver's own lists were read
    def log(self, at: int, kind: LogKind, actor: str, subject: str, detail: Mapping[str, Any]) -> LogEntry: ...
    def log_entries(self) -> Iterator[LogEntry]:
        """Every entry of the log in order, streamed."""

    def log_head(self) -> LogHead:
        """The head of the log; ``RefusedError('log_broken')`` if it is not authentic."""

    def log_carried(self) -> int:
        """How many entries come from the chain that was the log before; they are checked against old anchors."""

    def log_nodes(self, nodes: Sequence[Node]) -> dict[Node, bytes]:
        """The stored hashes of these nodes of the log's tree, as far as there are any."""

    def log_inclusion(self, number: int, size: int) -> tuple[bytes, list[bytes]]:
        """Entry ``number``'s leaf and its proof in the tree over ``size`` entries; ``RefusedError('log_range')``."""

    def log_consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree over ``new`` entries adds to the one over ``old``; ``RefusedError('log_range')``."""

    def log_of(self, case_id: str) -> list[LogEntry]: ...
    def log_about(self, subjects: Sequence[str]) -> list[LogEntry]:
        """The entries with one of these subjects, in order."""

    def counts(self) -> tuple[int, int, int]:
        """How many reports, preserved events and decisions there are."""

    def cursor(self, name: str) -> int: ...
    def move_cursor(self, name: str, value: int) -> None: ...


class Store(Protocol):
    def read(self) -> AbstractContextManager[Transaction]:
        """A transaction that only reads."""

    def snapshot(self) -> AbstractContextManager[Transaction]:
        """A transaction that only reads, and sees everything as it was at one instant."""

    def write(self) -> AbstractContextManager[Transaction]:
        """A transaction that may write. At most one runs at a time; leaving it durably commits, raising rolls back."""

    def scrub(self) -> bool:
        """Takes what was deleted off the disk, journals included; False where that has to be tried again."""


@dataclass(frozen=True, slots=True)
class EventSpan:
    """What a history holds. ``first``, ``last``: when events were taken. ``doubled``: left out, not in ``events``."""

    events: int
    doubled: int
    first: int
    last: int


class EventHistory(Protocol):
    """Events of the past, as columns (``detect/columns.py``)."""

    @property
    def span(self) -> EventSpan: ...

    def accounts(self, since: int, until: int) -> int:
        """How many accounts did something with since <= t < until."""

    def batches(self, since: int, until: int) -> Iterator[Mapping[str, Any]]:
        """Events with since <= t < until, in their order, each once. ``RefusedError`` for what is none."""

    def values_at(self, pack: Pack, numbers: Collection[int]) -> Mapping[int, tuple[Mapping[str, float], set[int]]]:
        """For each of these events the value of every field and feature, and the places of the rules that hold."""
