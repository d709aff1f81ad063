#include "bench/load/contacts.h"

#include "bench/load/xml_scan.h"

namespace rookery::bench {

namespace {

bool includes(Subscription known, Subscription wanted) {
    return wanted == Subscription::none || known == Subscription::both || known == wanted;
}

}  // namespace

Subscription subscription_of(std::string_view text) {
    if (text == "both") return Subscription::both;
    if (text == "to") return Subscription::to;
    return text == "from" ? Subscription::from : Subscription::none;
}

bool RosterBook::has(UserNumber contact, Subscription wanted) const {
    const auto found = contacts_.find(contact);
    return found != contacts_.end() && includes(found->second, wanted);
}

std::uint32_t RosterBook::count(Subscription wanted) const {
    std::uint32_t count = 0;
    for (const auto& [contact, known] : contacts_) count += includes(known, wanted) ? 1 : 0;
    return count;
}

Result<void> check_groups(const Options& options) {
    const UserNumber group = options.contacts + 1;
    if (options.users % group == 0) return {};
    const UserNumber fewer = options.users / group * group;
    return Error(ErrorCode::invalid, "--users must be a multiple of " + std::to_string(group) + ": " +
                                         (fewer > 0 ? std::to_string(fewer) + " or " : std::string()) +
                                         std::to_string(fewer + group));
}

std::string roster_fault(const Options& options, const std::string& user, std::string_view iq) {
    const std::size_t items = count_elements(iq, "item");
    if (items == options.contacts) return {};
    return "the roster of " + user + " has " + std::to_string(items) + " entries: befriend first";
}

}  // namespace rookery::bench
