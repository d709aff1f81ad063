// What a user wants kept in his archive (XEP-0441), read, written and asked. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "xmpp/jid.h"
#include "xmpp/stanza_error.h"
#include "xmpp/xml/element.h"

namespace rookery {

enum class ArchivePolicy : std::uint8_t { always, roster, never };

struct ArchivePreferences {
    ArchivePolicy policy = ArchivePolicy::always;
    std::vector<Jid> always;  // sorted, at most max_listed
    std::vector<Jid> never;

    // XEP-0441 2.3. A full address says more than a bare one, and who wants something not kept is not surprised.
    ArchivePolicy policy_for(const Jid& peer) const;
    xml::Element to_xml() const;

    static const xml::Name name;  // <prefs/>
    static constexpr std::size_t max_listed = 1'000;
};

// Why it is none; nullopt: `into`, empty at first, is filled.
std::optional<StanzaError> read_archive_preferences(xml::View prefs, ArchivePreferences& into);

}  // namespace rookery
