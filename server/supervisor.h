// What started the server and watches it: systemd or the like, which listens on NOTIFY_SOCKET (sd_notify(3)), or somebody
// who waits for its first process: a container, a terminal, most others.
#pragma once

#include <sys/types.h>

#include <string_view>

namespace rookery {

bool supervisor_listens();
// One datagram ("READY=1"). Nobody listens, or it cannot be sent: nothing.
void tell_supervisor(std::string_view state);

// After a live upgrade, for those who wait for this process: ends when the one that serves now ends, with its code, and
// passes signals on. This process becomes a small one that does only that; the program that serves after the next upgrade
// becomes its child, too.
[[noreturn]] void become_attendant();
inline constexpr const char* attend_verb = "attend";
// What it then is.
int attend();

}  // namespace rookery
