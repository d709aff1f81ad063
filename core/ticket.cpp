#include "core/ticket.h"

#include "core/session.h"

namespace rookery {

// The weak pointer is not asked before it is home: the last one to let go of a session must be there.
Ticket::~Ticket() {
    auto settle = [sender = std::move(sender_), number = number_, bytes = bytes_, tell = std::move(when_settled_),
                   log_id = senders_log_id_] {
        if (tell) tell(log_id);
        if (const SessionPtr session = sender.lock()) session->settle(number, bytes);
    };
    if (Loop::current() == &home_)
        settle();
    else if (Loop::current())
        home_.post(std::move(settle));
}

}  // namespace rookery
