"""How a page of commands is read, so that docs/walkthrough.md cannot pass by saying too little."""

from __future__ import annotations

import pytest

from tests.support.guide import Command, File, steps

PAGE = """
Words, and `$ not a command`.

```toml
# acme.toml
name = "acme"
```

```toml
lead_source = "a fragment"
```

```console
$ leadpipe connector apply acme.toml
created acme, revision 1
  http://…/in/…
$ curl -s "$URL" -d '{"a": 1,
  "b": 2}'
…
{"accepted":1,…}
```
"""


def test_files_and_commands_come_in_the_order_of_the_page() -> None:
    assert [*steps(PAGE)] == [
        File("acme.toml", '# acme.toml\nname = "acme"\n'),
        Command("leadpipe connector apply acme.toml", ["created acme, revision 1", "  http://…/in/…"]),
        Command('curl -s "$URL" -d \'{"a": 1,\n  "b": 2}\'', ["…", '{"accepted":1,…}']),
    ]


@pytest.mark.parametrize(
    ("shown", "said", "fits"),
    [
        (["removed a"], "removed a\n", True),
        (["removed a"], "removed a  \n\n", True),
        (["removed a"], "removed ab\n", False),
        (["removed a"], "removed a\nand more\n", False),
        (["removed a"], "", False),
        ([], "something\n", False),
        ([], "", True),
        (["a … c"], "a b c\n", True),
        (["a … c"], "a b\nc\n", False),
        (["first", "…", "last"], "first\nlast\n", True),
        (["first", "…", "last"], "first\n1\n2\nlast\n", True),
        (["first", "…", "last"], "first\n1\n2\n", False),
        (["a.b"], "axb\n", False),
    ],
)
def test_what_is_printed_fits_only_what_the_page_shows(shown: list[str], said: str, fits: bool) -> None:
    assert Command("it", shown).fits(said) is fits
