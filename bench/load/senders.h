// Users who each send a number of messages to their partner and then ask whether the server has processed them (a ping
// behind them; an error is an answer too). So many at a time as may log in at once.
#pragma once

#include "bench/load/conversation.h"

namespace rookery::bench {

class Senders {
public:
    // The first `count` users of the conversation, Options::each messages of each.
    Senders(const Options& options, Fleet& fleet, Conversation& conversation, UserNumber count)
        : options_(options), fleet_(fleet), conversation_(conversation), count_(count) {}

    void start();
    bool are_done() const { return done_ == count_; }
    std::uint64_t sent() const { return std::uint64_t{done_} * options_.each; }
    bool on_stanza(std::string_view stanza);  // true: it was the answer to a ping

private:
    void send_all(UserNumber sender);

    const Options& options_;
    Fleet& fleet_;
    Conversation& conversation_;
    UserNumber count_;
    UserNumber started_ = 0;
    UserNumber done_ = 0;
};

}  // namespace rookery::bench
