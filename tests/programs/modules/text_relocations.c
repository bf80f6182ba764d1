// A library with pages of unwind tables; of which, where WITH_RELOCATION, the loader writes to the read-only part, as an address lies
// among its code.
#define ONE(name) \
  int name(int by) { return by + 1; }
#define TWO(name) ONE(name##0) ONE(name##1)
#define FOUR(name) TWO(name##0) TWO(name##1)
#define SIXTEEN(name) FOUR(name##0) FOUR(name##1) FOUR(name##2) FOUR(name##3)
#define SIXTY_FOUR(name) SIXTEEN(name##0) SIXTEEN(name##1) SIXTEEN(name##2) SIXTEEN(name##3)
#define ALL(name) SIXTY_FOUR(name##0) SIXTY_FOUR(name##1) SIXTY_FOUR(name##2) SIXTY_FOUR(name##3) SIXTY_FOUR(name##4)

ALL(function);

int call(void) { return 1; }
#ifdef WITH_RELOCATION
__asm__(".pushsection .text\n\t.balign 8\n\t.quad call\n\t.popsection");
#endif
