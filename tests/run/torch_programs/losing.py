"""Loses a block of the C library's."""

import ctypes


def lose(size):
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    block = libc.malloc(ctypes.c_size_t(size))
    libc.memset(ctypes.c_void_p(block), 0x5a, ctypes.c_size_t(size))
    del block
    # What ctypes had of the address lies in objects that are free: others take their places.
    scrub = [ctypes.byref(ctypes.c_void_p(0)) for _ in range(10_000)]
    scrub += [libc.labs(ctypes.c_long(0)) for _ in range(100)]
    del scrub
