#include "core/hooks.h"

namespace rookery {

std::vector<std::string> Hooks::explain() const {
    std::vector<std::string> lines;
    const auto add = [&lines](const auto& hook) {
        if (!hook.empty()) lines.push_back(hook.explain());
    };
    add(message_sent);
    add(presence_sent);
    add(iq_sent);
    add(message_received);
    add(presence_received);
    add(iq_received);
    add(message_undelivered);
    add(message_to_host);
    add(login_attempt);
    add(login_failed);
    add(nonza);
    add(session_bound);
    add(session_available);
    add(session_outgoing);
    add(session_hibernates);
    add(session_resumed);
    add(session_closed);
    add(session_saved);
    add(session_restored);
    add(host_saved);
    add(host_restored);
    add(disco_info);
    add(disco_items);
    add(account_created);
    add(account_removed);
    return lines;
}

}  // namespace rookery
