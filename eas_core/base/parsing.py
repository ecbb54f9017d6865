"""Reads YAML and JSON texts that a person may have edited: a key given twice is an error, not silently the last one.

What is wrong raises ``ValueError`` with one line, so that whoever calls says which file or option it was.
"""

from __future__ import annotations

import json
from collections import Counter

import yaml

LARGEST_CONTENT = 10**5  # values of a YAML text, each counted as often as aliases repeat it
_LONGEST = 10**5  # characters of a JSON text in which lines are looked for; YAML takes about half a second for them


class DoubledKey(ValueError):
    """A table has a key twice; the message names the key and its lines."""


def parse_yaml(text: bytes | str) -> object:
    """Plain values of a YAML text, None if it is empty.

    Raises:
        DoubledKey: a table has a key twice; one that merges another (``<<``) may replace its keys.
        ValueError: no YAML, several documents, or aliases that repeat too much, or themselves.
    """
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if _size(node, {}) > LARGEST_CONTENT:
                raise ValueError(f"its aliases make more than {LARGEST_CONTENT} values of it")
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except DoubledKey:
        raise
    except Exception as error:  # besides YAMLError e.g. ValueError for the date 2024-13-45, RecursionError
        raise ValueError(f"not YAML ({_one_line(error)})") from None


def parse_json(text: bytes | str) -> object:
    """The value of a JSON text.

    Raises:
        DoubledKey: an object has a key twice.
        ValueError: no JSON (then it is ``json.JSONDecodeError``), wrongly encoded, nested too deeply, or with a whole number
            of thousands of digits.
    """

    def table(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            ((key, _),) = Counter(key for key, _ in pairs).most_common(1)
            raise DoubledKey(f"{key!r:.80} is given twice")
        return found

    try:
        return json.loads(text, object_pairs_hook=table)
    except DoubledKey:
        if len(text) <= _LONGEST:
            _find_doubled(text)
        raise
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _find_doubled(text: bytes | str) -> None:
    """Raise DoubledKey with lines: JSON does not tell them, but as YAML, which nearly all JSON is, it does."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        if node is not None:
            _size(node, {})
    except (yaml.YAMLError, RecursionError):
        return


def _size(node: yaml.Node, known: dict[int, float]) -> float:
    """How many values a YAML node stands for with all aliases written out; infinite if it contains itself.

    A table with a doubled key raises DoubledKey.
    """
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = float("inf")  # until it is known: what is met inside itself never ends
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
        inside = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_size(part, known) for part in inside)
    return known[id(node)]


def _check_keys(table: yaml.MappingNode) -> None:
    lines: dict[object, int] = {}
    for key, _ in table.value:
        if isinstance(key, yaml.ScalarNode):  # a list or table as a key is refused when values are made
            name, line = _key(key), key.start_mark.line + 1
            if name in lines:
                where = f"line {line}" if lines[name] == line else f"lines {lines[name]} and {line}"
                raise DoubledKey(f"{key.value!r:.80} is given twice, in {where}")
            lines[name] = line


def _key(node: yaml.ScalarNode) -> object:
    """A key as Python will have it, so that 1 and 0x1 are one; ``<<`` has no value of its own."""
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except yaml.YAMLError:
        return node.tag, node.value


def _one_line(error: Exception) -> str:
    return f"{' '.join(str(error).split()) or type(error).__name__:.160}"
