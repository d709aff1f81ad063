// SASL under arbitrary clients: bytes choose mechanism, context and account, and either are the messages or change
// those of an honest client. Nobody gets in but the honest client with the right password, its messages untouched.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../xmpp/sasl/scram_client.h"
#include "xmpp/sasl/mechanisms.h"

namespace rookery {
namespace {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto value = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }
    bool flag() { return byte() & 1; }
    std::string text() {
        const std::size_t size = std::min<std::size_t>(byte(), rest_.size());
        const std::string out(rest_.substr(0, size));
        rest_.remove_prefix(size);
        return out;
    }

private:
    std::string_view rest_;
};

void require(bool holds) {
    if (!holds) std::abort();
}

// The honest message, or that with a piece replaced, or something else altogether.
std::string perhaps_changed(Input& in, const std::string& honest) {
    switch (in.byte() % 4) {
        case 0:
            return honest;
        case 1:
            return in.text();
        case 2: {
            std::string changed = honest;
            if (!changed.empty()) changed[in.byte() % changed.size()] = static_cast<char>(in.byte());
            return changed;
        }
        default: {
            const std::size_t at = in.byte() % (honest.size() + 1), length = in.byte() % 16;
            std::string changed = honest;
            return changed.replace(at, length, in.text());
        }
    }
}

SaslContext make_context(Input& in) {
    SaslContext context;
    context.domain = "example.org";
    context.fake_secret = "fake secret";
    context.key_forms = {KeyForm{HashAlgorithm::sha256, 1}};
    context.downgrade_protection = in.flag();
    if (in.flag()) context.bindings.tls_exporter = "exporter";
    if (in.flag()) context.bindings.tls_server_end_point = "end point";
    context.channel_bindings = context.bindings.types();
    context.mechanisms = available_sasl_mechanisms(context.bindings);
    return context;
}

void fuzz_scram(Input& in) {
    SaslContext context = make_context(in);
    ScramClient client;
    client.algorithm = static_cast<HashAlgorithm>(in.byte() % 3);
    const bool with_binding = in.flag(), right_password = in.flag(), known = in.flag();
    if (with_binding) {
        client.gs2_header = in.flag() ? "p=tls-exporter,," : "p=tls-server-end-point,,";
        client.binding_data = in.flag() ? "exporter" : "end point";
    } else if (in.flag()) {
        client.gs2_header = "y,,";
    }
    const std::string* binding = context.bindings.find(client.gs2_header.substr(2, client.gs2_header.size() - 4));
    const bool binds = !with_binding || (binding && *binding == client.binding_data);
    const bool downgraded = client.gs2_header == "y,," && !context.bindings.types().empty();
    if (!right_password) client.password = "other";

    const auto mechanism = make_scram(client.algorithm, with_binding, context, "server-nonce");
    Credentials credentials;
    if (known) credentials.push_back(make_scram_keys(client.algorithm, "pencil", "salt", 1));

    const std::string first = perhaps_changed(in, client.first());
    SaslStep step = mechanism->step(first);
    bool honest = first == client.first();
    if (std::holds_alternative<SaslNeedCredentials>(step)) step = mechanism->provide(credentials);
    std::string good_final;
    if (const auto* challenge = std::get_if<SaslChallenge>(&step)) {
        good_final = client.final(challenge->data);
        const std::string last = perhaps_changed(in, good_final);
        honest = honest && last == good_final;
        step = mechanism->step(last);
    }
    const bool success = std::holds_alternative<SaslSuccess>(step);
    require(success == (honest && right_password && known && binds && !downgraded));
    if (success) require(std::get<SaslSuccess>(step).account == "user");
    const SaslStep after = mechanism->step(in.flag() ? good_final : in.text());
    require(std::holds_alternative<SaslFailure>(after));
}

void fuzz_plain(Input& in) {
    using namespace std::string_view_literals;
    const auto mechanism = make_plain(make_context(in));
    const bool known = in.flag();
    Credentials credentials;
    if (known) credentials.push_back(make_scram_keys(HashAlgorithm::sha256, "pencil", "salt", 1));
    SaslStep step = mechanism->step(perhaps_changed(in, std::string("\0user\0pencil"sv)));
    std::string account;
    if (const auto* need = std::get_if<SaslNeedCredentials>(&step)) {
        account = need->account;
        step = mechanism->provide(credentials);
    }
    bool matches = false;
    if (const auto* check = std::get_if<SaslCheckPassword>(&step)) {
        require(check->account == account);
        matches = password_matches(check->keys, check->password);
        require(!matches || check->password == "pencil");
        step = mechanism->password_checked(matches);
    }
    require(std::holds_alternative<SaslSuccess>(step) == (matches && known));
    require(std::holds_alternative<SaslFailure>(mechanism->step(in.text())));
}

}  // namespace
}  // namespace rookery

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    rookery::Input in(data, size);
    if (in.flag())
        rookery::fuzz_scram(in);
    else
        rookery::fuzz_plain(in);
    return 0;
}
