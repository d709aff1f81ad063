// Stanza errors, RFC 6120 section 8.3.
#pragma once

#include <optional>
#include <string>

#include "xmpp/xml/element.h"

namespace rookery {

enum class ErrorType { auth, cancel, continue_, modify, wait };

enum class Condition {
    bad_request, conflict, feature_not_implemented, forbidden, gone, internal_server_error, item_not_found,
    jid_malformed, not_acceptable, not_allowed, not_authorized, policy_violation, recipient_unavailable, redirect,
    registration_required, remote_server_not_found, remote_server_timeout, resource_constraint, service_unavailable,
    subscription_required, undefined_condition, unexpected_request,
};

struct StanzaError {
    Condition condition;
    ErrorType type;
    std::string text;                     // optional, English
    std::optional<xml::Element> details;  // application-specific condition

    // The type RFC 6120 8.3.3 gives for the condition.
    StanzaError(Condition error_condition, std::string error_text = {});
    StanzaError(Condition error_condition, ErrorType error_type, std::string error_text = {});

    StanzaError with(xml::Element application_condition) &&;

    xml::Element to_xml() const;  // <error xmlns='jabber:client' .../>
};

const char* to_string(Condition condition);  // the element's name
const char* to_string(ErrorType type);

}  // namespace rookery
