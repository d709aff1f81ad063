// Any document as a result set (XEP-0059), as a question and as an answer. Oracle: what was understood is written and
// understood again as the same.
#include "xmpp/payload/rsm.h"

#include <cstdint>
#include <cstdlib>

#include "xmpp/xml/stream_parser.h"

using namespace rookery;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

bool is_bounded(const std::optional<std::string>& id) { return !id || id->size() <= RsmRequest::max_id_bytes; }

void check(const RsmRequest& request) {
    require(is_bounded(request.after) && is_bounded(request.before));
    const xml::Element written = request.to_xml();
    const auto again = RsmRequest::parse(written);
    require(again && again->max == request.max && again->index == request.index);
    require(again->after == request.after && again->before == request.before);
}

// An index belongs to the first item: without one it is not written.
void check(const RsmResult& result) {
    require(is_bounded(result.first) && is_bounded(result.last));
    require(result.first || !result.first_index);
    const xml::Element written = result.to_xml();
    const auto again = RsmResult::parse(written);
    require(again && again->first == result.first && again->last == result.last);
    require(again->count == result.count && again->first_index == result.first_index);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto set =
        xml::parse_document(std::string_view(reinterpret_cast<const char*>(data), size), xml::ParserLimits());
    if (!set) return 0;
    if (const auto request = RsmRequest::parse(*set)) check(*request);
    if (const auto result = RsmResult::parse(*set)) check(*result);
    return 0;
}
