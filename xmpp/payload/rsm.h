// XEP-0059: paging through a result set.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "xmpp/xml/element.h"

namespace rookery {

// What page is wanted. At most one of after, before and index is followed; in that order of precedence.
struct RsmRequest {
    static const xml::Name name;
    static constexpr std::size_t max_id_bytes = 1'024;

    std::optional<std::uint32_t> max;    // items at most; 0: only the count is wanted
    std::optional<std::string> after;    // the page behind this item
    std::optional<std::string> before;   // the page before this item; "": the last page
    std::optional<std::uint32_t> index;  // the page that starts here

    // nullopt: another element, a number that is none, or an id that is too long.
    static std::optional<RsmRequest> parse(xml::View element);
    xml::Element to_xml() const;
};

// What page was given.
struct RsmResult {
    std::optional<std::string> first;  // ids of the page's first and last item; none: the page is empty
    std::optional<std::string> last;
    std::optional<std::uint32_t> first_index;
    std::optional<std::uint32_t> count;  // of the whole set, perhaps only nearly

    static std::optional<RsmResult> parse(xml::View element);
    xml::Element to_xml() const;
};

}  // namespace rookery
