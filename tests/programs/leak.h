// What the programs leak_* share: how a pointer is kept from the optimiser, and how stale copies of it are wiped out.
//
// Their functions are named for what becomes of the blocks that they allocate: leak_ of blocks that are lost when the program ends,
// keep_ of blocks that can still be reached, maybe_ of blocks to whose inside alone a pointer is left. tests/run/leak_programs.py tells
// blocks by these names, so that those of the runtimes do not count. docs/contributing.md explains the programs' first lines.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OWN_FRAME __attribute__((noinline, unused))

// The compiler must take the block for used, and so may neither leave the allocation out nor make its call the function's last act.
static inline void use(const volatile void* pointer) { __asm__ volatile("" : : "r"(pointer) : "memory"); }

// Writes every byte. What the pool left in a fresh block is not the program's, and not what these programs are about, but
// leak_uninitialised.c.
static inline void* filled(void* block, size_t bytes) {
  use(block);
  return memset(block, 0x5a, bytes);
}

#define block_of(bytes) filled(malloc(bytes), bytes)

// A block that starts with a pointer.
struct node {
  struct node* next;
  struct node* other;
};

// Overwrites the registers that no call need preserve.
static inline void clear_registers(void) {
  __asm__ volatile(
      "xor %%eax, %%eax\n xor %%ecx, %%ecx\n xor %%edx, %%edx\n xor %%esi, %%esi\n xor %%edi, %%edi\n"
      "xor %%r8d, %%r8d\n xor %%r9d, %%r9d\n xor %%r10d, %%r10d\n xor %%r11d, %%r11d\n"
      "pxor %%xmm0, %%xmm0\n pxor %%xmm1, %%xmm1\n pxor %%xmm2, %%xmm2\n pxor %%xmm3, %%xmm3\n"
      "pxor %%xmm4, %%xmm4\n pxor %%xmm5, %%xmm5\n pxor %%xmm6, %%xmm6\n pxor %%xmm7, %%xmm7\n"
      "pxor %%xmm8, %%xmm8\n pxor %%xmm9, %%xmm9\n pxor %%xmm10, %%xmm10\n pxor %%xmm11, %%xmm11\n"
      "pxor %%xmm12, %%xmm12\n pxor %%xmm13, %%xmm13\n pxor %%xmm14, %%xmm14\n pxor %%xmm15, %%xmm15"
      :
      :
      : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
        "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory");
}

// Overwrites what calls that have returned left below the caller's frame, and in registers.
static OWN_FRAME void scrub(void) {
  volatile long dead[4096];
  for (int i = 0; i < 4096; ++i) dead[i] = 0;
  clear_registers();
}

// What another thread sets when it is where the program wants it.
static inline void wait_for(const volatile int* flag) {
  while (!*flag) sched_yield();
}

static inline void start_thread(void* (*run)(void*), void* argument) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, run, argument) != 0) abort();
}

static inline void run_thread(void* (*run)(void*), void* argument) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, run, argument) != 0) abort();
  pthread_join(thread, NULL);
}
