"""On Linux: a process that does not outlive the one that started it, however that ends.

    subprocess.Popen(server, preexec_fn=end_with_parent)

What a killed launcher leaves behind would keep the port, and the next start would be refused.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int | None = None) -> None:
    """Have SIGTERM sent to this process when its parent ends, or now if that is not `parent` any more."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if parent is not None and os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
