// A notification for a push service (XEP-0357 section 7): its schedule, and how it is written. Pure; who sends and counts
// time is modules/push.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "core/services/push_wakes.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

namespace rookery::push {

// false, true, or a text that stands for every body.
struct IncludedBody {
    bool yes = true;
    std::string instead = "New message";
};

// What a service is told of the last message.
struct Told {
    bool sender = false;
    IncludedBody body;
};

std::string key_of(const Jid& account, const Jid& service, std::string_view node);

// What one registration is to be told. It knows all it needs: the account may leave memory meanwhile.
struct Notice {
    enum class Step : std::uint8_t {
        watch,   // the client is connected; is it there?
        send,    // as soon as `due`
        answer,  // sent; the service has until `due`
        rest,    // told; nothing goes out before `due`
    };

    Jid account;
    Jid service;
    std::string node;
    std::string options;
    std::string resource;
    std::string iq_id;
    Happening last;
    unsigned count = 0;     // unread messages
    bool news = false;      // since the last notification
    unsigned failures = 0;
    Step step = Step::send;
    SteadyTime since{};     // of the first message that the client said nothing to
    SteadyTime due{};

    std::string key() const { return key_of(account, service, node); }
    // Sent under this id.
    void sent(std::string id, SteadyTime now);
    void told(SteadyTime now);
    // False: it has been tried often enough; the next message begins anew.
    bool try_again(SteadyTime now);
};

Stanza publication(const Notice& notice, const Told& told);

// Does a service that answered with this <error/> want to be asked again?
bool is_transient(xml::View error);

}  // namespace rookery::push
