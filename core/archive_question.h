// What a client asks of an archive (XEP-0313 section 4 with #extended, XEP-0431), read. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/archive_store.h"
#include "xmpp/stanza_error.h"
#include "xmpp/xml/element.h"

namespace rookery {

inline constexpr const char* mam_ns = "urn:xmpp:mam:2";
inline constexpr std::size_t max_archive_page = 250;    // messages; also ids asked for
inline constexpr std::size_t usual_archive_page = 100;  // where the client does not say
inline constexpr std::size_t max_query_id_bytes = 256;  // comes back with each message
inline constexpr std::size_t max_search_bytes = 1'024;

struct ArchiveQuestion {
    ArchiveFilter filter;
    PageRequest page{usual_archive_page};
    std::vector<std::uint64_t> ids;  // ascending; not empty: just these
    bool flip = false;
    std::string query_id;

    bool is_filtered() const {
        return filter.with || filter.start || filter.end || filter.after_id || filter.before_id || !filter.text.empty();
    }
};

// The <query/>. Why it is none; nullopt: `into` is filled.
std::optional<StanzaError> read_archive_question(xml::View query, ArchiveQuestion& into);

// XEP-0313 4.1.5: the form with the fields that are understood.
xml::Element archive_query_form();

}  // namespace rookery
