"""How a command learns that it is to stop: `stop = stop_on_signals()`, an event that SIGTERM and Ctrl-C set.

Not by their handler: it runs in the main thread, wherever that is, and an event's lock may be what it is holding.
"""

import signal
import socket
import threading

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def stop_on_signals() -> threading.Event:
    """An event that is set at the first of these signals. To be called from the main thread, once a process."""
    stop = threading.Event()
    told, teller = socket.socketpair()
    teller.setblocking(False)

    def listen(_open: socket.socket) -> None:  # the other end too is kept open, for a signal may always come
        while told.recv(1):
            stop.set()

    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(teller.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=listen, args=(teller,), name="signals", daemon=True).start()
    return stop
