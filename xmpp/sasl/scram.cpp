// SCRAM, RFC 5802 and RFC 7677, with channel binding (-PLUS, RFC 9266 and RFC 5929) and the downgrade protection of
// XEP-0474 0.5.0.
//
//   client-first  [n|y|p=type],[a=authzid],n=name,r=nonce        -> needs the keys
//   server-first  r=nonce+ours,s=salt,i=iterations,h=hash
//   client-final  c=gs2 header and binding,r=nonce+ours,p=proof
//   server-final  v=signature                                     (additional data with success)
#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/mechanisms.h"

namespace rookery {
namespace {

constexpr std::size_t max_nonce_bytes = 256;
constexpr std::string_view known_attributes =
    "amnrcsipve";  // those with a place of their own; 'm' is refused everywhere

struct ClientFirst {
    std::string gs2_header;  // with its last comma
    std::string bare;        // what follows
    char flag = 'n';
    std::string binding;  // type, with flag 'p'
    std::string authzid;
    std::string name;
    std::string nonce;
};

struct ClientFinal {
    std::string without_proof;
    std::string binding;  // decoded: gs2 header and data
    std::string nonce;
    std::string proof;  // decoded
};

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    for (std::size_t at = 0;;) {
        const std::size_t comma = text.find(',', at);
        parts.push_back(text.substr(at, comma == text.npos ? comma : comma - at));
        if (comma == text.npos) return parts;
        at = comma + 1;
    }
}

// The value of attribute `name` ("n" of "n=user").
std::optional<std::string_view> value_of(char name, std::string_view attribute) {
    if (attribute.size() < 2 || attribute[0] != name || attribute[1] != '=') return std::nullopt;
    return attribute.substr(2);
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// An optional extension we may skip: a letter of its own and a value.
bool is_extension(std::string_view attribute) {
    return attribute.size() > 2 && is_letter(attribute[0]) && attribute[1] == '=' &&
           known_attributes.find(attribute[0]) == std::string_view::npos;
}

// saslname: ',' and '=' are written =2C and =3D.
std::optional<std::string> unescape_name(std::string_view text) {
    std::string name;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') {
            name.push_back(text[i]);
            continue;
        }
        const std::string_view code = text.substr(i, 3);
        if (code != "=2C" && code != "=3D") return std::nullopt;
        name.push_back(code == "=2C" ? ',' : '=');
        i += 2;
    }
    return name;
}

bool is_nonce(std::string_view text) {
    const auto printable = [](char c) { return c > 0x20 && c < 0x7F; };  // commas are gone already
    return !text.empty() && text.size() <= max_nonce_bytes && std::all_of(text.begin(), text.end(), printable);
}

bool parse_flag(std::string_view text, ClientFirst& first) {
    if (text == "n" || text == "y") {
        first.flag = text[0];
        return true;
    }
    const auto type = value_of('p', text);
    if (!type || type->empty()) return false;
    first.flag = 'p';
    first.binding = *type;
    return true;
}

bool parse_authzid(std::string_view text, ClientFirst& first) {
    if (text.empty()) return true;
    const auto escaped = value_of('a', text);
    auto authzid = escaped ? unescape_name(*escaped) : std::nullopt;
    if (!authzid || authzid->empty()) return false;
    first.authzid = std::move(*authzid);
    return true;
}

std::optional<ClientFirst> parse_first(std::string_view message) {
    const std::vector<std::string_view> parts = split(message);
    if (parts.size() < 4) return std::nullopt;
    ClientFirst first;
    const std::size_t header = parts[0].size() + 1 + parts[1].size() + 1;
    first.gs2_header = message.substr(0, header);
    first.bare = message.substr(header);
    const auto escaped = value_of('n', parts[2]);
    auto name = escaped ? unescape_name(*escaped) : std::nullopt;
    const auto nonce = value_of('r', parts[3]);
    if (!name || name->empty() || !nonce || !is_nonce(*nonce)) return std::nullopt;
    if (!parse_flag(parts[0], first) || !parse_authzid(parts[1], first)) return std::nullopt;
    if (!std::all_of(parts.begin() + 4, parts.end(), is_extension)) return std::nullopt;
    first.name = std::move(*name);
    first.nonce = *nonce;
    return first;
}

struct FinalParts {
    std::string_view binding, nonce, proof;  // still base64, but the nonce
};

std::optional<FinalParts> parse_final(const std::vector<std::string_view>& parts) {
    if (parts.size() < 3) return std::nullopt;
    const auto binding = value_of('c', parts[0]), nonce = value_of('r', parts[1]), proof = value_of('p', parts.back());
    if (!binding || !nonce || !proof) return std::nullopt;
    if (!std::all_of(parts.begin() + 2, parts.end() - 1, is_extension)) return std::nullopt;
    return FinalParts{*binding, *nonce, *proof};
}

std::string exclusive_or(std::string a, std::string_view b) {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<char>(a[i] ^ b[i]);
    return a;
}

class Scram final : public SaslMechanism {
public:
    Scram(HashAlgorithm algorithm, bool with_binding, SaslContext context, std::string server_nonce)
        : algorithm_(algorithm),
          with_binding_(with_binding),
          context_(std::move(context)),
          nonce_(std::move(server_nonce)) {}

    ~Scram() override {
        wipe(keys_.stored_key);
        wipe(keys_.server_key);
    }

