#include "xmpp/sasl/mechanism.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/mechanisms.h"

namespace rookery {
namespace {

constexpr std::string_view plus = "-PLUS";
constexpr std::size_t nonce_entropy_bytes = 18;

struct ScramName {
    std::string_view name;
    HashAlgorithm algorithm;
};
constexpr std::array<ScramName, 3> scram_names{{{"SCRAM-SHA-512", HashAlgorithm::sha512},
                                                {"SCRAM-SHA-256", HashAlgorithm::sha256},
                                                {"SCRAM-SHA-1", HashAlgorithm::sha1}}};

std::string joined(std::vector<std::string> parts, char delimiter) {
    std::sort(parts.begin(), parts.end());  // by bytes: i;octet
    std::string out;
    for (const std::string& part : parts) {
        if (&part != &parts.front()) out.push_back(delimiter);
        out += part;
    }
    return out;
}

}  // namespace

std::string_view sasl_condition_name(SaslCondition condition) {
    switch (condition) {
        case SaslCondition::aborted:
            return "aborted";
        case SaslCondition::account_disabled:
            return "account-disabled";
        case SaslCondition::credentials_expired:
            return "credentials-expired";
        case SaslCondition::encryption_required:
            return "encryption-required";
        case SaslCondition::incorrect_encoding:
            return "incorrect-encoding";
        case SaslCondition::invalid_authzid:
            return "invalid-authzid";
        case SaslCondition::invalid_mechanism:
            return "invalid-mechanism";
        case SaslCondition::malformed_request:
            return "malformed-request";
        case SaslCondition::mechanism_too_weak:
            return "mechanism-too-weak";
        case SaslCondition::not_authorized:
            return "not-authorized";
        case SaslCondition::temporary_auth_failure:
            return "temporary-auth-failure";
    }
    return "not-authorized";
}

const std::string* ChannelBindings::find(std::string_view type) const {
    const std::string* data = nullptr;
    if (type == "tls-exporter") data = &tls_exporter;
    if (type == "tls-server-end-point") data = &tls_server_end_point;
    if (type == "tls-unique") data = &tls_unique;
    return data && !data->empty() ? data : nullptr;
}

std::vector<std::string> ChannelBindings::types() const {
    std::vector<std::string> available;
    for (const char* type : {"tls-exporter", "tls-server-end-point", "tls-unique"})
        if (find(type)) available.emplace_back(type);
    return available;
}

SaslStep SaslMechanism::password_checked(bool) {
    return SaslFailure(SaslCondition::not_authorized, "no password was to be checked");
}

std::unique_ptr<SaslMechanism> make_sasl_mechanism(std::string_view name, SaslContext context) {
    const auto& offered = context.mechanisms;
    if (std::find(offered.begin(), offered.end(), name) == offered.end()) return nullptr;
    if (name == "PLAIN") return make_plain(std::move(context));
    const bool with_binding = name.ends_with(plus);
    const std::string_view stem = with_binding ? name.substr(0, name.size() - plus.size()) : name;
    for (const ScramName& scram : scram_names)
        if (scram.name == stem)
            return make_scram(scram.algorithm, with_binding, std::move(context), random_token(nonce_entropy_bytes));
    return nullptr;
}

std::vector<std::string> available_sasl_mechanisms(const ChannelBindings& bindings,
                                                   const std::vector<HashAlgorithm>& stored_hashes) {
    std::vector<std::string> with_binding, names;
    for (const ScramName& scram : scram_names) {
        if (std::find(stored_hashes.begin(), stored_hashes.end(), scram.algorithm) == stored_hashes.end()) continue;
        with_binding.push_back(std::string(scram.name) + std::string(plus));
        names.emplace_back(scram.name);
    }
    if (!bindings.types().empty()) names.insert(names.begin(), with_binding.begin(), with_binding.end());
    names.emplace_back("PLAIN");
    return names;
}

std::optional<std::string> decode_sasl_message(std::string_view text) {
    if (text == "=") return "";
    return base64_decode(text);
}

std::string encode_sasl_message(std::string_view bytes) { return bytes.empty() ? "=" : base64_encode(bytes); }

bool authzid_allowed(std::string_view authzid, std::string_view account, std::string_view domain) {
    if (authzid.empty()) return true;
    const std::optional<Jid> jid = Jid::parse(authzid);
    return jid && jid->is_bare() && jid->local() == account && jid->domain() == domain;
}

std::string downgrade_hash(HashAlgorithm algorithm, std::vector<std::string> mechanisms,
                           std::vector<std::string> channel_bindings) {
    std::string advertised = joined(std::move(mechanisms), '\x1E');
    if (!channel_bindings.empty()) advertised += '\x1F' + joined(std::move(channel_bindings), '\x1E');
    return base64_encode(hash(algorithm, advertised));
}

}  // namespace rookery
