"""Reading YAML that somebody else wrote: bounded, without aliases and tags, with line and column of everything.

PyYAML parses; this module keeps to its nodes, so that every mistake can be shown where it was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import yaml

from nightlight.errors import RefusedError

#: libyaml where PyYAML was built with it, which reads ten times as fast: every start reads a dozen files.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

BYTES_MAX = 262_144
DEPTH_MAX = 12
NODES_MAX = 20_000


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: where (lines and columns count from 1), what, and what to do."""

    line: int
    column: int
    message: str
    hint: str = ""
    #: A warning does not keep the file from being used.
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"line {self.line}, column {self.column}: {kind}{self.message}" + (f" {self.hint}" if self.hint else "")


class MalformedError(RefusedError):
    """A file that cannot be used, with every mistake in it."""

    def __init__(self, code: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        first = next(problem for problem in self.problems if not problem.warning)
        super().__init__(code, f"{Problem(first.line, first.column, first.message)}{more}", first.hint)


def read_nodes(data: bytes, code: str) -> yaml.Node:
    """The one document in ``data``; ``MalformedError(code)`` for anything unsafe, too large or not YAML."""
    if len(data) > BYTES_MAX:
        raise MalformedError(code, [Problem(1, 1, f"The file has more than {BYTES_MAX:,} bytes.")])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise MalformedError(code, [Problem(line, 1, "The file is not UTF-8 text.")]) from None
    try:
        _check_events(text, code)
        # SafeLoader: no tag makes an object. The events above have neither tags nor aliases.
        node = yaml.compose(text, _LOADER)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise MalformedError(code, [Problem(line, column, f"This is not YAML: {e.problem or e.context}.")]) from None
    except yaml.YAMLError:
        raise MalformedError(code, [Problem(1, 1, "The file holds characters that YAML does not allow.")]) from None
    if node is None:
        raise MalformedError(code, [Problem(1, 1, "The file is empty.")])
    return node


def _check_events(text: str, code: str) -> None:
    """Bounds what the composer, which recurses and follows aliases, gets to see."""
    depth = nodes = documents = 0
    for event in yaml.parse(text, _LOADER):
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        complaint = ""
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            complaint = "Anchors and aliases (& and *) are not allowed: write the value out."
        elif getattr(event, "tag", None):
            complaint = "Tags (!) are not allowed."
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            complaint = "Only one document is allowed in the file." if documents > 1 else ""
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            complaint = f"The file has more than {NODES_MAX:,} values." if nodes > NODES_MAX else ""
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                complaint = complaint or (f"Deeper than {DEPTH_MAX} levels." if depth > DEPTH_MAX else "")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if complaint:
            raise MalformedError(code, [Problem(line, column, complaint)])


class Reader:
    """Takes values out of nodes and collects what is wrong with them, instead of stopping at the first mistake."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def complain(self, node: yaml.Node, message: str, hint: str = "", *, warning: bool = False) -> None:
        mark = node.start_mark
        self.problems.append(Problem(mark.line + 1, mark.column + 1, message, hint, warning))

    def mapping(self, node: yaml.Node, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, yaml.Node]:
        """The values by key; unknown, doubled and missing keys are complained about."""
        if not isinstance(node, yaml.MappingNode):
            self.complain(node, f"Here belong keys and values: {', '.join([*required, *optional])}.")
            return {}
        found: dict[str, yaml.Node] = {}
        known = [*required, *optional]
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in known:
                self.complain(key, f'There is no "{name}" here.', suggestion(name, known))
            elif name in found:
                self.complain(key, f'"{name}" stands here twice.')
            else:
                found[name] = value
        for name in required:
            if name not in found:
                self.complain(node, f'"{name}" is missing.')
        return found

    def pairs(self, node: yaml.Node) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        """Keys that the file chooses itself, with their values."""
        if not isinstance(node, yaml.MappingNode):
            self.complain(node, "Here belong names with values.")
            return
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.complain(key, "A name belongs here.")
            elif key.value in seen:
                self.complain(key, f'"{key.value}" stands here twice.')
            else:
                seen.add(key.value)
                yield key, value

    def items(self, node: yaml.Node) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            self.complain(node, "A list belongs here.")
            return []
        return list(node.value)

    def text(self, node: yaml.Node, what: str, chars_max: int = 2_000) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            self.complain(node, f"{what}: a text belongs here.")
            return ""
        if len(node.value) > chars_max:
            self.complain(node, f"{what}: at most {chars_max:,} characters.")
        return str(node.value)

    def whole(self, node: yaml.Node, what: str, least: int, most: int) -> int:
        value = self._typed(node, "tag:yaml.org,2002:int")
        number = int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 10 else None
        if number is None or not least <= number <= most:
            self.complain(node, f"{what}: a whole number from {least} to {most:,} belongs here.")
            return least
        return number

    def truth(self, node: yaml.Node, what: str) -> bool:
        value = self._typed(node, "tag:yaml.org,2002:bool")
        if value not in ("true", "false"):
            self.complain(node, f"{what}: true or false belongs here.")
        return value == "true"

    def choices(self, node: yaml.Node, what: str, known: Sequence[str]) -> list[str]:
        """One word, or a list of words, all of them known."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not nodes:
            self.complain(node, f"{what}: the list is empty, so nothing is meant.")
        chosen: list[str] = []
        for item in nodes:
            word = item.value if isinstance(item, yaml.ScalarNode) else ""
            if word not in known:
                self.complain(item, f'{what}: there is no "{word}".', suggestion(word, known))
            elif word in chosen:
                self.complain(item, f'{what}: "{word}" stands here twice.')
            else:
                chosen.append(word)
        return chosen

    def choice(self, node: yaml.Node, what: str, known: Sequence[str]) -> str:
        if isinstance(node, yaml.SequenceNode):
            self.complain(node, f"{what}: one word belongs here, not a list.")
            return ""
        return next(iter(self.choices(node, what, known)), "")

    def _typed(self, node: yaml.Node, tag: str) -> str | None:
        plain = isinstance(node, yaml.ScalarNode) and node.tag == tag
        return str(node.value) if plain else None


def suggestion(word: str, known: Sequence[str]) -> str:
    """What was probably meant, or all there is."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f'Did you mean "{close[0]}"?' if close else f"Known: {', '.join(known)}."
