"""The tables of detection. Times are milliseconds since 1970, UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from nightlight.store.schema import metadata

_NUMBER = BigInteger().with_variant(Integer, "sqlite")

# What was known about accounts when events arrived, for the events from ``first`` to ``last``: sealed, and without ids.
arrivals = Table(
    "arrivals",
    metadata,
    Column("first", _NUMBER, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

signals = Table(
    "signals",
    metadata,
    # By event and rule, so that an event that is looked at again raises nothing twice
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", Text, primary_key=True),
    Column("about", BigInteger, nullable=False),
    Column("account", Text, nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("family", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("pack", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("values", Text, nullable=False),
    Column("outcome", Text, nullable=False),
)
Index("ix_signals_about", signals.c.about, signals.c.until)
Index("ix_signals_rule", signals.c.rule, signals.c.raised_at)
Index("ix_signals_raised_at", signals.c.raised_at)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("identity", BigInteger, nullable=False),
    Column("accounts", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("case_id", Text, ForeignKey("cases.case_id")),
    Column("reasons", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
Index("ix_alerts_identity", alerts.c.kind, alerts.c.identity, alerts.c.state)
Index("ix_alerts_state", alerts.c.state, alerts.c.changed_at)
Index("ix_alerts_case", alerts.c.case_id)

rule_packs = Table(
    "rule_packs",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("text", LargeBinary, nullable=False),
)

rule_changes = Table(
    "rule_changes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("pack", Text, nullable=False),
    Column("modes", Text, nullable=False),
    Column("proposed", Text, nullable=False),
)

backtests = Table(
    "backtests",
    metadata,
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("by", Text, nullable=False),
    Column("pack", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("summary", Text, nullable=False),
)
