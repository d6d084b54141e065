"""The program that line cards are forked from.

It imports the SIP library once and never uses it, so that a card starts in 20 ms instead of 150
and shares most of its memory with the others. It is told to fork by a message that carries the
card's end of a socket; it answers with a handle of the new process (pidfd), which can never name
another one. It collects its dead and ends when the gateway goes; cards live on and notice by
themselves that the gateway has gone.

It must stay single-threaded: what forks with other threads running may lock up.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys

from adapters.telephony.sip import linecard
from adapters.telephony.sip.protocol import ZYGOTE_FORKED, ZYGOTE_READY


def serve(control: socket.socket) -> None:
    """Fork a card for every message, until the other side goes."""
    gc.freeze()  # cards need not copy what none of them changes
    control.send(ZYGOTE_READY)
    bell, ring = os.pipe()
    os.set_blocking(ring, False)
    signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([control.fileno(), bell], [], [])
        if bell in ready:
            os.read(bell, 4096)
            _collect()
        if control.fileno() in ready and not _fork_one(control):
            return


def _fork_one(control: socket.socket) -> bool:
    """Take one message; False when the gateway has gone."""
    message, descriptors, _, _ = socket.recv_fds(control, 64, 1)
    if not message:
        return False
    (stream,) = descriptors
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        linecard.main(stream)
    os.close(stream)
    handle = os.pidfd_open(child)
    socket.send_fds(control, [ZYGOTE_FORKED], [handle])
    os.close(handle)
    return True


def _collect() -> None:
    """Let the dead go."""
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if child == 0:
            return
        if status != 0:
            how = os.waitstatus_to_exitcode(status)
            sys.stderr.write(f"line card {child} ended with {how}\n")  # the gateway logs it


if __name__ == "__main__":
    # The gateway decides when we end, by closing the socket. Ctrl-C and a service manager tell all
    # processes at once, and must not cut the calls that the gateway wants to end in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])))
