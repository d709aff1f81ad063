#include "bench/load/sasl_client.h"

#include <charconv>

#include "base/bytes.h"

namespace rookery::bench {

namespace {

constexpr std::string_view kNoBinding = "n,,";
constexpr int kMaxIterations = 1'000'000;

std::string exclusive_or(std::string_view left, std::string_view right) {
    std::string result(left);
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<char>(result[i] ^ right[i]);
    return result;
}

// The value of "x=..." in a comma-separated SCRAM message.
std::string_view field(std::string_view message, char name) {
    while (!message.empty()) {
        const std::size_t comma = std::min(message.find(','), message.size());
        const std::string_view part = message.substr(0, comma);
        if (part.size() > 2 && part[0] == name && part[1] == '=') return part.substr(2);
        message.remove_prefix(std::min(comma + 1, message.size()));
    }
    return {};
}

}  // namespace

std::string_view mechanism_name(SaslChoice choice) {
    switch (choice) {
        case SaslChoice::scram_sha_1: return "SCRAM-SHA-1";
        case SaslChoice::scram_sha_256: return "SCRAM-SHA-256";
        case SaslChoice::plain: break;
    }
    return "PLAIN";
}

const ScramKeyCache::Keys& ScramKeyCache::find_or_make(HashAlgorithm algorithm, const std::string& password,
                                                       const std::string& salt, int iterations) {
    const std::string name = std::to_string(static_cast<int>(algorithm)) + ' ' + std::to_string(iterations) + ' ' +
                             salt + ' ' + password;
    const auto found = keys_.find(name);
    if (found != keys_.end()) return found->second;
    if (keys_.size() >= kMaxEntries) keys_.clear();
    const std::string salted = pbkdf2(algorithm, password, salt, iterations);
    return keys_[name] = {hmac(algorithm, salted, "Client Key"), hmac(algorithm, salted, "Server Key")};
}

SaslClient::SaslClient(SaslChoice choice, std::string user, std::string password, ScramKeyCache& cache)
    : choice_(choice), user_(std::move(user)), password_(std::move(password)), cache_(cache) {}

HashAlgorithm SaslClient::algorithm() const {
    return choice_ == SaslChoice::scram_sha_1 ? HashAlgorithm::sha1 : HashAlgorithm::sha256;
}

std::string SaslClient::initial_response() {
    if (choice_ == SaslChoice::plain) return '\0' + user_ + '\0' + password_;
    client_first_bare_ = "n=" + user_ + ",r=" + random_token();
    return std::string(kNoBinding) + client_first_bare_;
}

std::optional<std::string> SaslClient::respond(std::string_view challenge) {
    const std::string_view nonce = field(challenge, 'r');
    const auto salt = base64_decode(field(challenge, 's'));
    const std::string_view count = field(challenge, 'i');
    int iterations = 0;
    std::from_chars(count.data(), count.data() + count.size(), iterations);
    const std::string_view own_nonce = field(client_first_bare_, 'r');
    if (own_nonce.empty() || !nonce.starts_with(own_nonce) || !salt || iterations < 1 || iterations > kMaxIterations) {
        return std::nullopt;
    }
    const auto& keys = cache_.find_or_make(algorithm(), password_, *salt, iterations);
    const std::string without_proof = "c=" + base64_encode(kNoBinding) + ",r=" + std::string(nonce);
    const std::string signed_text = client_first_bare_ + ',' + std::string(challenge) + ',' + without_proof;
    const std::string signature = hmac(algorithm(), hash(algorithm(), keys.client_key), signed_text);
    server_signature_ = hmac(algorithm(), keys.server_key, signed_text);
    return without_proof + ",p=" + base64_encode(exclusive_or(keys.client_key, signature));
}

bool SaslClient::accept_success(std::string_view data) const {
    if (choice_ == SaslChoice::plain) return true;
    return !server_signature_.empty() && field(data, 'v') == base64_encode(server_signature_);
}

}  // namespace rookery::bench
