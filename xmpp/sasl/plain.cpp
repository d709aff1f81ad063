// PLAIN, RFC 4616: authzid NUL authcid NUL password. The password is compared with the stored keys by the caller
// (PBKDF2 on the work pool), for an unknown account with fake ones.
#include <algorithm>

#include "base/bytes.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/mechanisms.h"

namespace rookery {
namespace {

struct PlainMessage {
    std::string_view authzid, authcid, password;
};

std::optional<PlainMessage> parse(std::string_view message) {
    if (std::count(message.begin(), message.end(), '\0') != 2 || !is_valid_utf8(message)) return std::nullopt;
    const std::size_t first = message.find('\0'), second = message.find('\0', first + 1);
    const PlainMessage parts{message.substr(0, first), message.substr(first + 1, second - first - 1),
                             message.substr(second + 1)};
    if (parts.authcid.empty() || parts.password.empty()) return std::nullopt;
    if (parts.password.size() > max_password_bytes) return std::nullopt;
    return parts;
}

class Plain final : public SaslMechanism {
public:
    explicit Plain(SaslContext context) : context_(std::move(context)) {}
    ~Plain() override { wipe(password_); }

    SaslStep step(std::string_view message) override {
        if (state_ != State::message) return fail(SaslCondition::not_authorized, "a message too many");
        const std::optional<PlainMessage> parts = parse(message);
        if (!parts) return fail(SaslCondition::malformed_request, "not the form of PLAIN");
        const std::optional<Jid> jid = Jid::make(parts->authcid, context_.domain);
        if (!jid) return fail(SaslCondition::not_authorized, "no possible name");
        if (!authzid_allowed(parts->authzid, jid->local(), jid->domain()))
            return fail(SaslCondition::invalid_authzid, "authzid of another");
        std::optional<std::string> prepared = prepare_password(parts->password);
        if (!prepared) return fail(SaslCondition::not_authorized, "no possible password");
        account_ = jid->local();
        password_ = std::move(*prepared);
        state_ = State::keys;
        return SaslNeedCredentials(account_);
    }

    SaslStep provide(const Credentials& credentials) override {
        if (state_ != State::keys) return fail(SaslCondition::not_authorized, "keys out of turn");
        const std::string name = account_ + "@" + context_.domain;
        const KeyForm form = fake_form(context_.fake_secret, name, context_.key_forms);
        ScramKeys fake = fake_credentials(context_.fake_secret, name, form.hash, form.iterations);
        const ScramKeys* real = choose(credentials);
        known_ = real != nullptr;
        state_ = State::check;
        SaslCheckPassword check(account_, password_, real ? *real : std::move(fake));
        wipe(password_);
        return check;
    }

    SaslStep password_checked(bool matches) override {
        if (state_ != State::check) return fail(SaslCondition::not_authorized, "verdict out of turn");
        if (!known_) return fail(SaslCondition::not_authorized, "no such account or no usable keys");
        if (!matches) return fail(SaslCondition::not_authorized, "wrong password");
        state_ = State::over;
        return SaslSuccess(account_, {}, false);
    }

private:
    enum class State { message, keys, check, over };

    static const ScramKeys* choose(const Credentials& credentials) {
        for (const HashAlgorithm hash : password_hashes)
            if (const ScramKeys* keys = find_keys(credentials, hash)) return keys;
        return nullptr;
    }

    SaslStep fail(SaslCondition condition, const char* reason) {
        state_ = State::over;
        wipe(password_);
        return SaslFailure(condition, reason);
    }

    SaslContext context_;
    State state_ = State::message;
    std::string account_;
    std::string password_;
    bool known_ = false;
};

}  // namespace

std::unique_ptr<SaslMechanism> make_plain(SaslContext context) { return std::make_unique<Plain>(std::move(context)); }

}  // namespace rookery
