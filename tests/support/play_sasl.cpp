#include "tests/support/play_sasl.h"

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "base/crypto.h"

namespace rookery::test {
namespace {

class Plain final : public SaslClient {
public:
    Plain(std::string_view user, std::string_view password) {
        response_.append(1, '\0').append(user).append(1, '\0').append(password);
    }
    std::string first() override { return response_; }
    std::optional<std::string> answer(std::string_view) override { return std::nullopt; }
    bool trusts(std::string_view success_data) override { return success_data.empty(); }

private:
    std::string response_;
};

// The value of `key` in "r=...,s=...,i=...".
std::optional<std::string> field(std::string_view message, char key) {
    while (!message.empty()) {
        const auto end = std::min(message.find(','), message.size());
        if (end >= 2 && message[0] == key && message[1] == '=') return std::string(message.substr(2, end - 2));
        message.remove_prefix(std::min(end + 1, message.size()));
    }
    return std::nullopt;
}

std::string escape_name(std::string_view name) {
    std::string out;
    for (char c : name) out += c == '=' ? "=3D" : c == ',' ? "=2C" : std::string(1, c);
    return out;
}

std::string exclusive_or(std::string a, std::string_view b) {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<char>(a[i] ^ b[i]);
    return a;
}

class Scram final : public SaslClient {
public:
    Scram(HashAlgorithm algorithm, std::string_view user, std::string_view password)
        : algorithm_(algorithm), password_(password), nonce_(random_token()) {
        first_bare_ = "n=" + escape_name(user) + ",r=" + nonce_;
    }

    std::string first() override { return "n,," + first_bare_; }

    std::optional<std::string> answer(std::string_view challenge) override {
        const auto nonce = field(challenge, 'r');
        const auto salt = base64_decode(field(challenge, 's').value_or("?"));
        const int iterations = to_count(field(challenge, 'i').value_or(""));
        if (!nonce || !nonce->starts_with(nonce_) || !salt || iterations < 1) return std::nullopt;
        const std::string final_bare = "c=biws,r=" + *nonce;
        const std::string signed_text = first_bare_ + "," + std::string(challenge) + "," + final_bare;
        const std::string salted = pbkdf2(algorithm_, password_, *salt, iterations);
        const std::string client_key = hmac(algorithm_, salted, "Client Key");
        const std::string signature = hmac(algorithm_, hash(algorithm_, client_key), signed_text);
        expected_ = "v=" + base64_encode(hmac(algorithm_, hmac(algorithm_, salted, "Server Key"), signed_text));
        return final_bare + ",p=" + base64_encode(exclusive_or(client_key, signature));
    }

    bool trusts(std::string_view success_data) override { return !expected_.empty() && success_data == expected_; }

private:
    static int to_count(std::string_view text) {
        int number = 0;
        std::from_chars(text.data(), text.data() + text.size(), number);
        return number;
    }

    HashAlgorithm algorithm_;
    std::string password_;
    std::string nonce_;
    std::string first_bare_;
    std::string expected_;
};

}  // namespace

std::unique_ptr<SaslClient> make_sasl_client(std::string_view mechanism, std::string_view user,
                                             std::string_view password) {
    if (mechanism == "PLAIN") return std::make_unique<Plain>(user, password);
    if (mechanism == "SCRAM-SHA-1") return std::make_unique<Scram>(HashAlgorithm::sha1, user, password);
    if (mechanism == "SCRAM-SHA-256") return std::make_unique<Scram>(HashAlgorithm::sha256, user, password);
    if (mechanism == "SCRAM-SHA-512") return std::make_unique<Scram>(HashAlgorithm::sha512, user, password);
    return nullptr;
}

std::string_view choose_mechanism(const std::vector<std::string>& offered) {
    static constexpr std::string_view by_rank[] = {"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"};
    for (const auto mechanism : by_rank)
        if (std::ranges::find(offered, mechanism) != offered.end()) return mechanism;
    return {};
}

}  // namespace rookery::test
