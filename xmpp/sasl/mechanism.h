// The server's side of SASL (RFC 4422, RFC 6120 section 6): one mechanism object per attempt, pure: bytes in, a step out.
// What it cannot do itself it asks for by a step: the account's keys, and the check of a clear password, which costs
// milliseconds and belongs on the work pool.
//
//   step(first message)  -> NeedCredentials -> provide(keys)  -> Challenge     -> step(final message) -> Success    (SCRAM)
//   step(message)        -> NeedCredentials -> provide(keys)  -> CheckPassword -> password_checked()  -> Success    (PLAIN)
//
// or Failure from any of them; after Success or Failure the object is spent and only fails. All mechanisms here are
// client-first: to an <auth/> without initial response the stream itself answers with an empty challenge.
// An unknown account takes the same path at the same cost and fails only at the end (fake keys), so the caller gives
// empty Credentials for it and nothing else.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "xmpp/sasl/credentials.h"

namespace rookery {

// RFC 6120 section 6.5.
enum class SaslCondition {
    aborted,
    account_disabled,
    credentials_expired,
    encryption_required,
    incorrect_encoding,
    invalid_authzid,
    invalid_mechanism,
    malformed_request,
    mechanism_too_weak,
    not_authorized,
    temporary_auth_failure,
};
std::string_view sasl_condition_name(SaslCondition condition);  // the element's name: "not-authorized"

// Channel binding data of the TLS session (RFC 5929, RFC 9266); empty: not available.
struct ChannelBindings {
    std::string tls_exporter;
    std::string tls_server_end_point;
    std::string tls_unique;  // TLS 1.2 and older only

    const std::string* find(std::string_view type) const;  // by its IANA name; nullptr: unknown or not available
    std::vector<std::string> types() const;                // IANA names of those available, for XEP-0440
};

// What the stream offered and what the server knows; copied into the mechanism.
struct SaslContext {
    std::string domain;                         // of the stream
    std::vector<std::string> mechanisms;        // as advertised in the list the client answers to (SASL or SASL2)
    std::vector<std::string> channel_bindings;  // types advertised (XEP-0440), those of `bindings`; empty: not advertised
    ChannelBindings bindings;
    std::string fake_secret;  // random, kept as long as the server's accounts; fake salts come from it
    std::vector<KeyForm> key_forms{KeyForm()};  // of accounts here, now and before: what fake keys look like
    bool downgrade_protection = true;  // XEP-0474; COMPAT: strophe.js 1.6.2 stumbles over it
};

struct SaslChallenge {
    std::string data;  // raw, the stream encodes it
    explicit SaslChallenge(std::string bytes) : data(std::move(bytes)) {}
};

struct SaslNeedCredentials {
    std::string account;  // local part, normalised
    explicit SaslNeedCredentials(std::string local) : account(std::move(local)) {}
};

// Is `password` the one behind `keys`? Ask PlainCache first, then password_matches() on the work pool.
struct SaslCheckPassword {
    std::string account;
    std::string password;  // prepared; wiped with this object
    ScramKeys keys;

    SaslCheckPassword(std::string local, std::string clear_password, ScramKeys scram_keys)
        : account(std::move(local)), password(std::move(clear_password)), keys(std::move(scram_keys)) {}
    SaslCheckPassword(SaslCheckPassword&& other) noexcept = default;
    SaslCheckPassword& operator=(SaslCheckPassword&& other) noexcept = default;
    ~SaslCheckPassword() { wipe(password); }
};

struct SaslSuccess {
    std::string account;  // local part, normalised; the only identity there is: another authzid was refused
    std::string data;     // additional data with success; may be empty
    bool channel_bound;
    SaslSuccess(std::string local, std::string bytes, bool bound)
        : account(std::move(local)), data(std::move(bytes)), channel_bound(bound) {}
};

struct SaslFailure {
    SaslCondition condition;
    std::string reason;  // for the log, never for the client
    SaslFailure(SaslCondition sasl_condition, std::string why) : condition(sasl_condition), reason(std::move(why)) {}
};

using SaslStep = std::variant<SaslChallenge, SaslNeedCredentials, SaslCheckPassword, SaslSuccess, SaslFailure>;

class SaslMechanism {
public:
    static constexpr std::size_t max_message_bytes = 8192;

    virtual ~SaslMechanism() = default;

    // A message of the client, base64 already decoded.
    virtual SaslStep step(std::string_view message) = 0;
    // The answer to NeedCredentials.
    virtual SaslStep provide(const Credentials& credentials) = 0;
    // The answer to CheckPassword.
    virtual SaslStep password_checked(bool matches);
};

// nullptr: not among context.mechanisms, or not one we have (the stream answers invalid-mechanism, A4).
std::unique_ptr<SaslMechanism> make_sasl_mechanism(std::string_view name, SaslContext context);

// The mechanisms we can offer, strongest first: SCRAM-*-PLUS when there is a channel binding, PLAIN last. Clients take
// the strongest SCRAM offered, so it must be of a hash that the accounts hold keys of: stored_hashes.
std::vector<std::string> available_sasl_mechanisms(
    const ChannelBindings& bindings,
    const std::vector<HashAlgorithm>& stored_hashes = {HashAlgorithm::sha1, HashAlgorithm::sha256, HashAlgorithm::sha512});

// Content of <auth/>, <response/>: strict base64, "=" is empty (RFC 6120 6.4.2). nullopt: incorrect-encoding.
std::optional<std::string> decode_sasl_message(std::string_view text);
// The other way: empty becomes "=" (for <success/> and <challenge/> with data of no bytes).
std::string encode_sasl_message(std::string_view bytes);

// RFC 6120 section 6.3.8: may `account@domain` act as `authzid`? Only as nobody else: empty, or its own bare JID.
bool authzid_allowed(std::string_view authzid, std::string_view account, std::string_view domain);

// XEP-0474: base64 of the hash over what was advertised; attribute "h" of SCRAM's server-first-message.
std::string downgrade_hash(HashAlgorithm algorithm, std::vector<std::string> mechanisms,
                           std::vector<std::string> channel_bindings);

}  // namespace rookery
