#include "server/data_folder.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "base/bytes.h"

namespace rookery {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t min_secret_bytes = 32;
constexpr std::size_t max_file_bytes = 4'096;  // none of ours is larger
constexpr std::array<std::pair<std::string_view, HashAlgorithm>, 3> hash_words{
    {{"sha", HashAlgorithm::sha1}, {"sha256", HashAlgorithm::sha256}, {"sha512", HashAlgorithm::sha512}}};

Error fault(const std::string& message) { return Error(ErrorCode::invalid, message); }

std::string errno_text() { return std::generic_category().message(errno); }

// Nullopt: there is no such file. Any other trouble is a fault: what cannot be read must not be made anew.
Result<std::optional<std::string>> read_if_there(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in && errno == ENOENT) return std::optional<std::string>();
    std::string text(max_file_bytes, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.eof()) return fault("cannot read '" + path + "': " + errno_text());
    text.resize(static_cast<std::size_t>(in.gcount()));
    return std::optional<std::string>(std::move(text));
}

// Takes the descriptor; a negative one is that of a file that could not be opened.
Result<void> fill(int file, const std::string& path, const std::string& text) {
    const bool written =
        file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
    const std::string why = errno_text();
    if (file >= 0) ::close(file);
    if (!written) return fault("cannot write '" + path + "': " + why);
    return {};
}

// All of it or nothing, whenever the power goes.
Result<void> replace(const std::string& path, const std::string& text) {
    std::string fresh = path + ".XXXXXX";
    const int file = ::mkstemp(fresh.data());
    Result<void> filled = fill(file, fresh, text);
    if (filled.ok() && ::rename(fresh.c_str(), path.c_str()) != 0)
        filled = fault("cannot write '" + path + "': " + errno_text());
    if (!filled.ok() && file >= 0) ::unlink(fresh.c_str());
    return filled;
}

Result<std::string> make_secret(const std::string& path) {
    std::string secret = hex_encode(random_bytes(min_secret_bytes));
    Result<void> made = replace(path, secret);
    if (!made.ok()) return std::move(made).error();
    return secret;
}

std::string history_path(const std::string& data) { return data + "/key-history"; }

std::string line_of(const KeyForm& form) {
    const auto* const word = std::ranges::find(hash_words, form.hash, &decltype(hash_words)::value_type::second);
    return std::string(word->first) + " " + std::to_string(form.iterations) + "\n";
}

std::optional<KeyForm> parse_form(const std::string& line) {
    std::istringstream in(line);
    std::string word;
    KeyForm form;
    if (!(in >> word >> form.iterations) || form.iterations < 1) return std::nullopt;
    const auto* const hash = std::ranges::find(hash_words, word, &decltype(hash_words)::value_type::first);
    if (hash == hash_words.end()) return std::nullopt;
    form.hash = hash->second;
    return form;
}

}  // namespace

Result<void> make_data_folder(const std::string& data) {
    std::error_code error;
    fs::create_directories(data, error);
    if (error) return fault("cannot make the data folder '" + data + "': " + error.message() + "; make it, or name another with --data");
    if (::access(data.c_str(), R_OK | W_OK | X_OK) != 0)
        return fault("the data folder '" + data + "' may not be written: " + errno_text() + "; give it to the user that runs rookery");
    return {};
}

// It lives as long as the accounts: else a stranger sees by a changed salt who is not there.
Result<std::string> fake_secret(const std::string& data) {
    const std::string path = data + "/secret";
    Result<std::optional<std::string>> kept = read_if_there(path);
    if (!kept.ok()) return std::move(kept).error();
    if (!*kept) return make_secret(path);
    if ((*kept)->size() < min_secret_bytes) return fault("'" + path + "' is damaged; remove it and a new one is made");
    return std::move(**kept);
}

Result<std::vector<KeyForm>> key_history(const std::string& data) {
    const Result<std::optional<std::string>> text = read_if_there(history_path(data));
    if (!text.ok()) return text.error();
    std::vector<KeyForm> history;
    std::istringstream in(text->value_or(""));
    for (std::string line; std::getline(in, line);) {
        const std::optional<KeyForm> form = parse_form(line);
        if (!form || history.size() == max_key_forms)
            return fault("'" + history_path(data) + "' is damaged; remove it and a new one is made");
        history.push_back(*form);
    }
    return history;
}

std::vector<KeyForm> with_form(std::vector<KeyForm> history, KeyForm now) {
    if (std::ranges::find(history, now) != history.end()) return history;
    if (history.size() == max_key_forms) history.erase(history.begin());
    history.push_back(now);
    return history;
}

Result<void> add_to_key_history(const std::string& data, KeyForm now) {
    Result<std::vector<KeyForm>> history = key_history(data);
    if (!history.ok()) return std::move(history).error();
    const std::vector<KeyForm> longer = with_form(*history, now);
    if (longer == *history) return {};
    std::string text;
    for (const KeyForm& form : longer) text += line_of(form);
    return replace(history_path(data), text);
}

}  // namespace rookery
