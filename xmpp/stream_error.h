// Stream errors, RFC 6120 section 4.9.
#pragma once

#include <string>

namespace rookery {

enum class StreamCondition {
    bad_format, bad_namespace_prefix, conflict, connection_timeout, host_gone, host_unknown, improper_addressing,
    internal_server_error, invalid_from, invalid_namespace, invalid_xml, not_authorized, not_well_formed,
    policy_violation, remote_connection_failed, reset, resource_constraint, restricted_xml, see_other_host,
    system_shutdown, undefined_condition, unsupported_encoding, unsupported_feature, unsupported_stanza_type,
    unsupported_version,
};

struct StreamError {
    StreamCondition condition;
    std::string text;
    std::string details;  // an application-specific condition as serialised XML of our own making, or empty

    StreamError(StreamCondition error_condition, std::string error_text = {}, std::string error_details = {})
        : condition(error_condition), text(std::move(error_text)), details(std::move(error_details)) {}

    std::string to_xml() const;  // <stream:error>...</stream:error>
};

const char* to_string(StreamCondition condition);

}  // namespace rookery
