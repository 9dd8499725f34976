"""A policy file: YAML in, a checked ``Policy`` out, or every mistake with its line and column."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from nightlight.hazmat.strict_yaml import MalformedError, Problem, Reader, read_nodes
from nightlight.model.account import MINORS, AgeBand, Assurance
from nightlight.model.contact import OUTCOMES, ContactOutcome, Direction, Relation
from nightlight.prevent.notices import NOTICE_IDS
from nightlight.prevent.policy import (
    ASSURANCE_RANK,
    CELLS,
    FACTS,
    Appearance,
    Cell,
    Condition,
    Limit,
    Loosener,
    Policy,
    Protection,
    Risk,
    Row,
    Selector,
    Test,
)

FORMAT = "nightlight-contact-policy/1"
CODE = "policy_malformed"
HOUR_MS = 3_600_000
HOLD_MAX_MS = 30 * 24 * HOUR_MS
RULES_MAX = 500

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_DURATION = re.compile(r"([1-9][0-9]{0,3})([mhd])\Z")
_UNIT_MS = {"m": 60_000, "h": HOUR_MS, "d": 24 * HOUR_MS}
_BANDS = {band.value: frozenset({band}) for band in AgeBand}
#: Words for several bands at once.
GROUPS = {"minor": frozenset(MINORS), "anyone": frozenset(AgeBand)}
_BAND_WORDS = _BANDS | GROUPS
_SELECTOR = ("from", "to", "relation", "direction")


@dataclass(frozen=True, slots=True)
class Checked:
    """A policy that can be used, with what is odd about it."""

    policy: Policy
    warnings: tuple[Problem, ...]


def read_policy(data: bytes) -> Checked:
    """Checks the whole file. ``MalformedError('policy_malformed')`` carries every mistake."""
    root = read_nodes(data, CODE)
    reader = _PolicyReader()
    policy = reader.policy(root, hashlib.sha256(data).hexdigest())
    if any(not problem.warning for problem in reader.problems):
        raise MalformedError(CODE, reader.problems)
    return Checked(policy, tuple(sorted(reader.problems)))


class _PolicyReader(Reader):
    def __init__(self) -> None:
        super().__init__()
        self._ids: dict[str, int] = {"blocked": 0}
        self._sources: dict[str, str] = {}

    def policy(self, root: yaml.Node, digest: str) -> Policy:
        required = ("format", "name", "version", "description", "sources", "matrix")
        found = self.mapping(root, required, ("denied_looks", "conditions", "limits", "protections"))
        if "format" in found and self.text(found["format"], "format") != FORMAT:
            self.complain(found["format"], f'The format is "{FORMAT}".')
        name = self._name(found["name"]) if "name" in found else ""
        version = self._version(found["version"]) if "version" in found else ""
        if "sources" in found:
            for key, value in self.pairs(found["sources"]):
                self._sources[key.value] = self.text(value, "sources")
        rows = self._list(found.get("matrix"), self._row)
        protections = self._list(found.get("protections"), self._protection)
        conditions = self._list(found.get("conditions"), self._condition)
        limits = self._list(found.get("limits"), self._limit)
        looks = found.get("denied_looks")
        denied = self.choice(looks, "denied_looks", [item.value for item in Appearance]) if looks else ""
        if "matrix" in found and not any(not problem.warning for problem in self.problems):
            self._check_cover(found["matrix"], rows)
            self._check_effect(found, rows, [*protections, *conditions, *limits])
        return Policy(
            name=name,
            version=version,
            description=self.text(found["description"], "description") if "description" in found else "",
            digest=digest,
            sources=tuple(self._sources.items()),
            denied_looks=Appearance(denied or Appearance.UNANSWERED),
            rows=tuple(rows),
            conditions=tuple(conditions),
            limits=tuple(limits),
            protections=tuple(protections),
        )

    def _list(self, node: yaml.Node | None, read: Any) -> list[Any]:
        if node is None:
            return []
        items = self.items(node)
        if len(items) > RULES_MAX:
            self.complain(node, f"More than {RULES_MAX} entries.")
            return []
        return [made for item in items if (made := read(item)) is not None]

    def _row(self, node: yaml.Node) -> Row | None:
        found = self.mapping(node, ("id", *_SELECTOR, "outcome", "source"), ("for", "notices"))
        if not {"id", *_SELECTOR, "outcome", "source"} <= found.keys():
            return None
        outcome, hold = self._outcome(found, "outcome")
        return Row(
            self._id(found["id"]),
            self._selector(found),
            outcome,
            hold,
            self._notices(found),
            self._source(found["source"]),
            node.start_mark.line + 1,
        )

    def _condition(self, node: yaml.Node) -> Condition | None:
        required = ("id", "when", "at_least", "source")
        found = self.mapping(node, required, (*_SELECTOR, "for", "notices"))
        if not found.keys() >= set(required):
            return None
        outcome, hold = self._outcome(found, "at_least")
        return Condition(
            self._id(found["id"]),
            self._selector(found),
            self._tests(found["when"]),
            outcome,
            hold,
            self._notices(found),
            self._source(found["source"]),
            node.start_mark.line + 1,
        )

    def _limit(self, node: yaml.Node) -> Limit | None:
        required = ("id", "counts", "most", "per", "then", "source")
        found = self.mapping(node, required, (*_SELECTOR, "for"))
        if not found.keys() >= set(required):
            return None
        outcome, hold = self._outcome(found, "then")
        counts = OUTCOMES.get(self.choice(found["counts"], "counts", list(OUTCOMES)), ContactOutcome.ALLOW)
        if outcome <= counts:
            self.complain(found["then"], f'"{outcome.word}" is no stricter than "{counts.word}", which is counted.')
        return Limit(
            self._id(found["id"]),
            self._selector(found),
            counts,
            self.whole(found["most"], "most", 1, 1_000_000),
            self._duration(found["per"], "per"),
            outcome,
            hold,
            self._source(found["source"]),
            node.start_mark.line + 1,
        )

    def _protection(self, node: yaml.Node) -> Protection | None:
        required = ("id", "title", "at_least", "loosened_by", "source")
        found = self.mapping(node, required, ("from", "relation", "direction", "for"))
        if not found.keys() >= set(required):
            return None
        outcome, hold = self._outcome(found, "at_least")
        by: list[tuple[AgeBand, Loosener]] = []
        for key, value in self.pairs(found["loosened_by"]):
            if key.value not in _BANDS:
                self.complain(key, f'loosened_by: there is no band "{key.value}".', f"Known: {', '.join(_BANDS)}.")
                continue
            who = self.choice(value, "loosened_by", [item.value for item in Loosener])
            by.append((AgeBand(key.value), Loosener(who or Loosener.NOBODY)))
        if not by:
            self.complain(found["loosened_by"], "A protection holds for at least one band.")
        selector = self._selector(found, to=frozenset(band for band, _ in by))
        return Protection(
            self._id(found["id"]),
            self.text(found["title"], "title", 120),
            selector,
            outcome,
            hold,
            tuple(by),
            self._source(found["source"]),
            node.start_mark.line + 1,
        )

    def _selector(self, found: dict[str, yaml.Node], to: frozenset[AgeBand] | None = None) -> Selector:
        """What is left out means everything, except in the matrix, where it has to be written."""
        relations = [item.value for item in Relation]
        directions = [item.value for item in Direction]
        return Selector(
            self._bands(found.get("from"), "from"),
            self._bands(found.get("to"), "to") if to is None else to,
            frozenset(map(Relation, self._any(found.get("relation"), "relation", relations))),
            frozenset(map(Direction, self._any(found.get("direction"), "direction", directions))),
        )

    def _bands(self, node: yaml.Node | None, what: str) -> frozenset[AgeBand]:
        if node is None:
            return GROUPS["anyone"]
        return frozenset().union(*(_BAND_WORDS[word] for word in self.choices(node, what, list(_BAND_WORDS))))

    def _any(self, node: yaml.Node | None, what: str, known: Sequence[str]) -> Sequence[str]:
        if node is None:
            return known
        chosen = self.choices(node, what, ["any", *known])
        return known if "any" in chosen else chosen

    def _tests(self, node: yaml.Node) -> tuple[Test, ...]:
        tests = []
        for key, value in self.pairs(node):
            fact = FACTS.get(key.value)
            if fact is None:
                self.mapping(_only(key, node), (), list(FACTS))  # complains, with a suggestion
                continue
            word = "at_least" if fact.risk is Risk.UP else "below"
            if fact.unit == "yes_no":
                if not self.truth(value, fact.name):
                    self.complain(value, f"{fact.name}: only true can make an outcome stricter.")
                tests.append(Test(fact, 1))
                continue
            wrong = {"at_least": "below", "below": "at_least"}[word]
            inner = value.value if isinstance(value, yaml.MappingNode) else []
            if [key.value for key, _ in inner if isinstance(key, yaml.ScalarNode)] == [wrong]:
                why = "less" if fact.risk is Risk.DOWN else "more"
                self.complain(
                    inner[0][0],
                    f"{fact.name}: {why} of it is the greater risk, so only {word} can be asked.",
                    "Otherwise more risk would make the outcome milder.",
                )
                continue
            bound = self.mapping(value, (word,)).get(word)
            if bound is not None:
                tests.append(Test(fact, self._bound(bound, fact.name, fact.unit)))
        if not node.value:
            self.complain(node, "A condition asks for at least one fact.")
        return tuple(tests)

    def _bound(self, node: yaml.Node, name: str, unit: str) -> int:
        if unit == "time":
            return -(-self._duration(node, name) // HOUR_MS)
        if unit == "assurance":
            word = self.choice(node, name, [item.value for item in Assurance if item is not Assurance.NONE])
            return ASSURANCE_RANK[Assurance(word)] if word else 1
        return self.whole(node, name, 1, 1_000_000)

    def _outcome(self, found: dict[str, yaml.Node], key: str) -> tuple[ContactOutcome, int]:
        outcome = OUTCOMES.get(self.choice(found[key], key, list(OUTCOMES)), ContactOutcome.DENY)
        if outcome is ContactOutcome.HOLD:
            if "for" not in found:
                self.complain(found[key], 'A hold needs its time: "for: 24h".')
                return outcome, HOUR_MS
            hold = self._duration(found["for"], "for")
            if hold > HOLD_MAX_MS:
                self.complain(found["for"], "A hold lasts at most 30d.")
            return outcome, hold
        if "for" in found:
            self.complain(found["for"], f'"for" goes with hold, not with {outcome.word}.')
        return outcome, 0

    def _duration(self, node: yaml.Node, what: str) -> int:
        match = _DURATION.match(node.value) if isinstance(node, yaml.ScalarNode) else None
        if not match:
            self.complain(node, f"{what}: a duration belongs here, such as 30m, 24h or 7d.")
            return HOUR_MS
        return int(match[1]) * _UNIT_MS[match[2]]

    def _notices(self, found: dict[str, yaml.Node]) -> tuple[str, ...]:
        if "notices" not in found:
            return ()
        return tuple(self.choices(found["notices"], "notices", list(NOTICE_IDS)))

    def _source(self, node: yaml.Node) -> str:
        names = list(self._sources)
        if isinstance(node, yaml.ScalarNode) and node.value in self._sources:
            return str(node.value)
        return ", ".join(self.choices(node, "source", names)) if names else self.text(node, "source")

    def _id(self, node: yaml.Node) -> str:
        text = self.text(node, "id", 64)
        if text and not _ID.match(text):
            self.complain(node, "An id is made of small letters, digits and hyphens.")
        line = node.start_mark.line + 1
        if self._ids.setdefault(text, line) != line:
            self.complain(node, f'The id "{text}" is taken.', f"See line {self._ids[text]}." if self._ids[text] else "")
        return text

    def _name(self, node: yaml.Node) -> str:
        text = self.text(node, "name", 64)
        if text and not _ID.match(text):
            self.complain(node, "A name is made of small letters, digits and hyphens.")
        return text

    def _version(self, node: yaml.Node) -> str:
        text = self.text(node, "version", 32)
        if text and not re.match(r"[0-9A-Za-z][0-9A-Za-z.-]*\Z", text):
            self.complain(node, "A version is made of letters, digits, dots and hyphens.")
        return text

    def _check_cover(self, node: yaml.Node, rows: Sequence[Row]) -> None:
        """Every cell has a row, and every row a cell that no earlier row took."""
        lines = {item.start_mark.line + 1: item for item in node.value}
        owner: dict[Cell, Row] = {}
        for row in rows:
            mine = [cell for cell in CELLS if row.selector.covers(cell)]
            taken = {owner[cell].id: owner[cell] for cell in mine if cell in owner}
            if all(cell in owner for cell in mine):
                others = list(taken.values())
                against = len(others) == 1 and others[0].outcome != row.outcome
                first = others[0]
                what = f"contradicts row {first.id} (line {first.line}): {first.outcome.word} there" if against else ""
                self.complain(
                    lines[row.line],
                    f"Row {row.id} is never reached: {', '.join(sorted(taken))} cover all of it"
                    + (f", and it {what}, {row.outcome.word} here." if what else "."),
                    "The first row that covers a cell holds: move it up, or remove it.",
                    warning=not against,
                )
            for cell in mine:
                owner.setdefault(cell, row)
        if missing := [cell for cell in CELLS if cell not in owner]:
            few = "; ".join(map(str, missing[:3]))
            self.complain(
                node,
                f"{len(missing)} cells of the matrix have no row: {few}{' …' if len(missing) > 3 else ''}.",
                "End with a row that covers anyone, any relation and any direction.",
            )

    def _check_effect(
        self,
        found: dict[str, yaml.Node],
        rows: Sequence[Row],
        rules: Sequence[Condition | Limit | Protection],
    ) -> None:
        """A rule that is nowhere stricter than the matrix does nothing, and somebody believes that it does."""
        lines = {
            item.start_mark.line + 1: item
            for part in ("conditions", "limits", "protections")
            if part in found
            for item in found[part].value
        }
        cells = {cell: next((row for row in rows if row.selector.covers(cell)), None) for cell in CELLS}
        for rule in rules:
            covered = [row for cell, row in cells.items() if row is not None and rule.selector.covers(cell)]
            changes = any(
                row.outcome < rule.outcome or (row.outcome is rule.outcome is ContactOutcome.HOLD) for row in covered
            )
            tells = isinstance(rule, Condition) and bool(rule.notices)
            if not changes and not tells:
                self.complain(
                    lines[rule.line],
                    f'"{rule.id}" never changes anything: the matrix is at least as strict everywhere it applies.',
                    warning=True,
                )


def _only(key: yaml.ScalarNode, node: yaml.Node) -> yaml.MappingNode:
    return yaml.MappingNode(node.tag, [(key, key)], node.start_mark, node.end_mark)
