"""The same definitions as SQL for DuckDB: every feature at every event that is asked about, and the rules that hold.

Exact in the sense of ``windows.py``: events have one order, that of their numbers, and each is read after it was added.
Window frames over time alone would count later events of the same instant, so every feature is a running sum over
steps: an event adds, t + W takes away before anything of that instant happens, a reading comes after its own event.
For ``count_distinct`` a pair adds only if it was not there, and leaves only if it does not come again in time.

No word of a definition gets into the text: features are f0, f1 ... and rules are numbers, by their places in the pack.
"""

# ruff: noqa: S608 - all of the text is ours but for numbers; a test with hostile definitions shows it

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlight.detect.definitions import WINDOWED, Feature, Function, Pack, Rule
from nightlight.detect.expression import (
    All,
    Among,
    Any,
    Arithmetic,
    Call,
    Compare,
    Name,
    Node,
    Not,
    Value,
    names_of,
    type_of,
)
from nightlight.detect.fields import FIELDS, NEVER_MS, Type

_SIGNS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "+": "+", "-": "-", "*": "*"}
_OWN_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
#: Where the results stand.
ASKED, VALUES, HITS = "nl_asked", "nl_values", "nl_hits"


@dataclass(frozen=True, slots=True)
class Script:
    """``statements``: to be run in turn on one connection. ``columns``: in ``nl_values``, by feature.

    ``nl_values``: number, t, the fields, a column for each feature. ``nl_hits``: number, t, rule (its place in the
    pack), about; in the order of ``number`` and ``rule``. ``drop``: what removes them again.
    """

    statements: tuple[str, ...]
    columns: Mapping[str, str]
    drop: tuple[str, ...]


def expression_sql(node: Node, features: Mapping[str, str]) -> str:
    """The expression over the columns of an event. ``features``: the column of each feature."""
    match node:
        case Name(name, _, True):
            return features[name]
        case Name(name, _, False):
            return f'"{FIELDS[name].name}"'
        case Value(value, _):
            return _literal(value)
        case Compare(left, sign, right):
            kind = Type.RATIO if Type.RATIO in (type_of(left), type_of(right)) else None
            return f"({_as(left, features, kind)} {_SIGNS[sign]} {_as(right, features, kind)})"
        case Among(left, values, negated):
            listed = ", ".join(str(int(value)) for value in values)
            return f"({expression_sql(left, features)} {'NOT IN' if negated else 'IN'} ({listed}))"
        case Not(part):
            return f"(NOT {expression_sql(part, features)})"
        case All(parts) | Any(parts):
            word = " AND " if isinstance(node, All) else " OR "
            return "(" + word.join(expression_sql(part, features) for part in parts) + ")"
        case Arithmetic(left, sign, right, kind):
            return f"({_wide(left, features, kind)} {_SIGNS[sign]} {_wide(right, features, kind)})"
        case Call("ratio", (part, whole, otherwise)):
            one, other = (_as(side, features, Type.RATIO) for side in (part, whole))
            return f"(CASE WHEN {other} <> 0 THEN {one} / {other} ELSE {expression_sql(otherwise, features)} END)"
        case Call(name, parts, kind):
            word = "least" if name == "least" else "greatest"
            return f"{word}({', '.join(_wide(part, features, kind) for part in parts)})"
    raise AssertionError(node)


