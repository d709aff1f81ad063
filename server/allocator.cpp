// The server allocates from jemalloc: it keeps what lives for years apart from what lives for a turn, by size, and gives
// pages back by itself. With glibc's allocator the sessions of a login storm stay scattered over the pages that its
// handshakes and rosters have left. Not under sanitizers, which bring an allocator of their own.

// jemalloc reads it before main.
extern "C" const char* malloc_conf;
const char* malloc_conf =
    "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0,"
    "tcache_max:4096";  // buffers that grew and went are not kept, size by size, in each thread
