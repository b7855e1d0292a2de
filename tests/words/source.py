"""What the code says. In: Python source. Out: its sentences, in the order in which they stand.

A sentence is any text of two words or more that is no docstring and no SQL, and the name of a log line. So no list of
functions that speak has to be kept: a message is found wherever it is put together.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

WORDS = re.compile(r"[A-Za-z]{2,}[,;:.)]* +(?:\{|\(?[A-Za-z']{2,})|\} [a-z']{2,}|[a-z]{2,}[:,]? \{")
SQL = re.compile(
    r"^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|FROM|JOIN|LEFT|WHERE|AND|OR|ORDER|GROUP|SET|VALUES|ON|LOCK"
    r"|LISTEN|NOTIFY|COPY|CASE|RETURNING|LIMIT|COALESCE|EXISTS|NOT|UNNEST|TRUNCATE|VACUUM|SAVEPOINT)\b|::\w+\[?\]?|\$\d"
    r"|\bIS (?:NOT )?NULL|= \{\}|> \{\}|< \{\}|\bAS \w+|strpos\(|^[\w.]+(?:, [\w.>' -]+){3,}$|LIMIT \{"
)
CSS = re.compile(r"^[a-z-]+ '")
LOG = {"debug", "info", "warning", "error", "exception", "critical"}
BLANKS = re.compile(r"\s+")


def sentences(source: str) -> Iterator[str]:
    """The texts of a file that a person can come to read; what is put in stands in braces, as in the source."""
    tree = ast.parse(source)
    aside = {id(node) for node in _docstrings(tree)} | {id(node) for node in _compiled(tree)}
    yield from _of(tree, aside)


def _of(node: ast.AST, aside: set[int]) -> Iterator[str]:
    if id(node) in aside:
        return
    if (text := _text(node)) is not None:
        if WORDS.search(text) and not SQL.search(text) and not CSS.search(text):
            yield BLANKS.sub(" ", text).strip()
        for part in ast.walk(node):
            if isinstance(part, ast.FormattedValue):
                yield from _of(part.value, aside)
        return
    if (name := _log_line(node)) is not None and " " not in name:
        yield name
    for child in ast.iter_child_nodes(node):
        yield from _of(child, aside)


def _text(node: ast.AST) -> str | None:
    """A text as it stands in the source, also one that is added up."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(each) or "" for each in values)
        case ast.FormattedValue(value=value):
            return "{" + ast.unparse(value) + "}"
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            texts = [_text(left), _text(right)]
            if texts == [None, None]:
                return None
            return "".join(
                "{" + ast.unparse(part) + "}" if text is None else text
                for text, part in zip(texts, (left, right), strict=True)
            )
    return None


def _log_line(node: ast.AST) -> str | None:
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="log" | "_log"), attr=level),
            args=[ast.Constant(value=str() as name), *_],
        ) if level in LOG:
            return name
    return None


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    """Texts that stand alone: they tell the next developer, and commands' are told by their help."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _compiled(tree: ast.AST) -> Iterator[ast.AST]:
    """Patterns: a person reads their rule in words, elsewhere."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"))):
                yield from node.args
