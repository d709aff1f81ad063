// Any document as a question to the archive (XEP-0313 section 4). Oracles: what is taken is within the bounds; just
// these ids are ascending and go without a filter; ids, times and addresses that were taken can be written and are
// taken again.
#include "core/archive_question.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>

#include "base/stamped_id.h"
#include "xmpp/xml/stream_parser.h"

using namespace rookery;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check_id(std::uint64_t id) { require(id == 0 || parse_stamped_id(stamped_id_text(id)) == id); }

void check(const ArchiveQuestion& question) {
    const ArchiveFilter& filter = question.filter;
    const PageRequest& page = question.page;
    require(page.max <= max_archive_page && question.query_id.size() <= max_query_id_bytes);
    require(filter.text.size() <= max_search_bytes && question.ids.size() <= max_archive_page);
    require(page.before == 0 || page.backward);
    require(page.total == (page.max == 0 || (page.after == 0 && page.before == 0)));
    require(question.ids.empty() || !question.is_filtered());
    require(std::ranges::adjacent_find(question.ids, std::ranges::greater_equal()) == question.ids.end());
    for (const std::uint64_t id : question.ids) require(id != 0), check_id(id);
    for (const std::uint64_t id : {filter.after_id, filter.before_id, page.after, page.before}) check_id(id);
    if (filter.with) require(Jid::parse(filter.with->str()) == filter.with);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto query =
        xml::parse_document(std::string_view(reinterpret_cast<const char*>(data), size), xml::ParserLimits());
    if (!query) return 0;
    ArchiveQuestion question;
    if (!read_archive_question(*query, question)) check(question);
    return 0;
}
