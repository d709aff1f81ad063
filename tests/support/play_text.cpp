#include "tests/support/play_text.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/bytes.h"

namespace rookery::test {
namespace {

bool is_name_character(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' || c == '@';
}

bool same_letters(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b,
                              [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// Calls replace(found) for each place where `word` stands by itself, case ignored; the answer takes its place.
template <class Replace>
std::string replace_words(std::string_view text, std::string_view word, Replace replace) {
    std::string out;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto here = text.substr(at, word.size());
        const char after = at + word.size() < text.size() ? text[at + word.size()] : ' ';
        const bool stands_alone = (at == 0 || !is_name_character(text[at - 1]) || text[at - 1] == '@') &&
                                  (!is_name_character(after) || after == '.');
        if (stands_alone && same_letters(here, word)) {
            out += replace(here);
            at += word.size();
        } else {
            out += text[at++];
        }
    }
    return out;
}

std::string unescape_nul(std::string text) {
    for (auto at = text.find("\\0"); at != std::string::npos; at = text.find("\\0", at + 1))
        text.replace(at, 2, 1, '\0');
    return text;
}

// The index of the brace that closes the one at text[0], or npos.
std::size_t closing_brace(std::string_view text) {
    int depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '{') ++depth;
        if (text[i] == '}' && --depth == 0) return i;
    }
    return std::string_view::npos;
}

class Expansion {
public:
    Expansion(const PlayNames& names, const Captures& captures, std::string* why)
        : names_(names), captures_(captures), why_(why) {}

    std::optional<std::string> expand(std::string_view text) {
        std::string out;
        while (!text.empty()) {
            const auto open = std::min(text.find('{'), text.size());
            out += text.substr(0, open);
            text.remove_prefix(open);
            if (text.empty()) break;
            if (text.starts_with("{{")) {
                out += '{';
                text.remove_prefix(2);
                continue;
            }
            const auto close = closing_brace(text);
            if (close == std::string_view::npos) return refuse("a brace is not closed");
            const auto made = evaluate(text.substr(1, close - 1));
            if (!made) return std::nullopt;
            out += *made;
            text.remove_prefix(close + 1);
        }
        return out;
    }

private:
    std::optional<std::string> refuse(std::string why) {
        *why_ = std::move(why);
        return std::nullopt;
    }

    std::optional<std::string> evaluate(std::string_view call) {
        const auto space = std::min(call.find(' '), call.size());
        const auto word = call.substr(0, space);
        const auto argument = call.substr(std::min(space + 1, call.size()));
        if (word == "password") return std::string(play_password);
        if (word == "user") return names_.user(argument);
        if (word == "bytes") return bytes(argument);
        if (word == "repeat") return repeat(argument);
        if (word == "base64") {
            auto inner = expand(argument);
            return inner ? std::optional(base64_encode(unescape_nul(std::move(*inner)))) : std::nullopt;
        }
        if (const auto kept = captures_.find(call); kept != captures_.end()) return escaped(kept->second);
        return refuse("nothing is known as {" + std::string(call) + "}");
    }

    static std::string escaped(std::string_view text) {
        std::string out;
        xml::escape(out, text);
        return out;
    }

    std::optional<std::string> bytes(std::string_view digits) {
        std::string packed;
        std::ranges::copy_if(digits, std::back_inserter(packed), [](char c) { return c != ' '; });
        auto decoded = hex_decode(packed);
        return decoded ? decoded : refuse("expected {bytes} in hexadecimal");
    }

    std::optional<std::string> repeat(std::string_view argument) {
        const auto space = argument.find(' ');
        std::size_t times = 0;
        if (space == std::string_view::npos ||
            std::from_chars(argument.data(), argument.data() + space, times).ec != std::errc())
            return refuse("expected {repeat NUMBER TEXT}");
        const auto once = expand(argument.substr(space + 1));
        if (!once) return std::nullopt;
        std::string out;
        out.reserve(times * once->size());
        for (; times > 0; --times) out += *once;
        return out;
    }

    const PlayNames& names_;
    const Captures& captures_;
    std::string* why_;
};

}  // namespace

PlayNames::PlayNames(const Play& play, std::string suffix, std::string domain, std::string second_domain)
    : accounts_(play.accounts),
      suffix_(std::move(suffix)),
      domain_(std::move(domain)),
      second_domain_(std::move(second_domain)) {}

std::string PlayNames::user(std::string_view name) const {
    const auto account = std::ranges::find(accounts_, name, &PlayAccount::name);
    const bool fixed = account != accounts_.end() && account->fixed;
    return fixed ? std::string(name) : std::string(name) + suffix_;
}

std::string PlayNames::domain(std::string_view symbolic) const {
    return symbolic == "other.localhost" ? second_domain_ : domain_;
}

std::string PlayNames::to_real(std::string_view text) const {
    std::string out(text);
    for (const auto& account : accounts_)
        out = replace_words(out, account.name + "@" + account.domain, [&](std::string_view found) {
            return std::string(found.substr(0, account.name.size())) + (account.fixed ? "" : suffix_) + "@" +
                   std::string(found.substr(account.name.size() + 1));
        });
    if (second_domain_ != "other.localhost")
        out = replace_words(out, "other.localhost", [&](std::string_view) { return second_domain_; });
    if (domain_ != "localhost") out = replace_words(out, "localhost", [&](std::string_view) { return domain_; });
    return out;
}

std::string PlayNames::to_symbolic(std::string text) const {
    if (suffix_.empty()) return text;
    for (auto at = text.find(suffix_); at != std::string::npos; at = text.find(suffix_, at))
        text.erase(at, suffix_.size());
    return text;
}

std::optional<std::string> expand(std::string_view text, const PlayNames& names, const Captures& captures,
                                  std::string* why) {
    return Expansion(names, captures, why).expand(text);
}

}  // namespace rookery::test
