// C2sSession: a bound resource whose client hangs on a Connection (or, once streams can be resumed, on none).
#pragma once

#include "c2s/connection.h"
#include "core/session.h"

namespace rookery {

class C2sSession final : public Session {
public:
    C2sSession(Jid full, std::uint64_t id, SessionOrigin origin, WallTime since, Connection& connection)
        : Session(std::move(full), id, std::move(origin), since), connection_(&connection) {}

    void deliver(const StanzaPtr& stanza, const Jid& to, const TicketPtr& ticket) override;
    void close(const StreamError& error) override;
    SteadyTime last_heard() const override { return connection_ ? connection_->last_heard() : SteadyTime{}; }
    std::size_t backlog_bytes() const override { return connection_ ? connection_->output_bytes() : 0; }

    // The connection is gone.
    void detach() { connection_ = nullptr; }

private:
    void input_released() override;

    Connection* connection_;
};

}  // namespace rookery
