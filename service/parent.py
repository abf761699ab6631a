"""On Linux: a process that does not outlive the one that started it, however that ends.

    subprocess.Popen(server, preexec_fn=end_with_parent)

What a killed launcher leaves behind would keep the port, and the next start would be refused.
"""

import ctypes
import os
import signal
import sys

LAUNCHER = "LISTENWELL_LAUNCHER"
"""Where a launcher notes its process id for those that it starts."""
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Have SIGTERM sent to this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def end_with_launcher() -> None:
    """The same for a process that the launcher started, if one did; it may have ended before we asked."""
    launcher = os.environ.get(LAUNCHER)
    if sys.platform == "linux" and launcher is not None:
        end_with_parent()
        if os.getppid() != int(launcher):
            os.kill(os.getpid(), signal.SIGTERM)
