#include "bench/load/conversation.h"

#include <algorithm>

#include "bench/load/label.h"

namespace rookery::bench {

namespace {

constexpr std::size_t kRemembered = 1024;  // send times of a user, in an open loop: what may be under way

std::size_t under_way(const Options& options) {
    return options.rate > 0 ? kRemembered : std::max<std::size_t>(1, std::size_t{options.window} * options.burst * 2);
}

}  // namespace

Conversation::Conversation(const Options& options, const Team& team, Fleet& fleet, UserNumber users, Partners partners)
    : options_(options), team_(team), fleet_(fleet), partners_(partners), users_(users) {
    const std::size_t used =
        fleet.peer(0).overhead_bytes(options.first_user, id_of(0, 0)) + make_label(team.run(), 0, 0).size();
    filler_ = make_filler(options.message_bytes > used ? options.message_bytes - used : 0);
    for (User& user : users_) user.send_times.resize(under_way(options));
}

UserNumber Conversation::partner_of(UserNumber index) const {
    if (partners_ == Partners::neighbours) return index ^ 1U;
    return (index + users() / 2) % users();
}

std::string Conversation::id_of(UserNumber sender, std::uint64_t number) const {
    return team_.run() + '-' + digits(sender) + '-' + digits(number);
}

void Conversation::send_burst(UserNumber sender, std::uint32_t messages, TimePoint when) {
    for (; messages > 0; --messages) send_one(sender, when);
    fleet_.peer(sender).ask_for_acknowledgement();
}

void Conversation::send_one(UserNumber sender, TimePoint when) {
    User& user = users_[sender];
    const std::uint64_t number = user.sent.next_to_send();
    user.send_times[number % user.send_times.size()] = when;
    if (options_.acks) user.unacknowledged.push_back(when);
    const UserNumber name = options_.first_user + sender;
    fleet_.peer(sender).send(options_.first_user + partner_of(sender), id_of(name, number),
                             make_label(team_.run(), name, number) + filler_);
}

Conversation::Received Conversation::receive(const Peer& peer, UserNumber from, std::string_view text) {
    const UserNumber receiver = fleet_.index_of(peer);
    if (receiver >= users()) return {Arrival::stray, receiver, {}};
    const UserNumber sender = partner_of(receiver);
    User& user = users_[sender];
    const auto label = read_label(text);
    if (!label || label->run != team_.run() || label->sender != options_.first_user + sender || from != label->sender ||
        !user.sent.may_arrive(label->number)) {
        return {Arrival::stray, receiver, {}};
    }
    const TimePoint sent = user.send_times[label->number % user.send_times.size()];
    return {user.sent.arrive(label->number) ? Arrival::first : Arrival::again, receiver, sent};
}

bool Conversation::is_complete() const {
    for (const User& user : users_) {
        if (!user.sent.is_complete() || !user.unacknowledged.empty()) return false;
    }
    return true;
}

void Conversation::put_into(Figures& figures) const {
    for (const User& user : users_) {
        const Tally tally = user.sent.tally();
        figures.add(tally);
        figures.count("delivered", tally.arrived);
        figures.count("unacknowledged", user.unacknowledged.size());
    }
}

}  // namespace rookery::bench
