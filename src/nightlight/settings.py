"""One table of settings: name, type, default, unit, help. Environment variables carry the prefix NIGHTLIGHT_."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Attachments(StrEnum):
    HASH_ONLY = "hash_only"
    OFF = "off"


class Detect(StrEnum):
    OFF = "off"
    SHADOW = "shadow"
    LIVE = "live"


class Settings(BaseSettings):
    """Every setting there is. ``nightlight settings`` prints them; ``docs/settings.md`` explains them."""

    model_config = SettingsConfigDict(env_prefix="NIGHTLIGHT_", extra="ignore", frozen=True)

    # Where things are
    data_dir: Path = Field(Path("data"), description="Folder for the database, the secrets and the log anchor.")
    database_url: str = Field(
        "",
        description="SQLAlchemy URL; empty: SQLite in data_dir. PostgreSQL: postgresql+psycopg://user@host/name",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8420, description="Port to listen on.", ge=0, le=65535)
    public_url: str = Field("", description="Address under which reporters reach us; empty: http://host:port")

    log_origin: str = Field(
        "",
        description="Name of the transparency log, in its checkpoints and key; empty: server_name, or the public "
        "address's host, and /nightlight. Changing it makes another log of it for everybody who follows.",
    )

    # The homeserver
    homeserver_url: str = Field("", description="The homeserver's base URL, the only server Nightlight ever calls.")
    server_name: str = Field("", description="The homeserver's server name, the part after the colon in account ids.")
    homeserver_token: SecretStr = Field(
        SecretStr(""), description="Access token of an admin account on the homeserver, for Nightlight alone."
    )
    homeserver_token_file: Path | None = Field(None, description="File that holds that token, instead of the above.")
    module_secret_file: Path | None = Field(
        None,
        description="File that holds the secret shared with the Synapse module; without it nothing is redacted.",
    )
    homeserver_timeout: float = Field(10.0, description="Longest wait for one answer of the homeserver, seconds.", gt=0)

    # Limits on what strangers send
    body_bytes_max: int = Field(262_144, description="Largest request body, bytes.", gt=0)
    note_chars_max: int = Field(4_000, description="Longest note in a report, characters.", gt=0)
    messages_max: int = Field(50, description="Most messages in one report.", gt=0)
    context_max: int = Field(
        20, description="Most messages in one report that are there as context, not reported themselves.", ge=0
    )
    json_depth_max: int = Field(32, description="Deepest nesting in JSON, levels.", gt=0)
    reports_per_hour: int = Field(300, description="Most new reports of one account in an hour.", gt=0)
    pending_max: int = Field(
        10_000,
        description="Most reports waiting for an unreachable homeserver before new ones are asked to wait.",
        gt=0,
    )

    # Reporters
    pending_hours: float = Field(
        1.0,
        description="How long a report may wait for an unreachable homeserver until its sign-in proof is void, hours.",
    )
    reporter_notices: bool = Field(
        True,
        description="Whether people who use the app's own report button are told, by server notice, how to prove it.",
    )

    # Attachments
    attachments: Attachments = Field(
        Attachments.HASH_ONLY,
        description="Whether attachments of proven messages are digested unseen (hash_only), or left alone (off).",
    )
    hash_list_file: Path | None = Field(
        None, description="File of known files' digests: MD5, SHA-1 or SHA-256, lower-case hex, one a line."
    )
    attachment_bytes_max: int = Field(
        104_857_600, description="Largest attachment that is checked or kept, bytes.", gt=0
    )
    attachment_seconds: float = Field(300.0, description="Longest time for fetching one attachment, seconds.", gt=0)

    disclosure_page: bool = Field(
        True, description="Whether /report is there: the page on which people prove messages, on their own device."
    )
    homeserver_public_url: str = Field(
        "", description="The homeserver's address as browsers reach it, for that page; empty: homeserver_url."
    )
    quick_exit_url: str = Field(
        "https://www.wikipedia.org/", description='Where "Leave this page" leads, at once and without a way back.'
    )

    # Prevention
    contact_policy: str = Field(
        "teen-default",
        description="The contact policy in force until two people put another one in force: teen-default, ofcom-f1, "
        "strict, open, or the path of a file.",
    )
    service_token_file: Path | None = Field(
        None, description="File that holds the token of the messenger's backend; without it /v1/events is closed."
    )
    appservice_file: Path | None = Field(
        None, description="The registration file of our application service in Synapse, made by `nightlight matrix`."
    )
    detection: Detect = Field(
        Detect.SHADOW,
        description="What the first rules of detection may do: shadow (their signals are written down and change "
        "nothing), live (two families together count), or off (nothing is detected). Later two people decide by rule.",
    )
    rules: str = Field(
        "starter", description="The rules in force until somebody adopts others: starter, or the path of a file."
    )
    detection_values_max: int = Field(
        50_000_000,
        description="How many keys and values detection keeps in memory, some 80 bytes each. When it is full, new "
        "accounts are no longer counted, and that is said (nightlight events refused).",
        ge=1_000_000,
        lt=2**31,
    )
    detection_cases: bool = Field(True, description="Whether alerts of detection become cases in the reviewers' queue.")
    rings: Detect = Field(
        Detect.SHADOW,
        description="Rings of accounts: shadow (alerts on the console's page, nothing else), live (they become cases, "
        "if alerts do), or off. Not without detection.",
    )
    events_days: float = Field(90.0, description="How long events and contact decisions are kept, days.", gt=0, le=366)
    events_max: int = Field(10_000, description="Most events in one request.", gt=0)
    approaches_max: int = Field(1_000, description="Most contact decisions in one request.", gt=0)
    service_body_bytes_max: int = Field(8_388_608, description="Largest request body of a service, bytes.", gt=0)
    notice_language: str = Field("en", description="Language of safety notices: en, de or fr.", pattern=r"^[a-z]{2}$")
    country: str = Field(
        "GB", description="Country whose helplines are named, two capital letters.", pattern=r"^[A-Z]{2}$"
    )
    catalogue_dir: Path | None = Field(
        None, description="Folder with notices, caps or helplines of your own (en.yaml, caps.yaml, helplines.yaml …)."
    )

    # A person's own page
    own_page: bool = Field(
        True, description="Whether /safe is there: the page on which young people see and change what protects them."
    )
    own_page_minutes: float = Field(
        30.0, description="How long somebody stays signed in there, minutes.", gt=0, le=1440
    )
    sign_in_links_of_one: int = Field(
        3, description="Most links for signing in there, for one account in an hour.", gt=0
    )
    sign_in_links_per_hour: int = Field(300, description="Most links for signing in there, in all in an hour.", gt=0)
    own_page_reports_per_hour: int = Field(
        20, description="Most reports of one account from that page in an hour; blocking goes on.", gt=0
    )

    # Reviewers
    cookie_secure: bool = Field(
        True, description="Session cookies only over HTTPS. Off only for plain HTTP on loopback."
    )
    session_hours: float = Field(10.0, description="How long a reviewer stays signed in, hours.", gt=0)
    sign_in_attempts: int = Field(
        10, description="Failed sign-ins of one name in 15 minutes before it must wait.", gt=0
    )

    # Handing evidence over
    operator_name: str = Field(
        "", description="Who signs evidence, as agencies know it; empty: Safety team of server_name."
    )
    approvals_needed: int = Field(
        2, description="How many approvers must sign before evidence leaves the house.", ge=1, le=20
    )
    timestamp_url: str = Field(
        "", description="An RFC 3161 time-stamp authority that learns a digest of each hand-over; empty: none is asked."
    )
    timestamp_root_file: Path | None = Field(
        None, description="The authority's root certificates in PEM; without them its own chain is believed."
    )

    # Reporting to agencies
    reporting_first_name: str = Field("", description="First name of the person whom agencies ask about reports.")
    reporting_last_name: str = Field("", description="Last name of that person.")
    reporting_email: str = Field("", description="Mail address of that person.")
    reporting_phone: str = Field("", description="Telephone number of that person.")
    reporting_about: str = Field("", description="What the operator says of itself in every report.")
    terms_url: str = Field("", description="Where the terms of service are, for agencies.")
    legal_url: str = Field("", description="Where legal process is served on the operator, for agencies.")
    ncmec_url: str = Field(
        "", description="Base address of NCMEC's reporting interface; empty: this installation is not connected to it."
    )
    ncmec_credentials_file: Path | None = Field(
        None, description="File with the user name for it in the first line and the password in the second."
    )
    referral_hours: float = Field(
        24.0, description="How long after it was signed a referral counts as overdue, hours.", gt=0
    )
    urgent_referral_hours: float = Field(1.0, description="The same for urgent ones, hours.", gt=0)
    nca_p1_hours: float = Field(
        1.0, description="The same for referrals to the NCA of priority P1, a child in immediate danger, hours.", gt=0
    )
    nca_p2_hours: float = Field(24.0, description="The same for priority P2, high, hours.", gt=0)
    nca_p3_hours: float = Field(72.0, description="The same for priority P3, all others, hours.", gt=0)
    urgent_review_hours: float = Field(
        24.0, description="How soon a second person has to have reviewed an urgent referral, hours.", gt=0
    )
    established: str = Field(
        "", description="Countries in which the operator is established, as in GB or US,GB; decides whose duty it is."
    )
    duties_file: Path | None = Field(
        None, description="Rules of your own about which agency is told; empty: the ones that come along."
    )

    # The record that is published
    target_first_look: str = Field(
        "1,4,24,72,168",
        description="The operator's own targets: hours until somebody first looks at a case, for severity 0 (the "
        "gravest) to 4. They are published with the record.",
    )
    target_decision: str = Field(
        "24,24,72,168,336", description="The same until a case is decided, counted from its opening."
    )
    target_referral: str = Field(
        "48,48,168,336,336",
        description="The same until an agency has the referral, counted from the opening of its case.",
    )

    # The evidence vault
    master_key_file: Path | None = Field(
        None,
        description="File with the master key that the evidence of every case is encrypted under: 32 bytes in "
        "hexadecimal. Empty: master.key in data_dir, made on first use.",
    )
    master_key: SecretStr = Field(
        SecretStr(""), description="That key itself, 32 bytes in hexadecimal, instead of a file."
    )
    master_key_command: str = Field(
        "",
        description="Command that has a key management service wrap and unwrap data keys, instead of a key held here; "
        "docs/evidence-vault.md says how it is called.",
    )
    vault_url: str = Field(
        "",
        description="Where kept files lie: s3://bucket/prefix?endpoint=…&region=… for any S3-compatible store, with "
        "credentials from the standard AWS variables; empty: the folder vault in data_dir.",
    )
    vault_check_days: float = Field(
        30.0, description="How often each kept file is read again to see that it is undamaged, days.", gt=0
    )

    # Keeping and erasing
    retention_rules: str = Field(
        "",
        description="File of retention rules: how long what is kept, and why; empty: the ones we come with.",
    )
    erasure: bool = Field(
        True, description="Whether what is past its period is announced and erased; off: nothing of a case ever goes."
    )
    erasure_notice_days: int = Field(
        7,
        description="How long before it goes something is announced to go, so that it can be held, days.",
        ge=1,
        le=90,
    )

    # Work in the background
    poll_seconds: float = Field(
        10.0, description="How often the homeserver's own reports are collected, seconds.", gt=0
    )
    outbox_seconds: float = Field(1.0, description="How often due actions are looked for, seconds.", gt=0)
    action_attempts_max: int = Field(12, description="Tries of an action before it counts as failed.", gt=0)

    @property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'nightlight.sqlite3'}"

    @property
    def resolved_public_url(self) -> str:
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
