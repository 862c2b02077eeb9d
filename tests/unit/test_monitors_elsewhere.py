"""The standalone monitor must start on Windows: what only POSIX systems have is not imported."""

import subprocess
import sys

_ABSENT = ("fcntl", "pwd", "grp", "termios", "huey", "gradio", "torch")
_PROGRAM = f"""
import psutil  # has a variant of its own for each system
import sys
sys.modules.update(dict.fromkeys({_ABSENT!r}))
import komadori.monitors.__main__
"""


def test_the_monitor_imports_nothing_that_windows_lacks_and_nothing_heavy() -> None:
    answer = subprocess.run(  # our own interpreter
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False
    )

    assert answer.returncode == 0, answer.stderr
