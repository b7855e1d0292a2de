"""`make words`: write docs/words.txt anew."""

from __future__ import annotations

from tests.words.page import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
