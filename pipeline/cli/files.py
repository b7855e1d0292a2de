"""Files that commands write, and open in an editor. In: a path, a text. Out: the file; or a line that says why not."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from pipeline.cli.session import Failed, clear_errors

EDITORS = ("sensible-editor", "vim", "nano", "vi")  # where the environment names none


def write(file: Path, text: str) -> None:
    """Write a file, and make its folder. What keeps it from being written ends the command with exit code 1."""
    with clear_errors():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Failed(f"{file} cannot be written: {error.strerror}") from error


def edit(file: Path) -> None:
    """Open a file in the editor of $VISUAL or $EDITOR, and wait until it is closed; no editor: exit code 1."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    editor = named or next(filter(shutil.which, EDITORS), EDITORS[-1])
    with clear_errors():
        try:
            code = subprocess.run([*shlex.split(editor), str(file)], check=False).returncode  # noqa: S603 - the user's own
        except (OSError, ValueError) as error:
            raise Failed(f"the editor {editor!r} could not be used: {error}; set EDITOR to another one") from error
        if code:
            raise Failed(f"the editor {editor!r} ended with exit code {code}; nothing was saved")
