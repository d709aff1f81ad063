// Sessions of push clients (XEP-0357) wait longer for them than others (XEP-0198 5): a phone that was woken resumes, and
// is still in its rooms. Such a session costs what a connected one costs without its connection, and what waits in it:
// up to max_ack_queue stanzas and max_ack_size bytes of stream_mgmt. An account has max_user_sessions at most; of those whose
// clients are away the longest goes when a new one needs the place. A device that has nothing to come back for is woken
// before its session ends, and keeps it.
#include <algorithm>
#include <utility>

#include "base/record_time.h"
#include "core/module.h"
#include "core/services/push.h"

namespace rookery {
namespace {

constexpr Seconds before_timeout{120};  // for the push service and the phone

struct PushKeepaliveOptions {
    Seconds resume_timeout = std::chrono::hours(72);
    bool wake_on_start = false;
    bool wake_on_timeout = true;
};

// On a session that waits for its client.
struct LastCall {
    TimerId timer = 0;
    SteadyTime at{};
};

enum SavedTag : RecordTag { saved_last_call = 1 };  // live upgrade

class PushKeepalive final : public Module {
public:
    PushKeepalive(Host& our_host, const PushKeepaliveOptions& options) : Module(our_host), options_(options) {
        on<&PushKeepalive::connection_lost>(our_host.hooks.session_hibernates, Stage::deliver);
        on<&PushKeepalive::waits_no_more>(our_host.hooks.session_resumed, Stage::deliver);
        on<&PushKeepalive::waits_no_more>(our_host.hooks.session_closed, Stage::deliver);
        on<&PushKeepalive::saved>(our_host.hooks.session_saved, Stage::deliver);
        on<&PushKeepalive::restored>(our_host.hooks.session_restored, Stage::deliver);
        our_host.slots().get<PushService>().wakes_for_all_at_start = options.wake_on_start;
    }

private:
    Outcome connection_lost(SessionEvent& event) {
        Session& session = *event.session;
        if (!session.slots().find<WantsPush>()) return Outcome::pass();
        session.wait_for_client(options_.resume_timeout);
        if (options_.wake_on_timeout && options_.resume_timeout > before_timeout)
            wake_at(loop().clock().steady_now() + options_.resume_timeout - before_timeout, event.session);
        return Outcome::pass();
    }

    // Whatever a reload makes of this module meanwhile.
    void wake_at(SteadyTime time, const SessionPtr& session) {
        LastCall& call = session->slots().get<LastCall>();
        call.at = time;
        const Duration delay = std::max(Duration(0), time - loop().clock().steady_now());
        call.timer = loop().after(delay, [&shard = shard(), weak = std::weak_ptr(session)] {
            if (const SessionPtr waiting = weak.lock()) wake(shard, waiting);
        });
    }

    Outcome saved(SessionSaving& event) {
        const LastCall* call = event.session.slots().find<LastCall>();
        if (call) put_time(event.of("push_keepalive"), saved_last_call, call->at);
        return Outcome::pass();
    }

    Outcome restored(SessionRestoring& event) {
        if (RecordReader* record = event.find("push_keepalive"))
            wake_at(read_time<SteadyTime>(*record, saved_last_call), event.session);
        return Outcome::pass();
    }

    static void wake(Shard& shard, const SessionPtr& session) {
        session->slots().clear<LastCall>();
        SessionEvent event{session, shard.find_account(session->jid().bare_str())};
        if (event.account) (void)event.account->host().slots().get<PushService>().wake.run(event);
    }

    Outcome waits_no_more(SessionEvent& event) {
        const LastCall* call = event.session->slots().find<LastCall>();
        if (call) loop().cancel(call->timer);
        event.session->slots().clear<LastCall>();
        return Outcome::pass();
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
                "After a start, wake devices for all messages that wait, not only for those of the last day")
        .option("wake_on_timeout", &PushKeepaliveOptions::wake_on_timeout,
                "Two minutes before such a session ends, wake its device, so that it resumes and stays in its rooms");

}  // namespace rookery
