#include "core/backlog.h"

namespace rookery {
namespace {

constexpr Milliseconds backlog_look{100};

bool is_away(const Session& session) { return session.last_heard() == SteadyTime{}; }

}  // namespace

Task<bool> taken_by(Loop& loop, SessionPtr session) {
    const SteadyTime give_up = loop.clock().steady_now() + backlog_patience;
    while (session->alive() && !session->has_room()) {
        if (is_away(*session) || loop.clock().steady_now() >= give_up) co_return false;
        co_await pause(loop, backlog_look);
    }
    co_return session->alive();
}

}  // namespace rookery
