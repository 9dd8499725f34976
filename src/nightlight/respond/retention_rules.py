"""Retention rules as data: YAML in, checked ``RetentionRules`` out, or every mistake with its line and column.

A rule is either a duty (``at_least``) or a limit (``at_most``), never both. What it may ask for is a closed list, so
that a plan can be made for a million cases and every line of it explained.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import yaml

from nightlight.hazmat.strict_yaml import MalformedError, Reader, read_nodes, suggestion
from nightlight.model.case import CaseSource, Outcome
from nightlight.model.retention import Record
from nightlight.respond.calendar import Period, Unit

FORMAT = "nightlight-retention/1"
CODE = "retention_malformed"
RULES_MAX = 200
YEARS_MAX = 100

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_PERIOD = re.compile(r"([1-9][0-9]{0,4}) (day|month|year)s?\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_IN_A_YEAR = {Unit.DAY: 366, Unit.MONTH: 12, Unit.YEAR: 1}
#: In a rule: referred to whomever.
ANYBODY = "anybody"


class ClockStart(StrEnum):
    """From when a period is counted. A closed list."""

    REPORT_RECEIVED = "report_received"
    CASE_DECIDED = "case_decided"
    REFERRAL_FINISHED = "referral_finished"
    PRESERVATION_REQUESTED = "preservation_requested"


CLOCK_WORDS: dict[ClockStart, str] = {
    ClockStart.REPORT_RECEIVED: "the last report of the case",
    ClockStart.CASE_DECIDED: "the decision",
    ClockStart.REFERRAL_FINISHED: "the end of the referral",
    ClockStart.PRESERVATION_REQUESTED: "the request to preserve",
}


@dataclass(frozen=True, slots=True)
class AgencyNames:
    """An agency as rules call it, the names under which operators may have it, in small letters, and its country."""

    code: str
    country: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """``duty``: kept at least for the period; otherwise kept at most for it. Empty conditions ask for nothing.

    ``referred_to``: codes of agencies, or ``ANYBODY``. ``preservation``: only where an agency asked to preserve.
    """

    id: str
    records: frozenset[Record]
    outcomes: frozenset[Outcome]
    sources: frozenset[CaseSource]
    referred_to: frozenset[str]
    countries: frozenset[str]
    preservation: bool
    duty: bool
    period: Period
    start: ClockStart
    why: str
    legal_basis: str
    line: int = field(default=0, compare=False)

    @property
    def about_referrals(self) -> bool:
        return bool(self.referred_to or self.countries)


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """A checked file. ``digest``: SHA-256 of its bytes, in hexadecimal. ``sources``: what legal bases stand for."""

    name: str
    version: str
    description: str
    digest: str
    sources: Mapping[str, str]
    agencies: Sequence[AgencyNames]
    rules: Sequence[Rule]

    @property
    def reference(self) -> str:
        """Name, version and the beginning of the digest: how plans and the log name these rules."""
        return f"{self.name}@{self.version}#{self.digest[:16]}"

    def agency(self, name: str) -> AgencyNames | None:
        """The agency that an operator calls so."""
        wanted = name.strip().casefold()
        return next((known for known in self.agencies if wanted == known.code or wanted in known.names), None)


def read_retention_rules(data: bytes) -> RetentionRules:
    """Checks the whole file. ``MalformedError('retention_malformed')`` carries every mistake."""
    root = read_nodes(data, CODE)
    reader = _RulesReader()
    rules = reader.rules(root, hashlib.sha256(data).hexdigest())
    if reader.problems:
        raise MalformedError(CODE, reader.problems)
    return rules


class _RulesReader(Reader):
    def __init__(self) -> None:
        super().__init__()
        self._sources: dict[str, str] = {}
        self._agencies: list[AgencyNames] = []
        self._ids: dict[str, int] = {}

    def rules(self, root: yaml.Node, digest: str) -> RetentionRules:
        found = self.mapping(root, ("format", "name", "version", "description", "sources", "rules"), ("agencies",))
        if "format" in found and self.text(found["format"], "format") != FORMAT:
            self.complain(found["format"], f'The format is "{FORMAT}".')
        for key, value in self.pairs(found["sources"]) if "sources" in found else ():
            self._sources[key.value] = self.text(value, "sources")
        if "agencies" in found:
            self._read_agencies(found["agencies"])
        rules: list[Rule] = []
        if "rules" in found:
            items = self.items(found["rules"])
            if len(items) > RULES_MAX:
                self.complain(found["rules"], f"More than {RULES_MAX} rules.")
                items = []
            rules = [rule for item in items if (rule := self._rule(item)) is not None]
            if not self.problems:
                self._check_cover(found["rules"], rules)
        return RetentionRules(
            name=self._name(found.get("name"), "name", _ID, "small letters, digits and hyphens"),
            version=self._name(
                found.get("version"), "version", re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,31}\Z"), "letters and digits"
            ),
            description=self.text(found["description"], "description") if "description" in found else "",
            digest=digest,
            sources=self._sources,
            agencies=tuple(self._agencies),
            rules=tuple(rules),
        )

    def _name(self, node: yaml.Node | None, what: str, pattern: re.Pattern[str], made_of: str) -> str:
        text = self.text(node, what, 64) if node is not None else ""
        if node is not None and text and not pattern.match(text):
            self.complain(node, f"{what}: it is made of {made_of}.")
        return text

    def _read_agencies(self, node: yaml.Node) -> None:
        taken: dict[str, str] = {}
        for key, value in self.pairs(node):
            if not _ID.match(key.value) or key.value == ANYBODY:
                self.complain(key, "agencies: a code is made of small letters, digits and hyphens.")
            found = self.mapping(value, ("country", "names"))
            country = self._name(found.get("country"), "country", _COUNTRY, "two capital letters")
            names: list[str] = []
            for item in self.items(found["names"]) if "names" in found else ():
                name = self.text(item, "names", 128).strip().casefold()
                if taken.setdefault(name, key.value) != key.value:
                    self.complain(item, f"names: {taken[name]} is called so as well.")
                names.append(name)
            self._agencies.append(AgencyNames(key.value, country, frozenset(names)))

    def _rule(self, node: yaml.Node) -> Rule | None:
        required = ("id", "records", "from", "why", "legal_basis")
        found = self.mapping(node, required, ("when", "at_least", "at_most"))
        if not found.keys() >= set(required):
            return None
        bounds = [name for name in ("at_least", "at_most") if name in found]
        if len(bounds) != 1:
            what = "Both at_least and at_most stand here" if bounds else "Neither at_least nor at_most stands here"
            self.complain(node, f"{what}.", "A duty is at_least, a limit is at_most; write two rules for both.")
            return None
        when = self._when(found["when"]) if "when" in found else {}
        start = self.choice(found["from"], "from", [item.value for item in ClockStart])
        preservation = self.truth(when["preservation"], "preservation") if "preservation" in when else False
        if "preservation" in when and not preservation:
            self.complain(when["preservation"], "preservation: only true can be asked for; leave it out otherwise.")
        about_referrals = "referred_to" in when or "country" in when
        if start == ClockStart.REFERRAL_FINISHED and not about_referrals:
            self.complain(found["from"], 'from: nothing is said of a referral: add "when: {referred_to: anybody}".')
        if start == ClockStart.PRESERVATION_REQUESTED and not preservation:
            self.complain(found["from"], 'from: nothing is said of a request: add "when: {preservation: true}".')
        sources = list(self._sources)
        return Rule(
            id=self._id(found["id"]),
            records=frozenset(map(Record, self.choices(found["records"], "records", [item.value for item in Record]))),
            outcomes=frozenset(map(Outcome, self._asked(when, "outcome", [item.value for item in Outcome]))),
            sources=frozenset(map(CaseSource, self._asked(when, "source", [item.value for item in CaseSource]))),
            referred_to=frozenset(
                self._asked(when, "referred_to", [ANYBODY, *(agency.code for agency in self._agencies)])
            ),
            countries=frozenset(self._asked(when, "country", sorted({a.country for a in self._agencies}))),
            preservation=preservation,
            duty=bounds == ["at_least"],
            period=self._period(found[bounds[0]], bounds[0]),
            start=ClockStart(start or ClockStart.CASE_DECIDED),
            why=self.text(found["why"], "why", 1_000).strip(),
            legal_basis=self.choice(found["legal_basis"], "legal_basis", sources),
            line=node.start_mark.line + 1,
        )

    def _when(self, node: yaml.Node) -> dict[str, yaml.Node]:
        when = self.mapping(node, (), ("outcome", "source", "referred_to", "country", "preservation"))
        if not when and not self.problems:
            self.complain(node, "when: no condition stands here.", "Leave it out for a rule that always applies.")
        return when

    def _asked(self, when: Mapping[str, yaml.Node], name: str, known: Sequence[str]) -> Sequence[str]:
        return self.choices(when[name], name, known) if name in when else ()

    def _period(self, node: yaml.Node, what: str) -> Period:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        match = _PERIOD.match(text)
        if not match:
            unit = text.split()[-1] if text.split() else ""
            hint = suggestion(unit, ["days", "months", "years"]) if unit.isalpha() else ""
            self.complain(node, f"{what}: a period belongs here, such as 30 days, 6 months or 1 year.", hint)
            return Period(1, Unit.YEAR)
        period = Period(int(match[1]), Unit(match[2]))
        if period.number > YEARS_MAX * _IN_A_YEAR[period.unit]:
            self.complain(node, f"{what}: at most {YEARS_MAX} years.")
        return period

    def _id(self, node: yaml.Node) -> str:
        text = self.text(node, "id", 64)
        if text and not _ID.match(text):
            self.complain(node, "An id is made of small letters, digits and hyphens.")
        line = node.start_mark.line + 1
        if self._ids.setdefault(text, line) != line:
            self.complain(node, f'The id "{text}" is taken.', f"See line {self._ids[text]}.")
        return text

    def _check_cover(self, node: yaml.Node, rules: Sequence[Rule]) -> None:
        """Whatever a case comes to, some rule says how long each of its records is kept, referred or not."""
        always = [rule for rule in rules if not rule.about_referrals and not rule.preservation]
        missing: dict[Record, list[str]] = {}
        for record in Record:
            for outcome in Outcome:
                for source in CaseSource:
                    if not any(_covers(rule, record, outcome, source) for rule in always):
                        missing.setdefault(record, []).append(f"{outcome}, {source}")
        for record, cells in missing.items():
            few = "; ".join(cells[:2]) + (" …" if len(cells) > 2 else "")
            self.complain(
                node,
                f"Nothing says how long {record} is kept where there was no referral: {few}.",
                "End with a rule for it that asks for no referral, or it would be kept for ever.",
            )


def _covers(rule: Rule, record: Record, outcome: Outcome, source: CaseSource) -> bool:
    return (
        record in rule.records
        and (not rule.outcomes or outcome in rule.outcomes)
        and (not rule.sources or source in rule.sources)
    )