    SaslStep step(std::string_view message) override {
        if (message.size() > max_message_bytes || message.find('\0') != message.npos || !is_valid_utf8(message))
            return fail(SaslCondition::malformed_request, "not text");
        switch (state_) {
            case State::first:
                return on_first(message);
            case State::final:
                return on_final(message);
            case State::keys:
            case State::over:
                break;
        }
        return fail(SaslCondition::not_authorized, "a message too many");
    }

    SaslStep provide(const Credentials& credentials) override {
        if (state_ != State::keys) return fail(SaslCondition::not_authorized, "keys out of turn");
        // Made for known accounts too, so that both cost the same. The rounds of one that has keys of other hashes only are theirs.
        const std::string name = account_ + "@" + context_.domain;
        const int rounds = fake_form(context_.fake_secret, name, context_.key_forms).iterations;
        keys_ = fake_credentials(context_.fake_secret, name, algorithm_,
                                 credentials.empty() ? rounds : credentials.front().iterations);
        const ScramKeys* real = find_keys(credentials, algorithm_);
        known_ = real != nullptr;
        if (real) keys_ = *real;
        server_first_ = "r=" + nonce_ + ",s=" + base64_encode(keys_.salt) + ",i=" + std::to_string(keys_.iterations);
        if (context_.downgrade_protection)
            server_first_ += ",h=" + downgrade_hash(algorithm_, context_.mechanisms, context_.channel_bindings);
        state_ = State::final;
        return SaslChallenge(server_first_);
    }

private:
    enum class State { first, keys, final, over };

    SaslStep on_first(std::string_view message) {
        std::optional<ClientFirst> first = parse_first(message);
        if (!first) return fail(SaslCondition::malformed_request, "client-first-message");
        if (const char* wrong = binding_refused(*first)) return fail(SaslCondition::not_authorized, wrong);
        const std::optional<Jid> jid = Jid::make(first->name, context_.domain);
        if (!jid) return fail(SaslCondition::not_authorized, "no possible name");
        if (!authzid_allowed(first->authzid, jid->local(), jid->domain()))
            return fail(SaslCondition::invalid_authzid, "authzid of another");
        account_ = jid->local();
        nonce_ = first->nonce + nonce_;
        expected_binding_ = first->gs2_header;
        if (with_binding_) expected_binding_ += *context_.bindings.find(first->binding);
        client_first_bare_ = std::move(first->bare);
        state_ = State::keys;
        return SaslNeedCredentials(account_);
    }

    // nullptr: the flag fits the mechanism, and the type is one we offered.
    const char* binding_refused(const ClientFirst& first) const {
        if (!with_binding_) {
            if (first.flag == 'p') return "channel binding with a mechanism without";
            return first.flag == 'y' && plus_offered() ? "downgrade: the client saw no -PLUS" : nullptr;
        }
        if (first.flag != 'p') return "no channel binding with -PLUS";
        return context_.bindings.find(first.binding) ? nullptr : "channel binding of a type not offered";
    }

    bool plus_offered() const {
        return std::any_of(context_.mechanisms.begin(), context_.mechanisms.end(),
                           [](const std::string& name) { return name.ends_with("-PLUS"); });
    }

    SaslStep on_final(std::string_view message) {
        const auto parts = parse_final(split(message));
        if (!parts) return fail(SaslCondition::malformed_request, "client-final-message");
        const auto binding = base64_decode(parts->binding), proof = base64_decode(parts->proof);
        if (!binding || !proof) return fail(SaslCondition::incorrect_encoding, "base64 in client-final-message");
        if (!equal_secret(*binding, expected_binding_))
            return fail(SaslCondition::not_authorized, "channel binding differs");
        if (!equal_secret(parts->nonce, nonce_)) return fail(SaslCondition::not_authorized, "nonce differs");
        const std::string_view without_proof = message.substr(0, message.rfind(",p="));
        return verify(*proof, client_first_bare_ + "," + server_first_ + "," + std::string(without_proof));
    }

    SaslStep verify(const std::string& proof, const std::string& auth_message) {
        if (proof.size() != hash_size(algorithm_)) return fail(SaslCondition::not_authorized, "size of the proof");
        std::string client_key = exclusive_or(hmac(algorithm_, keys_.stored_key, auth_message), proof);
        const bool proven = equal_secret(hash(algorithm_, client_key), keys_.stored_key);
        wipe(client_key);
        if (!known_) return fail(SaslCondition::not_authorized, "no such account, or no keys of this hash");
        if (!proven) return fail(SaslCondition::not_authorized, "wrong password");
        state_ = State::over;
        return SaslSuccess(account_, "v=" + base64_encode(hmac(algorithm_, keys_.server_key, auth_message)),
                           with_binding_);
    }

    SaslStep fail(SaslCondition condition, const char* reason) {
        state_ = State::over;
        return SaslFailure(condition, reason);
    }

    const HashAlgorithm algorithm_;
    const bool with_binding_;
    SaslContext context_;
    State state_ = State::first;
    std::string nonce_;  // ours; after client-first the client's and ours
    std::string account_;
    std::string client_first_bare_, server_first_;
    std::string expected_binding_;
    ScramKeys keys_;
    bool known_ = false;
};

}  // namespace

std::unique_ptr<SaslMechanism> make_scram(HashAlgorithm algorithm, bool with_binding, SaslContext context,
                                          std::string server_nonce) {
    return std::make_unique<Scram>(algorithm, with_binding, std::move(context), std::move(server_nonce));
}

}  // namespace rookery
