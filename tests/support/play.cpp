#include "tests/support/play.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/xml_match.h"

namespace rookery::test {
namespace {

struct Line {
    int number;
    std::size_t indent;
    std::string_view text;  // without indentation and trailing white space
};

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<Line> split_lines(std::string_view text) {
    std::vector<Line> lines;
    for (int number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        const auto body = trim(line);
        lines.push_back({number, static_cast<std::size_t>(body.empty() ? 0 : body.data() - line.data()), body});
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

// Takes the first word off `text`.
std::string_view take_word(std::string_view& text) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text = trim(text.substr(end));
    return word;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text = trim(text.substr(prefix.size()));
    return true;
}

std::optional<int> to_number(std::string_view text) {
    int number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<Duration> to_duration(std::string_view text) {
    static const std::map<std::string_view, Milliseconds> units = {{"ms", Milliseconds(1)},
                                                                   {"s", Seconds(1)},
                                                                   {"min", std::chrono::minutes(1)},
                                                                   {"h", std::chrono::hours(1)},
                                                                   {"days", std::chrono::hours(24)}};
    const auto number = to_number(take_word(text));
    const auto unit = units.find(text);
    if (!number || unit == units.end()) return std::nullopt;
    return *number * unit->second;
}

// What a client does in one go, without more words.
const std::map<std::string_view, Act> plain_verbs = {
    {"connects", Act::connect},
    {"opens a stream", Act::open_stream},
    {"restarts the stream", Act::restart_stream},
    {"logs in", Act::log_in},
    {"binds", Act::bind},
    {"is available", Act::become_available},
    {"fetches the roster", Act::fetch_roster},
    {"disconnects", Act::disconnect},
    {"drops the connection", Act::drop},
    {"is closed", Act::expect_closed},
    {"receives nothing", Act::expect_nothing},
    {"has an empty roster", Act::expect_roster},
    {"skips what came", Act::skip_all},
};

// Followed by a colon and a block, or by the block's one line.
const std::map<std::string_view, Act> block_verbs = {
    {"sends", Act::send},
    {"sends bytes", Act::send_bytes},
    {"receives", Act::expect},
    {"receives in any order", Act::expect_any_order},
    {"receives something with", Act::expect_part},
    {"receives roster push", Act::expect_push},
    {"receives header", Act::expect_header},
    {"has this roster", Act::expect_roster},
    {"was offered", Act::expect_feature},
    {"was not offered", Act::expect_no_feature},
};

// Followed by words to the end of the line.
const std::map<std::string_view, Act> worded_verbs = {
    {"receives error ", Act::expect_error},
    {"receives stream error ", Act::expect_stream_error},
    {"fails to log in with ", Act::expect_login_failure},
};

bool expects_xml(Act act) {
    return act == Act::expect || act == Act::expect_any_order || act == Act::expect_part || act == Act::expect_push ||
           act == Act::expect_roster || act == Act::expect_header || act == Act::expect_feature ||
           act == Act::expect_no_feature;
}

class Parser {
public:
    Parser(std::string_view text, std::string file) : lines_(split_lines(text)) { play_.file = std::move(file); }

    std::variant<Play, PlayError> parse() {
        parse_title();
        while (!error_ && next_ < lines_.size()) parse_statement();
        if (!error_ && play_.steps.empty()) fail(last_line(), "the play has no steps");
        if (error_) return *error_;
        return std::move(play_);
    }

private:
    int last_line() const { return lines_.empty() ? 1 : lines_.back().number; }

    void fail(int line, std::string message) {
        if (!error_) error_ = PlayError{line, std::move(message)};
    }

    void parse_title() {
        static constexpr std::string_view kinds[] = {"RFC ", "XEP-", "reliability.md "};
        const std::string_view title = lines_.empty() ? std::string_view() : lines_[0].text;
        const auto colon = title.find(": ");
        const bool known = std::ranges::any_of(kinds, [&](auto kind) { return title.starts_with(kind); });
        if (!known || colon == std::string_view::npos)
            return fail(1,
                        "the first line is a title: `RFC 6121 3.1.2: what it shows` (or XEP-..., reliability.md ...)");
        play_.source = title.substr(0, colon);
        play_.title = trim(title.substr(colon + 1));
        next_ = 1;
    }

    void parse_statement() {
        const Line line = lines_[next_++];
        if (line.text.empty() || line.text.starts_with('#')) return;
        if (line.indent > 0) return fail(line.number, "an indented line that belongs to no block");
        std::string_view rest = line.text;
        const auto first = take_word(rest);
        if (first == "client") return parse_client(line, rest);
        if (first == "account") return parse_account(line, rest);
        if (first == "requires") return play_.needs.emplace_back(rest), void();
        if (first == "config" || first == "config:") return parse_config(line);
        if (first == "alone" && rest.empty()) return play_.alone = true, void();
        if (first == "after") return parse_wait(line, rest);
        if (first == "server") return parse_command(line, rest);
        if (parse_relation(line, first, rest)) return;
        if (!play_.find_client(first)) return fail(line.number, "no client is called `" + std::string(first) + "`");
        parse_deed(line, first, rest);
    }

    // client NAME: user@domain/resource, option, option
    void parse_client(const Line& line, std::string_view rest) {
        const auto colon = rest.find(": ");
        if (colon == std::string_view::npos) return fail(line.number, "expected `client NAME: user@domain/resource`");
        PlayClient client;
        client.name = rest.substr(0, colon);
        rest = trim(rest.substr(colon + 1));
        auto comma = std::min(rest.find(','), rest.size());
        if (!parse_address(rest.substr(0, comma), client))
            return fail(line.number, "expected user@localhost or user@other.localhost, perhaps with a resource");
        while (comma < rest.size()) {
            rest = trim(rest.substr(comma + 1));
            comma = std::min(rest.find(','), rest.size());
            const auto option = trim(rest.substr(0, comma));
            if (!parse_option(option, client)) return fail(line.number, "unknown option `" + std::string(option) + "`");
        }
        if (play_.find_client(client.name)) return fail(line.number, "a second client `" + client.name + "`");
        add_account({client.user, client.domain, true, false}, line);
        play_.clients.push_back(std::move(client));
    }

    static bool parse_address(std::string_view text, PlayClient& client) {
        const auto at = text.find('@');
        if (at == std::string_view::npos || at == 0) return false;
        const auto slash = std::min(text.find('/'), text.size());
        client.user = text.substr(0, at);
        client.domain = text.substr(at + 1, slash - at - 1);
        if (slash < text.size()) client.resource = text.substr(slash + 1);
        return client.domain == "localhost" || client.domain == "other.localhost";
    }

    static bool parse_option(std::string_view option, PlayClient& client) {
        if (option == "raw") return client.raw = true;
        if (option == "plaintext") return client.plaintext = true;
        if (option == "direct-tls") return client.direct_tls = true;
        if (option == "wrong-password") return client.wrong_password = true;
        if (take_prefix(option, "mechanism ")) return client.mechanism = option, true;
        if (take_prefix(option, "priority ")) return (client.priority = to_number(option)).has_value();
        return false;
    }

    // account NAME [other.localhost] [missing|fixed]
    void parse_account(const Line& line, std::string_view rest) {
        PlayAccount account;
        account.name = take_word(rest);
        if (take_prefix(rest, "other.localhost")) account.domain = "other.localhost";
        if (take_prefix(rest, "missing")) account.exists = false;
        if (take_prefix(rest, "fixed")) account.fixed = true;
        if (account.name.empty() || !rest.empty())
            return fail(line.number, "expected `account NAME [other.localhost] [missing|fixed]`");
        add_account(std::move(account), line);
    }

    void add_account(PlayAccount account, const Line& line) {
        if (account.domain == "other.localhost" && std::ranges::find(play_.needs, "second-domain") == play_.needs.end())
            play_.needs.emplace_back("second-domain");
        const auto* known = play_.find_account(account.name);
        if (!known) return play_.accounts.push_back(std::move(account));
        if (known->domain != account.domain) fail(line.number, "`" + account.name + "` is on another domain already");
    }

    void parse_config(const Line& line) {
        std::string_view rest = line.text;
        rest.remove_prefix(std::string_view("config").size());
        if (!rest.ends_with(':')) return fail(line.number, "expected `config [NAME]:` and indented YAML");
        PlayConfig config;
        config.name = trim(rest.substr(0, rest.size() - 1));
        config.yaml = take_block(line).second;
        if (config.yaml.empty()) return fail(line.number, "no YAML follows");
        if (play_.config) return fail(line.number, "a second config");
        play_.config = std::move(config);
    }

    void parse_wait(const Line& line, std::string_view rest) {
        Step step{line.number, Act::wait};
        const auto time = to_duration(rest);
        if (!time) return fail(line.number, "expected `after NUMBER ms|s|min|h|days`");
        step.time = *time;
        play_.steps.push_back(step);
    }

    void parse_command(const Line& line, std::string_view rest) {
        Step step{line.number, Act::command};
        step.text = rest;
        if (rest.empty()) return fail(line.number, "expected `server VERB arguments`");
        play_.steps.push_back(step);
    }

    // A sees B; A and B see each other; A asks to see B; A has B in the roster
    bool parse_relation(const Line& line, std::string_view first, std::string_view rest) {
        Step step{line.number, Act::sees, std::string(first)};
        const bool mutual = take_prefix(rest, "and ");
        if (mutual) {
            step.other = take_word(rest);
            if (rest != "see each other") return false;
        } else if (take_prefix(rest, "sees ")) {
            step.other = take_word(rest);
        } else if (take_prefix(rest, "asks to see ")) {
            step.act = Act::asks_to_see;
            step.other = take_word(rest);
        } else if (take_prefix(rest, "has ") && rest.ends_with(" in the roster")) {
            step.act = Act::has_in_roster;
            step.other = take_word(rest);
            rest = {};
        } else {
            return false;
        }
        if (!mutual && !rest.empty()) return fail(line.number, "unexpected `" + std::string(rest) + "`"), true;
        for (const auto& name : {step.who, step.other})
            if (!play_.find_account(name)) return fail(line.number, "no account is called `" + name + "`"), true;
        play_.steps.push_back(step);
        if (mutual) {
            std::swap(step.who, step.other);
            play_.steps.push_back(step);
        }
        return true;
    }

    void parse_deed(const Line& line, std::string_view who, std::string_view deed) {
        Step step{line.number, Act::connect, std::string(who)};
        for (const auto& [prefix, act] : worded_verbs) {
            if (!take_prefix(deed, prefix)) continue;
            step.act = act;
            step.text = deed;
            return play_.steps.push_back(step);
        }
        if (parse_block_deed(line, deed, step)) return;
        parse_plain_deeds(line, deed, step);
    }

    // "connects, fetches the roster and is available"
    void parse_plain_deeds(const Line& line, std::string_view deeds, Step step) {
        while (!deeds.empty()) {
            const auto comma = std::min(deeds.find(", "), deeds.size());
            const auto conjunction = std::min(deeds.find(" and "), deeds.size());
            const auto end = std::min(comma, conjunction);
            const auto verb = plain_verbs.find(deeds.substr(0, end));
            if (verb == plain_verbs.end())
                return fail(line.number, "unknown verb `" + std::string(deeds.substr(0, end)) + "`");
            step.act = verb->second;
            play_.steps.push_back(step);
            deeds.remove_prefix(std::min(end + (end == comma ? 2 : 5), deeds.size()));
        }
    }

    bool parse_block_deed(const Line& line, std::string_view deed, Step& step) {
        const auto colon = deed.find(':');
        if (colon == std::string_view::npos) return false;
        auto verb = deed.substr(0, colon);
        if (take_prefix(verb, "sends in pieces of ")) {
            const auto size = to_number(take_word(verb));
            if (!size || *size < 1 || (verb != "bytes" && verb != "byte")) return false;
            step.pieces = *size;
            verb = "sends";
        }
        const auto known = block_verbs.find(verb);
        if (known == block_verbs.end()) return false;
        step.act = known->second;
        read_text(line, trim(deed.substr(colon + 1)), step);
        return true;
    }

    void read_text(const Line& line, std::string_view same_line, Step& step) {
        if (!same_line.empty()) {
            step.text_line = line.number;
            step.text = same_line;
        } else {
            std::tie(step.text_line, step.text) = take_block(line);
        }
        if (step.text.empty()) return fail(line.number, "an indented block must follow");
        check_xml(step);
        play_.steps.push_back(step);
    }

    // The indented lines that follow, without their common indentation, and the number of the first.
    std::pair<int, std::string> take_block(const Line& head) {
        std::string block;
        int first = head.number + 1;
        std::size_t common = 0;
        std::size_t blank = 0;
        for (; next_ < lines_.size(); ++next_) {
            const Line& line = lines_[next_];
            if (line.text.empty()) {
                ++blank;
                continue;
            }
            if (line.indent == 0) break;
            if (block.empty()) {
                common = line.indent;
                first = line.number;
            } else {
                block.append(blank + 1, '\n');
            }
            blank = 0;
            block.append(line.indent - std::min(common, line.indent), ' ').append(line.text);
        }
        return {first, block};
    }

    void check_xml(const Step& step) {
        if (!expects_xml(step.act) || step.act == Act::expect_header) return;
        std::string why;
        const auto stanzas = parse_stanzas(step.text, &why);
        if (!stanzas) return fail(step.text_line, "this is not well-formed: " + why);
        if (stanzas->empty()) fail(step.text_line, "nothing is expected here");
    }

    std::vector<Line> lines_;
    std::size_t next_ = 0;
    Play play_;
    std::optional<PlayError> error_;
};

}  // namespace

const PlayClient* Play::find_client(std::string_view name) const {
    const auto found = std::ranges::find(clients, name, &PlayClient::name);
    return found == clients.end() ? nullptr : &*found;
}

const PlayAccount* Play::find_account(std::string_view name) const {
    const auto found = std::ranges::find(accounts, name, &PlayAccount::name);
    return found == accounts.end() ? nullptr : &*found;
}

std::variant<Play, PlayError> parse_play(std::string_view text, std::string file) {
    return Parser(text, std::move(file)).parse();
}

std::variant<Play, PlayError> load_play(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf())) return PlayError{0, "cannot be read"};
    return parse_play(text.str(), path);
}

std::vector<std::string> find_plays(const std::string& folder) {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
        if (entry.path().extension() == ".play") files.push_back(entry.path().string());
    std::ranges::sort(files);
    return files;
}

}  // namespace rookery::test
