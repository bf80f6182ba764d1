"""Runs a program that dies where it, or a program that it starts, opens a socket of the network: a seccomp filter of the kernel's."""

import ctypes
import platform
import signal
import struct
import subprocess
import sys

WHY_NOT = None if platform.machine() == "x86_64" else "the numbers of system calls here are x86-64's"

# From the kernel's headers: linux/filter.h, linux/seccomp.h, linux/audit.h, asm/unistd_64.h, linux/prctl.h.
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # in struct seccomp_data
X86_64, SOCKET, IO_URING_SETUP, OF_THIS_MACHINE = 0xC000003E, 41, 425, 1  # AF_UNIX
ALLOW, KILL_PROCESS = 0x7FFF0000, 0x80000000
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38
# (code, steps to jump where it is equal, where not, operand)
FILTER = [(LOAD, 0, 0, ARCHITECTURE), (JUMP_IF_EQUAL, 0, 6, X86_64),
          (LOAD, 0, 0, NUMBER), (JUMP_IF_EQUAL, 4, 0, IO_URING_SETUP), (JUMP_IF_EQUAL, 0, 2, SOCKET),
          (LOAD, 0, 0, FIRST_ARGUMENT), (JUMP_IF_EQUAL, 0, 1, OF_THIS_MACHINE),
          (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, KILL_PROCESS)]


def forbid_network():
    """For this process and all that come of it, until their end. Sockets of one machine's processes (AF_UNIX) still work."""
    steps = b"".join(struct.pack("HBBI", *step) for step in FILTER)
    memory = ctypes.create_string_buffer(steps, len(steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(FILTER), ctypes.addressof(memory)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) != 0:
        raise OSError(ctypes.get_errno(), "the filter was refused")


def is_killed(family):
    """Whether a program that opens a socket of that family under the filter dies of it."""
    code = f"import socket; socket.socket(socket.{family}, socket.SOCK_DGRAM).close()"
    done = subprocess.run([sys.executable, "-c", code], preexec_fn=forbid_network, capture_output=True)
    return done.returncode == -signal.SIGSYS
