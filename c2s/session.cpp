#include "c2s/session.h"

namespace rookery {

void C2sSession::deliver(const StanzaPtr& stanza, const Jid& to, const TicketPtr& ticket) {
    if (!connection_) return;
    connection_->write(*stanza, to);
    if (ticket) connection_->keep_while_behind(ticket);
}

void C2sSession::close(const StreamError& error) {
    if (connection_) connection_->close(error);
}

void C2sSession::input_released() {
    if (connection_) connection_->resume();
}

}  // namespace rookery