def script(
    pack: Pack,
    source: str,
    *,
    since: int | None = None,
    until: int | None = None,
    chosen: str | None = None,
    every: bool = False,
) -> Script:
    """The whole pack over the table or view ``source`` in the layout of ``columns.py``, each event in it once.

    Asked about is every event at which some rule looks: with ``every`` all events, with ``since`` and ``until`` those
    with since <= t < until (what is older still counts), with ``chosen`` those whose ``number`` is in that table. A
    feature has its value at the events at which a rule that needs it looks, elsewhere that of a key never seen.
    """
    _own(source)
    features, columns = pack.features, {one.id: f"f{place}" for place, one in enumerate(pack.features)}
    looks = {one.id: "TRUE" if every else _looks(pack, one) for one in features}
    anywhere = "TRUE" if every else _any_of([_prefilter(rule) for rule in pack.rules])
    limits = [anywhere]
    if since is not None:
        limits.append(f"t >= {int(since)}")
    if until is not None:
        limits.append(f"t < {int(until)}")
    if chosen is not None:
        limits.append(f"number IN (SELECT number FROM {_own(chosen)})")
    fields = ", ".join(f'"{name}"' for name in FIELDS)
    made = [f"CREATE OR REPLACE TEMP TABLE {ASKED} AS SELECT number, t, {fields} FROM {source}\nWHERE {_and(limits)}"]
    kept = [one for one in features if one.function is not Function.VALUE]
    for one in kept:
        build = _windowed if one.function in WINDOWED else _times
        text = build(one, source, looks[one.id])
        made.append(f"CREATE OR REPLACE TEMP TABLE nl_{columns[one.id]} AS\n{text}")
    made.append(f"CREATE OR REPLACE TEMP TABLE {VALUES} AS\n{_joined(pack, kept, columns)}")
    made.append(f"CREATE OR REPLACE TEMP TABLE {HITS} AS\n{_hits(pack, columns)}")
    tables = [ASKED, *(f"nl_{columns[one.id]}" for one in kept), VALUES, HITS]
    return Script(tuple(made), columns, tuple(f"DROP TABLE IF EXISTS {name}" for name in tables))


# Features


def _windowed(feature: Feature, source: str, looks: str) -> str:
    distinct = feature.function is Function.COUNT_DISTINCT
    value = f'"{FIELDS[feature.value].name}"' if feature.value else "1"
    window = int(feature.over_ms)
    added = _added(feature, source, looks, f"CAST({value} AS BIGINT) AS value", f"{value} <> 0" if distinct else "TRUE")
    change, comes, goes = "value", "TRUE", "TRUE"
    if distinct:
        change = "1"
        comes, goes = f"before IS NULL OR t - before >= {window}", f"after IS NULL OR after - t >= {window}"
        added += """, pairs AS (
  SELECT *, lag(t) OVER pair AS before, lead(t) OVER pair AS after FROM added
  WINDOW pair AS (PARTITION BY key, value ORDER BY number)
)"""
    table = "pairs" if distinct else "added"
    # What ends at an instant is gone before anything of that instant: place -1 stands before all numbers.
    return f"""WITH {added}, steps AS (
  SELECT key, t, number AS place, 0 AS reading, {change} AS change FROM {table} WHERE {comes}
  UNION ALL SELECT key, t + {window}, -1, 0, -{change} FROM {table} WHERE {goes}
  UNION ALL SELECT key, t, number, 1, 0 FROM readings
), running AS (
  SELECT place, reading, sum(change) OVER (
    PARTITION BY key ORDER BY t, place, reading ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS total FROM steps
)
SELECT place AS number, CAST(total AS BIGINT) AS value FROM running WHERE reading = 1 AND total <> 0"""


def _times(feature: Feature, source: str, looks: str) -> str:
    lifetime = int(feature.over_ms)
    asked_for = "latest" if feature.function is Function.TIME_SINCE else "start"
    return f"""WITH {_added(feature, source, looks, "0 AS value", "TRUE")}, rows_of AS (
  SELECT *, lag(t) OVER (PARTITION BY key ORDER BY number) AS before FROM added
), steps AS (
  SELECT key, number, 0 AS reading, t, t AS seen,
    CASE WHEN before IS NULL OR t - before >= {lifetime} THEN t END AS began FROM rows_of
  UNION ALL SELECT key, number, 1, t, NULL, NULL FROM readings
), running AS (
  SELECT number, reading, t, max(seen) OVER so_far AS latest, max(began) OVER so_far AS start FROM steps
  WINDOW so_far AS (PARTITION BY key ORDER BY number, reading ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT number, t - {asked_for} AS value FROM running WHERE reading = 1 AND t - latest < {lifetime}"""


