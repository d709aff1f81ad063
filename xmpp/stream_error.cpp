#include "xmpp/stream_error.h"

#include <cassert>

#include "xmpp/xml/element.h"

namespace rookery {
namespace {

constexpr const char* names[] = {
    "bad-format",
    "bad-namespace-prefix",
    "conflict",
    "connection-timeout",
    "host-gone",
    "host-unknown",
    "improper-addressing",
    "internal-server-error",
    "invalid-from",
    "invalid-namespace",
    "invalid-xml",
    "not-authorized",
    "not-well-formed",
    "policy-violation",
    "remote-connection-failed",
    "reset",
    "resource-constraint",
    "restricted-xml",
    "see-other-host",
    "system-shutdown",
    "undefined-condition",
    "unsupported-encoding",
    "unsupported-feature",
    "unsupported-stanza-type",
    "unsupported-version",
};
static_assert(std::size(names) == static_cast<std::size_t>(StreamCondition::unsupported_version) + 1);

}  // namespace

const char* to_string(StreamCondition condition) { return names[static_cast<std::size_t>(condition)]; }

std::string StreamError::to_xml() const {
    std::string out = "<stream:error><";
    out.append(to_string(condition)).append(" xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
    if (!text.empty()) {
        out.append("<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>");
        xml::escape_content(out, text);
        out.append("</text>");
    }
    return out.append(details).append("</stream:error>");
}

}  // namespace rookery
