// Preloaded into the server: lets it die, or lets a call fail, at the n-th call of a kind on a file of a kind. What and
// when is said by a page of shared memory (shim.py), which may change while the server runs.
// names.h, made by shim.py: enum call, enum kind (bits), enum phase, enum mode; enum field, the numbers on that page.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "names.h"

#define MAX_FILES 65536
#define ORIGINAL(name) ((__typeof__(&name))original(#name))

static _Atomic int64_t *page;
static _Atomic int kinds[MAX_FILES];

static void *original(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void find_page(void) {
    const char *path = getenv("DURABILITY_PAGE");
    const int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (file < 0) return;
    void *mapped = (void *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (mapped != MAP_FAILED) page = mapped;
}

// --- what a descriptor is

static int ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static int kind_of_path(const char *path) {
    if (ends_with(path, "-wal")) return KIND_LOG;
    if (ends_with(path, "-shm")) return KIND_INDEX;
    if (ends_with(path, ".db") || ends_with(path, ".sqlite")) return KIND_TABLES;
    return KIND_OTHER;
}

static void set_kind(int file, int kind) {
    if (file >= 0 && file < MAX_FILES) kinds[file] = kind;
}
static int kind_of(int file) { return file >= 0 && file < MAX_FILES ? kinds[file] : 0; }

static int holds(const struct iovec *parts, int count, const char *text) {
    for (int i = 0; i < count; ++i)
        if (memmem(parts[i].iov_base, parts[i].iov_len, text, strlen(text))) return 1;
    return 0;
}

// Of bytes that are not sealed.
static int kind_of_content(const struct iovec *parts, int count) {
    int kind = KIND_CLIENT;
    if (holds(parts, count, "<message")) kind |= KIND_MESSAGE;
    if (holds(parts, count, "<a xmlns='urn:xmpp:sm:3'") || holds(parts, count, "<a xmlns=\"urn:xmpp:sm:3\""))
        kind |= KIND_COUNT;
    return kind;
}

// --- what is to happen

static void die(void) {
    page[FIELD_REACHED] = 1;
    syscall(SYS_kill, (pid_t)syscall(SYS_getpid), SIGKILL);
    for (;;) pause();
}

// Is this the call that was asked for? Each is counted, once.
static int is_it(int mode, int call, int kind) {
    if (!page || page[FIELD_MODE] != mode || !(page[FIELD_CALL] >> call & 1) || !(page[FIELD_KIND] & kind)) return 0;
    const int64_t left = atomic_fetch_sub(&page[FIELD_COUNTDOWN], 1);
    return mode == MODE_FAIL ? left <= 1 && left > 1 - page[FIELD_TIMES] : left == 1;
}

// The phase in which this call is the server's last; 0: it lives on.
static int last_phase(int call, int kind) {
    const int phase = is_it(MODE_DIE, call, kind) ? (int)page[FIELD_PHASE] : 0;
    if (phase == PHASE_BEFORE) die();
    return phase;
}

static void if_after(int phase) {
    if (phase == PHASE_AFTER) die();
}

static int fails(int call, int kind) {
    if (!is_it(MODE_FAIL, call, kind)) return 0;
    atomic_fetch_add(&page[FIELD_REACHED], 1);
    errno = (int)page[FIELD_ERROR];
    return 1;
}

// A file that grows takes from what is left.
static int is_full(int file, int64_t end) {
    struct stat status;
    if (!page || page[FIELD_MODE] != MODE_SPACE || !(kind_of(file) & KIND_FILES)) return 0;
    if (fstat(file, &status) != 0 || end <= status.st_size) return 0;
    if (atomic_fetch_sub(&page[FIELD_SPACE], end - status.st_size) >= end - status.st_size) return 0;
    atomic_fetch_add(&page[FIELD_REACHED], 1);
    errno = ENOSPC;
    return 1;
}

// --- files

static int opened(int file, const char *path) {
    set_kind(file, kind_of_path(path));
    return file;
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = (mode_t)va_arg(more, int);
    va_end(more);
    const int kind = kind_of_path(path), phase = last_phase(CALL_OPEN, kind);
    if (fails(CALL_OPEN, kind)) return -1;
    const int file = opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), path);
    if_after(phase);
    return file;
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = (mode_t)va_arg(more, int);
    va_end(more);
    return open64(path, flags, mode);
}

int close(int file) {
    const int phase = last_phase(CALL_CLOSE, kind_of(file));
    set_kind(file, 0);
    const int result = ORIGINAL(close)(file);
    if_after(phase);
    return result;
}

ssize_t pread64(int file, void *to, size_t size, off64_t at) {
    const int kind = kind_of(file), phase = last_phase(CALL_READ, kind);
    if (fails(CALL_READ, kind)) return -1;
    const ssize_t result = ORIGINAL(pread64)(file, to, size, at);
    if_after(phase);
    return result;
}

ssize_t pwrite64(int file, const void *from, size_t size, off64_t at) {
    const int kind = kind_of(file), phase = last_phase(CALL_WRITE, kind);
    if (phase == PHASE_HALF) {
        (void)!ORIGINAL(pwrite64)(file, from, size / 2, at);
        die();
    }
    if (fails(CALL_WRITE, kind) || is_full(file, at + (int64_t)size)) return -1;
    const ssize_t result = ORIGINAL(pwrite64)(file, from, size, at);
    if_after(phase);
    return result;
}

static int sync_with(int (*sync_file)(int), int file) {
    const int kind = kind_of(file), phase = last_phase(CALL_SYNC, kind);
    if (fails(CALL_SYNC, kind)) return -1;
    const int result = sync_file(file);
    if_after(phase);
    return result;
}

int fdatasync(int file) { return sync_with(ORIGINAL(fdatasync), file); }
int fsync(int file) { return sync_with(ORIGINAL(fsync), file); }

