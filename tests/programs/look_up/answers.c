// A library with functions whose names begin as the driver's do; each gives a number. VERSIONED: cuMemAlloc_v2 has a version.
int custom(void) { return 7; }
int curl_easy_init(void) { return 8; }
int cuMemAlloc_v9(void) { return 9; }
#ifdef VERSIONED
int cuMemAlloc_v2(unsigned long long* address, unsigned long bytes) { return 10; }
#endif
