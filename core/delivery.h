// Which sessions a message, presence or iq for a local account goes to: RFC 6121 section 8.5, as a pure function.
#pragma once

#include <boost/container/small_vector.hpp>

#include "core/account.h"

namespace rookery {

struct Delivery {
    enum class Verdict {
        sessions,     // to `sessions`
        undelivered,  // a message for nobody there: message_undelivered decides, else refused
        answer,       // an iq request the server answers on the account's behalf
        refuse,       // service-unavailable
        ignore,
    };
    using Sessions = boost::container::small_vector<SessionPtr, 4>;  // asked several times for a message

    Verdict verdict;
    const char* why;  // the paragraph, for the log and for tests
    Sessions sessions;
};

Delivery decide_delivery(const Account& account, const Stanza& stanza, const Jid& to);

}  // namespace rookery
