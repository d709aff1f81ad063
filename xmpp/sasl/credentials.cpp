#include "xmpp/sasl/credentials.h"

#include <unicode/unorm2.h>
#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <memory>

#include "base/bytes.h"

namespace rookery {
namespace {

constexpr std::int32_t max_units = 8 * static_cast<std::int32_t>(max_password_bytes);  // of UTF-16, with room to grow

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

bool is_plain_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

// UTF-16 on its way to becoming a password; wiped at the end.
struct Units {
    std::u16string text = std::u16string(static_cast<std::size_t>(max_units), u'\0');
    std::int32_t size = 0;

    Units() = default;
    Units(const Units&) = delete;
    Units& operator=(const Units&) = delete;
    ~Units() { std::fill(text.begin(), text.end(), u'\0'); }
};

bool to_utf16(std::string_view text, Units& out) {
    UErrorCode error = U_ZERO_ERROR;
    u_strFromUTF8(out.text.data(), max_units, &out.size, text.data(), static_cast<std::int32_t>(text.size()), &error);
    return U_SUCCESS(error);
}

std::optional<std::string> to_utf8(const Units& units) {
    std::string out(3 * static_cast<std::size_t>(units.size) + 1, '\0');
    std::int32_t size = 0;
    UErrorCode error = U_ZERO_ERROR;
    u_strToUTF8(out.data(), static_cast<std::int32_t>(out.size()), &size, units.text.data(), units.size, &error);
    if (U_FAILURE(error)) return std::nullopt;
    out.resize(static_cast<std::size_t>(size));
    return out;
}

struct CloseProfile {
    void operator()(UStringPrepProfile* profile) const { usprep_close(profile); }
};

UErrorCode saslprep(const Units& in, Units& out) {
    UErrorCode error = U_ZERO_ERROR;
    const std::unique_ptr<UStringPrepProfile, CloseProfile> profile(usprep_openByType(USPREP_RFC4013_SASLPREP, &error));
    if (U_FAILURE(error)) return error;
    out.size = usprep_prepare(profile.get(), in.text.data(), in.size, out.text.data(), max_units,
                              USPREP_ALLOW_UNASSIGNED, nullptr, &error);
    return error;
}

bool nfkc(const Units& in, Units& out) {
    UErrorCode error = U_ZERO_ERROR;
    const UNormalizer2* normalizer = unorm2_getNFKCInstance(&error);
    out.size = unorm2_normalize(normalizer, in.text.data(), in.size, out.text.data(), max_units, &error);
    return U_SUCCESS(error);
}

// SASLprep wants right-to-left text to begin and end with such a letter, so it refuses most Hebrew and Arabic
// passwords with a digit in them; clients send those normalised but otherwise as they are.
std::optional<std::string> prepare_unicode(std::string_view password) {
    Units raw, prepared;
    if (!to_utf16(password, raw)) return std::nullopt;
    const UErrorCode error = saslprep(raw, prepared);
    if (error == U_STRINGPREP_CHECK_BIDI_ERROR) {
        if (!nfkc(raw, prepared)) return std::nullopt;
    } else if (U_FAILURE(error)) {
        return std::nullopt;
    }
    return to_utf8(prepared);
}

std::string keyed(HashAlgorithm algorithm, std::string_view secret, std::string_view purpose,
                  std::string_view account) {
    std::string input(purpose);
    input.push_back('\0');
    input += std::to_string(static_cast<int>(algorithm));
    input.push_back('\0');
    input += account;
    return hmac(algorithm, secret, input);
}

}  // namespace

std::optional<std::string> prepare_password(std::string_view password) {
    if (password.empty() || password.size() > max_password_bytes) return std::nullopt;
    if (is_plain_ascii(password)) return std::string(password);
    if (!is_valid_utf8(password) || std::any_of(password.begin(), password.end(), is_control)) return std::nullopt;
    std::optional<std::string> prepared = prepare_unicode(password);
    if (prepared && (prepared->empty() || prepared->size() > max_password_bytes)) return std::nullopt;
    return prepared;
}

ScramKeys make_scram_keys(HashAlgorithm algorithm, std::string_view prepared, std::string salt, int iterations) {
    std::string salted = pbkdf2(algorithm, prepared, salt, iterations);
    std::string client_key = hmac(algorithm, salted, "Client Key");
    ScramKeys keys(algorithm, std::move(salt), iterations, hash(algorithm, client_key),
                   hmac(algorithm, salted, "Server Key"));
    wipe(client_key);
    wipe(salted);
    return keys;
}

bool password_matches(const ScramKeys& keys, std::string_view prepared) {
    ScramKeys made = make_scram_keys(keys.algorithm, prepared, keys.salt, keys.iterations);
    const bool matches = equal_secret(made.stored_key, keys.stored_key);
    wipe(made.stored_key);
    wipe(made.server_key);
    return matches;
}

KeyForm fake_form(std::string_view fake_secret, std::string_view account, const std::vector<KeyForm>& forms) {
    const auto weight = [&](const KeyForm& form) {
        return keyed(form.hash, fake_secret, "form " + std::to_string(form.iterations), account);
    };
    return *std::ranges::max_element(forms, {}, weight);
}

ScramKeys fake_credentials(std::string_view fake_secret, std::string_view account, HashAlgorithm algorithm,
                           int iterations) {
    const std::string salt_of = std::string(account) + '\0' + std::to_string(iterations);
    std::string salt = keyed(algorithm, fake_secret, "salt", salt_of).substr(0, scram_salt_bytes);
    return ScramKeys(algorithm, std::move(salt), iterations, keyed(algorithm, fake_secret, "stored", account),
                     keyed(algorithm, fake_secret, "server", account));
}

const ScramKeys* find_keys(const Credentials& credentials, HashAlgorithm algorithm) {
    const auto found = std::find_if(credentials.begin(), credentials.end(),
                                    [&](const ScramKeys& keys) { return keys.algorithm == algorithm; });
    return found == credentials.end() ? nullptr : &*found;
}

}  // namespace rookery