int ftruncate64(int file, off64_t size) {
    const int kind = kind_of(file), phase = last_phase(CALL_TRUNCATE, kind);
    if (fails(CALL_TRUNCATE, kind) || is_full(file, size)) return -1;
    const int result = ORIGINAL(ftruncate64)(file, size);
    if_after(phase);
    return result;
}

int unlink(const char *path) {
    const int kind = kind_of_path(path), phase = last_phase(CALL_UNLINK, kind);
    if (fails(CALL_UNLINK, kind)) return -1;
    const int result = ORIGINAL(unlink)(path);
    if_after(phase);
    return result;
}

void *mmap64(void *at, size_t size, int protection, int flags, int file, off64_t offset) {
    const int kind = kind_of(file), phase = last_phase(CALL_MAP, kind);
    if (fails(CALL_MAP, kind)) return MAP_FAILED;
    void *mapped = (void *)syscall(SYS_mmap, at, size, protection, flags, file, offset);
    if_after(phase);
    return mapped;
}

int fcntl64(int file, int command, ...) {
    va_list more;
    va_start(more, command);
    void *argument = va_arg(more, void *);
    va_end(more);
    const int locks = command == F_SETLK || command == F_SETLKW;
    const int phase = locks ? last_phase(CALL_LOCK, kind_of(file)) : 0;
    const int result = ORIGINAL(fcntl64)(file, command, argument);
    if_after(phase);
    return result;
}

// --- sockets, and the hand-over between threads

int accept4(int listener, struct sockaddr *address, socklen_t *size, int flags) {
    const int phase = last_phase(CALL_ACCEPT, KIND_CLIENT);
    const int client = ORIGINAL(accept4)(listener, address, size, flags);
    set_kind(client, KIND_CLIENT);
    if (client >= 0) if_after(phase);
    if (client < 0 && phase == PHASE_AFTER) atomic_fetch_add(&page[FIELD_COUNTDOWN], 1);  // the next one, then
    return client;
}

int accept(int listener, struct sockaddr *address, socklen_t *size) { return accept4(listener, address, size, 0); }

static ssize_t send_half(int file, const struct iovec *parts) {
    return (ssize_t)syscall(SYS_sendto, file, parts[0].iov_base, parts[0].iov_len / 2, MSG_NOSIGNAL, NULL, 0);
}

// Before it; the phase to be ended behind it.
static int sending(int file, const struct iovec *parts, int count) {
    if (!(kind_of(file) & KIND_CLIENT)) return 0;
    const int phase = last_phase(CALL_SEND, kind_of_content(parts, count));
    if (phase == PHASE_HALF) {
        (void)!send_half(file, parts);
        die();
    }
    return phase;
}

ssize_t sendmsg(int file, const struct msghdr *message, int flags) {
    const int phase = sending(file, message->msg_iov, (int)message->msg_iovlen);
    const ssize_t result = ORIGINAL(sendmsg)(file, message, flags);
    if_after(phase);
    return result;
}

ssize_t send(int file, const void *from, size_t size, int flags) {
    const struct iovec part = {(void *)(uintptr_t)from, size};
    const int phase = sending(file, &part, 1);
    const ssize_t result = ORIGINAL(send)(file, from, size, flags);
    if_after(phase);
    return result;
}

ssize_t write(int file, const void *from, size_t size) {
    const int kind = kind_of(file);
    const struct iovec part = {(void *)(uintptr_t)from, size};
    const int phase = kind & KIND_CLIENT ? sending(file, &part, 1) : 0;
    if (kind & KIND_FILES && fails(CALL_WRITE, kind)) return -1;
    const ssize_t result = ORIGINAL(write)(file, from, size);
    if_after(phase);
    return result;
}

// What was received is looked at behind the call: "before" is then before anything is done with it, too.
static ssize_t received(int file, const struct iovec *parts, int count, ssize_t size) {
    if (size <= 0 || !(kind_of(file) & KIND_CLIENT)) return size;
    struct iovec part = {parts[0].iov_base, (size_t)size < parts[0].iov_len ? (size_t)size : parts[0].iov_len};
    (void)count;
    const int saved = errno;
    if_after(last_phase(CALL_RECEIVE, kind_of_content(&part, 1)));
    errno = saved;
    return size;
}

ssize_t recvmsg(int file, struct msghdr *message, int flags) {
    return received(file, message->msg_iov, (int)message->msg_iovlen, ORIGINAL(recvmsg)(file, message, flags));
}

ssize_t recv(int file, void *to, size_t size, int flags) {
    const struct iovec part = {to, size};
    return received(file, &part, 1, ORIGINAL(recv)(file, to, size, flags));
}

ssize_t read(int file, void *to, size_t size) {
    const struct iovec part = {to, size};
    return received(file, &part, 1, ORIGINAL(read)(file, to, size));
}

int eventfd(unsigned count, int flags) {
    const int file = ORIGINAL(eventfd)(count, flags);
    set_kind(file, KIND_WAKING);
    return file;
}

// Asio wakes a thread by asking for its eventfd's events once more.
int epoll_ctl(int file, int operation, int other, struct epoll_event *event) {
    const int wakes = operation == EPOLL_CTL_MOD && kind_of(other) & KIND_WAKING;
    const int phase = wakes ? last_phase(CALL_WAKE, KIND_WAKING) : 0;
    const int result = ORIGINAL(epoll_ctl)(file, operation, other, event);
    if_after(phase);
    return result;
}

int epoll_wait(int file, struct epoll_event *events, int count, int timeout) {
    const int phase = last_phase(CALL_WAIT, KIND_OTHER);
    const int result = ORIGINAL(epoll_wait)(file, events, count, timeout);
    if_after(phase);
    return result;
}
