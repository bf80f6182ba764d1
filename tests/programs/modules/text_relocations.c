// A library of which the loader writes to the read-only part: an address lies among its code.
int call(void) { return 1; }
__asm__(".pushsection .text\n\t.balign 8\n\t.quad call\n\t.popsection");
