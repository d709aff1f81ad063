#include "server/supervisor.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>

#include "net/descriptor.h"

namespace rookery {
namespace {

constexpr int signals_passed_on[] = {SIGTERM, SIGINT, SIGHUP};

// Of processes that end while a signal is passed on nothing is heard any more.
void pass_on(int signal) {
    std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    for (pid_t child = 0; children >> child;) ::kill(child, signal);
}

// False: there are no children any more.
bool reap(int& status) {
    pid_t ended = 0;
    do ended = ::waitpid(-1, &status, WNOHANG);
    while (ended > 0);
    return ended == 0 || errno != ECHILD;
}

int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

bool supervisor_listens() { return std::getenv("NOTIFY_SOCKET") != nullptr; }

void tell_supervisor(std::string_view state) {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    const std::string_view name = path ? path : "";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (name.empty() || name.size() >= sizeof address.sun_path) return;
    std::copy(name.begin(), name.end(), address.sun_path);
    if (name.front() == '@') address.sun_path[0] = '\0';
    const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
}

// Memory, threads and descriptors go; the children, and that orphans of theirs become ours, stay.
void become_attendant() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::execl("/proc/self/exe", "rookery", attend_verb, static_cast<char*>(nullptr));
    ::_exit(0);
}

int attend() {
    ::close_range(STDERR_FILENO + 1, ~0u, 0);
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    for (const int signal : signals_passed_on) sigaddset(&awaited, signal);
    ::sigprocmask(SIG_SETMASK, &awaited, nullptr);
    int status = 0, last = 0;
    while (reap(status)) {
        int signal = 0;
        if (sigwait(&awaited, &signal) != 0) continue;
        if (signal != SIGCHLD) pass_on(last = signal);
        else if (last != 0) pass_on(std::exchange(last, 0));  // who was told may have handed over at that moment
    }
    return exit_code(status);
}

}  // namespace rookery
