// Sessions of push clients (XEP-0357) wait longer for them than others (XEP-0198 5): a phone that was woken resumes, and
// is still in its rooms. Such a session costs what a connected one costs without its connection, and what waits in it:
// up to max_ack_queue stanzas and max_ack_size bytes of stream_mgmt. An account has max_user_sessions at most; of those whose
// clients are away the longest goes when a new one needs the place.
#include <utility>

#include "core/module.h"
#include "core/services/push.h"

namespace rookery {
namespace {

constexpr Seconds after_start{10};  // clients and push services come back first

struct PushKeepaliveOptions {
    Seconds resume_timeout = std::chrono::hours(72);
    bool wake_on_start = false;
};

// On a host: a reload is no start.
struct Started {
    bool yes = false;
};

class PushKeepalive final : public Module {
public:
    PushKeepalive(Host& our_host, const PushKeepaliveOptions& options) : Module(our_host), options_(options) {
        on<&PushKeepalive::connection_lost>(our_host.hooks.session_hibernates, Stage::deliver);
        const bool started = std::exchange(our_host.slots().get<Started>().yes, true);
        if (options.wake_on_start && !started) once<&PushKeepalive::wake>(after_start);
    }

private:
    Outcome connection_lost(SessionEvent& event) {
        if (event.session->slots().find<WantsPush>()) event.session->wait_for_client(options_.resume_timeout);
        return Outcome::pass();
    }

    void wake() {
        const PushService& push = host().slots().get<PushService>();
        if (push.wake_waiting) push.wake_waiting();
    }

    PushKeepaliveOptions options_;
};

}  // namespace

extern const ModuleSpec push_keepalive_module =
    declare<PushKeepalive, PushKeepaliveOptions>("push_keepalive", "Lets sessions of clients that push can wake wait longer for them")
        .needs("push")
        .off_by_default()
        .option("resume_timeout", &PushKeepaliveOptions::resume_timeout,
                "How long such a session waits for its client; each holds memory meanwhile, up to max_ack_size of stream_mgmt",
                between(Seconds(1), std::chrono::hours(24 * 30)))
        .option("wake_on_start", &PushKeepaliveOptions::wake_on_start,
                "After a start, wake the devices of users for whom messages wait: what was on its way to them is not written down")
        .ignored("wake_on_timeout", "a session that ends loses no message: they are in the log");

}  // namespace rookery