def _added(feature: Feature, source: str, looks: str, value: str, also: str) -> str:
    """The readings of a feature, and the events that count for it under keys that are read at all."""
    per, read = f'"{FIELDS[feature.per].name}"', f'"{FIELDS[feature.read].name}"'
    when = expression_sql(feature.when, {}) if feature.when is not None else "TRUE"
    return f"""readings AS (
  SELECT number, t, {read} AS key FROM {ASKED} WHERE {read} <> 0 AND {looks}
), added AS (
  SELECT number, t, {per} AS key, {value} FROM {source}
  WHERE {when} AND {per} <> 0 AND {also} AND {per} IN (SELECT key FROM readings)
)"""


def _joined(pack: Pack, kept: Sequence[Feature], columns: Mapping[str, str]) -> str:
    chosen, joins = ["a.*"], []
    for one in kept:
        name = columns[one.id]
        nothing = 0 if one.function in WINDOWED else NEVER_MS
        chosen.append(f"coalesce({name}_of.value, {nothing}) AS {name}")
        joins.append(f"LEFT JOIN nl_{name} AS {name}_of ON {name}_of.number = a.number")
    text = f"SELECT {', '.join(chosen)} FROM {ASKED} AS a {' '.join(joins)}"
    for one in pack.features:  # each may be computed of those before it
        if one.computed is not None:
            text = f"SELECT *, {expression_sql(one.computed, columns)} AS {columns[one.id]} FROM ({text})"
    return text


# Rules


def _hits(pack: Pack, columns: Mapping[str, str]) -> str:
    parts = [
        f'SELECT number, t, {place} AS rule, "{FIELDS[rule.about].name}" AS about FROM {VALUES}\n'
        f'WHERE "{FIELDS[rule.about].name}" <> 0 AND {expression_sql(rule.when, columns)}'
        for place, rule in enumerate(pack.rules)
    ]
    if not parts:
        return "SELECT 0::BIGINT AS number, 0::BIGINT AS t, 0 AS rule, 0::BIGINT AS about WHERE FALSE"
    return "SELECT * FROM (\n" + "\nUNION ALL\n".join(parts) + "\n) ORDER BY number, rule"


def _looks(pack: Pack, feature: Feature) -> str:
    """At which events some rule asks for the feature, as far as the event alone tells."""
    needing = [rule for rule in pack.rules if feature in pack.needed(rule.when)]
    return _any_of([_prefilter(rule) for rule in needing])


def _prefilter(rule: Rule) -> str:
    """What of a rule's condition can be told from the event alone."""
    parts = rule.when.parts if isinstance(rule.when, All) else (rule.when,)
    alone = [expression_sql(part, {}) for part in parts if names_of(part) <= FIELDS.keys()]
    return _and([f'"{FIELDS[rule.about].name}" <> 0', *alone])


def _any_of(conditions: Sequence[str]) -> str:
    return "(" + " OR ".join(dict.fromkeys(conditions)) + ")" if conditions else "FALSE"


def _and(conditions: Sequence[str]) -> str:
    return "(" + " AND ".join(conditions) + ")"


# Values


def _literal(value: float) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    text = repr(value)  # with an exponent, else DuckDB takes it for a DECIMAL
    return text if "e" in text else f"{text}e0"


def _as(node: Node, features: Mapping[str, str], kind: Type | None) -> str:
    text = expression_sql(node, features)
    return f"CAST({text} AS DOUBLE)" if kind is Type.RATIO else text


def _wide(node: Node, features: Mapping[str, str], kind: Type) -> str:
    """Wide enough that nothing overflows: small counts are kept in one byte, and never is 2**62."""
    return f"CAST({expression_sql(node, features)} AS {'DOUBLE' if kind is Type.RATIO else 'HUGEINT'})"


def _own(name: str) -> str:
    if not _OWN_NAME.match(name):
        raise ValueError(f"no name of ours: {name!r}")
    return name
