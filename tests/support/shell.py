"""A real shell for the commands of a page. In: a command line. Out: what a terminal shows of it.

`leadpipe` in it is the command line of this process, which takes a tenth of what a process of its own does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from tests.support.command import here

END = "---- end of the command ----"
# What a command is called with goes through files; two pipes say that it may begin, and that it has ended.
SETUP = r"""
leadpipe() {
  local asked; asked=$(mktemp -d "$BRIDGE/XXXXXX")
  printf '%s\0' "$@" > "$asked/arguments"
  if [ -p /dev/stdin ] || [ -f /dev/stdin ]; then cat > "$asked/in"; else : > "$asked/in"; fi
  mkfifo "$asked/ended"
  echo "$asked" > "$BRIDGE/asked"
  local code; code=$(cat "$asked/ended")
  cat "$asked/out"; cat "$asked/err" >&2
  return "$code"
}
exec 2>&1
"""


class Shell:
    """One bash, in a folder of its own; what a command sets is there for the next one."""

    def __init__(self, folder: Path, environment: Mapping[str, str], bridge: Path) -> None:
        bash = shutil.which("bash")
        assert bash, "the page's commands need bash"
        self._bash = subprocess.Popen(
            [bash, "--noprofile", "--norc"],
            cwd=folder,
            env={**environment, "BRIDGE": str(bridge), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(SETUP)

    def run(self, command: str) -> str:
        """Run a command to its end; returns what it printed, to either stream."""
        self._say(f"{{ {command}\n}} < /dev/null\nprintf '\\n%s\\n' '{END}'\n")
        said = []
        assert self._bash.stdout
        for line in self._bash.stdout:
            if line.rstrip("\n") == END:
                break
            said.append(line)
        else:
            raise AssertionError(f"the shell ended in: {command}\n{''.join(said)}")
        return "".join(said)

    def end(self) -> None:
        """End the shell."""
        self._say("exit\n")
        self._bash.communicate()

    def _say(self, text: str) -> None:
        assert self._bash.stdin
        self._bash.stdin.write(text)
        self._bash.stdin.flush()


@contextmanager
def shell(folder: Path, environment: Mapping[str, str]) -> Iterator[Shell]:
    """A shell whose commands find this installation; commands and files are relative to `folder`."""
    with tempfile.TemporaryDirectory(prefix="leadpipe-shell-") as name:
        bridge = Path(name)
        os.mkfifo(bridge / "asked")
        serving = Thread(target=_serve, args=(bridge, environment), daemon=True)
        serving.start()
        before = Path.cwd()
        os.chdir(folder)
        opened = Shell(folder, environment, bridge)
        try:
            yield opened
        finally:
            opened.end()
            os.chdir(before)
            (bridge / "asked").write_text("\n")
            serving.join()


def _serve(bridge: Path, environment: Mapping[str, str]) -> None:
    """Run the commands that the shell asks for, one after another, until an empty line."""
    while asked := (bridge / "asked").read_text().strip():
        place = Path(asked)
        arguments = (place / "arguments").read_bytes().decode().split("\0")[:-1]
        try:
            code, out, err = here(arguments, environment, (place / "in").read_text())
        except Exception as error:  # a bug of the command: told as its output, where the test shows it
            code, out, err = 99, "", f"{type(error).__name__}: {error}\n"
        (place / "out").write_text(out)
        (place / "err").write_text(err)
        (place / "ended").write_text(str(code))
