#include "core/archive_preferences.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace rookery {
namespace {

constexpr const char* mam_ns = "urn:xmpp:mam:2";
const xml::Name always_name{mam_ns, "always"};
const xml::Name never_name{mam_ns, "never"};
const xml::Name jid_name{mam_ns, "jid"};

const char* to_string(ArchivePolicy policy) {
    switch (policy) {
        case ArchivePolicy::always: return "always";
        case ArchivePolicy::roster: return "roster";
        case ArchivePolicy::never: break;
    }
    return "never";
}

std::optional<ArchivePolicy> policy_of(std::string_view text) {
    for (const ArchivePolicy policy : {ArchivePolicy::always, ArchivePolicy::roster, ArchivePolicy::never})
        if (text == to_string(policy)) return policy;
    return std::nullopt;
}

bool lists(const std::vector<Jid>& jids, const Jid& who) { return std::ranges::binary_search(jids, who); }

xml::Element list_xml(xml::Name name, const std::vector<Jid>& jids) {
    xml::Element list(name);
    for (const Jid& jid : jids) list.add_text_child(jid_name, jid.str());
    return list;
}

std::optional<StanzaError> read_list(xml::View list, std::vector<Jid>& into) {
    for (const xml::View child : list.children()) {
        if (!child.is(jid_name)) continue;
        std::optional<Jid> jid = Jid::parse(child.text());
        if (!jid) return StanzaError(Condition::jid_malformed);
        if (into.size() == ArchivePreferences::max_listed)
            return StanzaError(Condition::resource_constraint, ErrorType::modify, "too many addresses");
        into.push_back(std::move(*jid));
    }
    std::ranges::sort(into);
    into.erase(std::unique(into.begin(), into.end()), into.end());
    return std::nullopt;
}

}  // namespace

const xml::Name ArchivePreferences::name{mam_ns, "prefs"};

ArchivePolicy ArchivePreferences::policy_for(const Jid& peer) const {
    if (always.empty() && never.empty()) return policy;
    for (const Jid& listed : {peer, peer.bare()}) {
        if (lists(never, listed)) return ArchivePolicy::never;
        if (lists(always, listed)) return ArchivePolicy::always;
    }
    return policy;
}

xml::Element ArchivePreferences::to_xml() const {
    xml::Element element(name);
    element.set("default", to_string(policy));
    return element.add(list_xml(always_name, always)).add(list_xml(never_name, never)).moved();
}

std::optional<StanzaError> read_archive_preferences(xml::View prefs, ArchivePreferences& into) {
    const std::optional<ArchivePolicy> policy = policy_of(prefs.attr_or("default", ""));
    if (!policy) return StanzaError(Condition::bad_request, "default must be always, roster or never");
    into.policy = *policy;
    if (auto error = read_list(prefs.child(always_name), into.always)) return error;
    return read_list(prefs.child(never_name), into.never);
}

}  // namespace rookery
