#include "core/ticket.h"

#include "core/session.h"

namespace rookery {

// The weak pointer is not asked before it is home: the last one to let go of a session must be there.
Ticket::~Ticket() {
    const auto settle = [sender = std::move(sender_), number = number_, bytes = bytes_] {
        if (const SessionPtr session = sender.lock()) session->settle(number, bytes);
    };
    if (Loop::current() == &home_)
        settle();
    else if (Loop::current())
        home_.post(settle);
}

}  // namespace rookery
