#include "xmpp/stanza_error.h"

#include <array>
#include <cassert>

namespace rookery {
namespace {

constexpr const char* stanzas_ns = "urn:ietf:params:xml:ns:xmpp-stanzas";
const xml::Name error_name{"jabber:client", "error"};
const xml::Name text_name{stanzas_ns, "text"};

struct ConditionInfo {
    Condition condition;
    const char* name;
    ErrorType usual_type;  // RFC 6120 8.3.3.1 to 8.3.3.22
};

constexpr ConditionInfo conditions[] = {
    {Condition::bad_request, "bad-request", ErrorType::modify},
    {Condition::conflict, "conflict", ErrorType::cancel},
    {Condition::feature_not_implemented, "feature-not-implemented", ErrorType::cancel},
    {Condition::forbidden, "forbidden", ErrorType::auth},
    {Condition::gone, "gone", ErrorType::cancel},
    {Condition::internal_server_error, "internal-server-error", ErrorType::cancel},
    {Condition::item_not_found, "item-not-found", ErrorType::cancel},
    {Condition::jid_malformed, "jid-malformed", ErrorType::modify},
    {Condition::not_acceptable, "not-acceptable", ErrorType::modify},
    {Condition::not_allowed, "not-allowed", ErrorType::cancel},
    {Condition::not_authorized, "not-authorized", ErrorType::auth},
    {Condition::policy_violation, "policy-violation", ErrorType::modify},
    {Condition::recipient_unavailable, "recipient-unavailable", ErrorType::wait},
    {Condition::redirect, "redirect", ErrorType::modify},
    {Condition::registration_required, "registration-required", ErrorType::auth},
    {Condition::remote_server_not_found, "remote-server-not-found", ErrorType::cancel},
    {Condition::remote_server_timeout, "remote-server-timeout", ErrorType::wait},
    {Condition::resource_constraint, "resource-constraint", ErrorType::wait},
    {Condition::service_unavailable, "service-unavailable", ErrorType::cancel},
    {Condition::subscription_required, "subscription-required", ErrorType::auth},
    {Condition::undefined_condition, "undefined-condition", ErrorType::cancel},
    {Condition::unexpected_request, "unexpected-request", ErrorType::modify},
};

const ConditionInfo& info_of(Condition condition) {
    const auto& info = conditions[static_cast<std::size_t>(condition)];
    assert(info.condition == condition);
    return info;
}

}  // namespace

StanzaError::StanzaError(Condition error_condition, std::string error_text)
    : StanzaError(error_condition, info_of(error_condition).usual_type, std::move(error_text)) {}

StanzaError::StanzaError(Condition error_condition, ErrorType error_type, std::string error_text)
    : condition(error_condition), type(error_type), text(std::move(error_text)) {}

StanzaError StanzaError::with(xml::Element application_condition) && {
    details = std::move(application_condition);
    return std::move(*this);
}

xml::Element StanzaError::to_xml() const {
    xml::Element error(error_name);
    error.set("type", to_string(type)).add(xml::Element(stanzas_ns, to_string(condition)));
    if (!text.empty()) error.add(xml::Element(text_name).set("xml:lang", "en").add_text(text));
    if (details) error.add(*details);
    return error;
}

const char* to_string(Condition condition) { return info_of(condition).name; }

const char* to_string(ErrorType type) {
    switch (type) {
        case ErrorType::auth:
            return "auth";
        case ErrorType::cancel:
            return "cancel";
        case ErrorType::continue_:
            return "continue";
        case ErrorType::modify:
            return "modify";
        case ErrorType::wait:
            return "wait";
    }
    return "cancel";
}

}  // namespace rookery
