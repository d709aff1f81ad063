#include "c2s/session.h"

namespace rookery {

void C2sSession::deliver(const StanzaPtr& stanza, const Jid& to) {
    if (connection_) connection_->write(*stanza, to);
}

void C2sSession::close(const StreamError& error) {
    if (connection_) connection_->close(error);
}

void C2sSession::input_released() {
    if (connection_) connection_->resume();
}

}  // namespace rookery
