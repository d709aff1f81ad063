#include "bench/load/options.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <functional>
#include <limits>
#include <string_view>
#include <utility>

namespace rookery::bench {

namespace {

constexpr std::uint32_t kLeastForStorm = 2;  // who chats must not wait for the generator's own handshakes
constexpr std::uint32_t kFirstSource = 0x7f010001;  // 127.1.0.1

using Setter = std::function<bool(Options&, std::string_view)>;

struct Flag {
    const char* name;
    const char* value;
    const char* meaning;
    Setter set;
};

template <class Number>
bool read_number(std::string_view text, Number& target) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), target);
    return error == std::errc() && end == text.data() + text.size();
}

bool read_address(std::string_view text, std::uint32_t& target) {
    in_addr address{};
    if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return false;
    target = ntohl(address.s_addr);
    // Load goes to this machine only.
    return target >> 24 == 127;
}

bool read_server(Options& options, std::string_view text) {
    const std::size_t colon = text.rfind(':');
    return colon != std::string_view::npos && read_address(text.substr(0, colon), options.address) &&
           read_number(text.substr(colon + 1), options.port);
}

bool read_pid_list(std::vector<int>& pids, std::string_view text) {
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        int pid = 0;
        if (!read_number(text.substr(0, comma), pid) || pid <= 0) return false;
        pids.push_back(pid);
        if (comma == text.size()) return true;
        text.remove_prefix(comma + 1);
    }
    return false;
}

Setter pids(std::vector<int> Options::*member) {
    return [member](Options& options, std::string_view text) { return read_pid_list(options.*member, text); };
}

template <class Number>
Setter number(Number Options::*member, Number lowest = 0) {
    return [member, lowest](Options& options, std::string_view text) {
        return read_number(text, options.*member) && options.*member >= lowest;
    };
}

template <class Duration>
Setter duration(Duration Options::*member) {
    return [member](Options& options, std::string_view text) {
        std::int64_t count = 0;
        if (!read_number(text, count) || count < 0) return false;
        options.*member = Duration(count);
        return true;
    };
}

Setter text(std::string Options::*member) {
    return [member](Options& options, std::string_view value) {
        options.*member = value;
        return !value.empty();
    };
}

template <class Choice, std::size_t N>
Setter choice(Choice Options::*member, const std::array<std::pair<const char*, Choice>, N>& choices) {
    return [member, choices](Options& options, std::string_view value) {
        for (const auto& [name, meaning] : choices) {
            if (value != name) continue;
            options.*member = meaning;
            return true;
        }
        return false;
    };
}

template <class Choice>
using Choices2 = std::array<std::pair<const char*, Choice>, 2>;
template <class Choice>
using Choices3 = std::array<std::pair<const char*, Choice>, 3>;

Setter yes_or_no(bool Options::*member) { return choice(member, Choices2<bool>{{{"yes", true}, {"no", false}}}); }

Setter address(std::uint32_t Options::*member) {
    return [member](Options& options, std::string_view text) { return read_address(text, options.*member); };
}

bool read_rounds(Options& options, std::string_view text) { return read_number(text, options.rounds.emplace()); }

bool read_in_flight(Options& options, std::string_view text) {
    options.in_flight_given = true;
    return read_number(text, options.logins_in_flight) && options.logins_in_flight > 0;
}

using Group = std::vector<Flag>;

Group server_flags() {
    return {
        {"--server", "ADDRESS:PORT", "IPv4 of 127.0.0.0/8", read_server},
        {"--domain", "NAME", "the XMPP domain", text(&Options::domain)},
        {"--protocol", "xmpp|relay", "what the server speaks",
         choice(&Options::protocol, Choices2<Protocol>{{{"xmpp", Protocol::xmpp}, {"relay", Protocol::relay}}})},
        {"--tls", "none|starttls|direct", "how a stream is secured",
         choice(&Options::tls, Choices3<TlsUse>{{{"none", TlsUse::none},
                                                 {"starttls", TlsUse::starttls},
                                                 {"direct", TlsUse::direct}}})},
        {"--tls-version", "1.3|1.2", "exactly this version (1.3)",
         choice(&Options::tls_1_2, Choices2<bool>{{{"1.3", false}, {"1.2", true}}})},
        {"--ciphersuites", "LIST", "of TLS 1.3, in OpenSSL's form", text(&Options::ciphersuites)},
        {"--server-pid", "PID[,PID]", "whose CPU and memory to measure", pids(&Options::server_pids)},
        {"--database-pid", "PID[,PID]", "whose CPU to tell beside it", pids(&Options::database_pids)},
    };
}

Group user_flags() {
    return {
        {"--user-prefix", "TEXT", "users are TEXT0, TEXT1, ... (u)", text(&Options::user_prefix)},
        {"--password", "TEXT", "of all users (secret)", text(&Options::password)},
        {"--auth", "plain|scram-sha-1|scram-sha-256", "SASL mechanism (plain)",
         choice(&Options::sasl, Choices3<SaslChoice>{{{"plain", SaslChoice::plain},
                                                      {"scram-sha-1", SaslChoice::scram_sha_1},
                                                      {"scram-sha-256", SaslChoice::scram_sha_256}}})},
        {"--first-user", "N", "number of the first user (0)", number(&Options::first_user)},
        {"--users", "N", "how many, where there are no pairs (10000)", number<std::uint32_t>(&Options::users, 1)},
        {"--in-flight", "N", "logins under way at once (256; returns of a storm: all)", read_in_flight},
        {"--roster", "yes|no", "fetch the roster at login (yes)", yes_or_no(&Options::roster)},
        {"--presence", "yes|no", "no: a login is over when the resource is bound (yes)", yes_or_no(&Options::presence)},
        {"--contacts", "N", "befriend, presence, phones: in each roster (20)",
         number<std::uint32_t>(&Options::contacts, 1)},
        {"--subscribed", "yes|no", "befriend: no: roster entries only (yes)", yes_or_no(&Options::subscribed)},
        {"--source", "ADDRESS", "first source address, of 127.0.0.0/8", address(&Options::source_address)},
        {"--sources", "N", "spread over N source addresses (1)",
         number<std::uint32_t>(&Options::source_addresses, 1)},
        {"--processes", "N", "spread the users over N processes (1)", number<std::uint32_t>(&Options::processes, 1)},
    };
}

Group amount_flags() {
    return {
        {"--warm-up-users", "N", "idle: logged in before the baseline (200)", number(&Options::warm_up_users)},
        {"--settle", "MS", "idle: before memory is read; storm: calm before it (5000)", duration(&Options::settle)},
        {"--phone", "yes|no", "idle: as phones are (no)", yes_or_no(&Options::phone)},
        {"--rounds", "N", "login, archive: times (1); idle: drops and returns of all (0)", read_rounds},
        {"--pairs", "N", "chat, offline, archive, storm: pairs (250)", number<std::uint32_t>(&Options::pairs, 1)},
        {"--window", "N", "under way in each pair, group, room, process (1)", number(&Options::window)},
        {"--burst", "N", "chat: messages in one write, answered when all came (1)",
         number<std::uint32_t>(&Options::burst, 1)},
        {"--rate", "N", "chat, storm: messages a second from all, whatever comes back (chat: 0, closed loop)",
         number(&Options::rate)},
        {"--acks", "yes|no", "chat: stream management (XEP-0198), both ways (no)", yes_or_no(&Options::acks)},
        {"--messages", "N", "chat, presence, room: measured deliveries (100000)",
         number<std::uint64_t>(&Options::messages, 1)},
        {"--warm-up-messages", "N", "chat, presence, room: deliveries before (10000)",
         number<std::uint64_t>(&Options::warm_up_messages, 1)},
        {"--message-bytes", "N", "size of a stanza or line (300)", number<std::uint32_t>(&Options::message_bytes, 1)},
        {"--each", "N", "offline, archive: messages of each pair (20)", number<std::uint32_t>(&Options::each, 1)},
        {"--page", "N", "archive: messages on a page (50)", number<std::uint32_t>(&Options::page, 1)},
        {"--room-domain", "NAME", "room: where it is (conference.DOMAIN)", text(&Options::room_domain)},
    };
}

Group end_flags() {
    return {
        {"--silence", "SECONDS", "over when nothing arrived for so long (10)", duration(&Options::silence)},
        {"--deadline", "SECONDS", "the run ends, failed, after that (300)", duration(&Options::deadline)},
        {"--json", nullptr, "only the JSON line",
         [](Options& options, std::string_view) { return options.json = true; }},
    };
}

const std::vector<Flag>& flags() {
    static const std::vector<Flag> all = [] {
        std::vector<Flag> joined;
        for (const Group& group : {server_flags(), user_flags(), amount_flags(), end_flags()}) {
            joined.insert(joined.end(), group.begin(), group.end());
        }
        return joined;
    }();
    return all;
}

const Flag* find_flag(std::string_view name) {
    for (const Flag& flag : flags()) {
        if (name == flag.name) return &flag;
    }
    return nullptr;
}

// What no option alone can say.
Result<Options> check(Options options) {
    if (options.acks && options.protocol != Protocol::xmpp) {
        return Error(ErrorCode::invalid, "--acks yes: the relay has no acknowledgements");
    }
    if (options.window == 0 && options.scenario != "archive") {
        return Error(ErrorCode::invalid, "--window 0: nothing would ever be sent");
    }
    if (options.processes > kMaxProcesses) {
        return Error(ErrorCode::invalid, "--processes: at most " + std::to_string(kMaxProcesses));
    }
    if (options.scenario == "storm") options.processes = std::max(options.processes, kLeastForStorm);
    if (options.source_addresses > 1 && options.source_address == 0) options.source_address = kFirstSource;
    if (options.room_domain.empty()) options.room_domain = "conference." + options.domain;
    return options;
}

}  // namespace

std::string option_usage() {
    std::string text;
    for (const Flag& flag : flags()) {
        std::string left = std::string("  ") + flag.name + (flag.value == nullptr ? "" : std::string(" ") + flag.value);
        left.resize(std::max<std::size_t>(left.size() + 2, 44), ' ');
        text += left + flag.meaning + "\n";
    }
    return text;
}

Result<Options> parse_options(int count, char** arguments) {
    Options options;
    if (count < 2) return Error(ErrorCode::invalid, "no scenario");
    options.scenario = arguments[1];
    for (int i = 2; i < count; ++i) {
        const Flag* flag = find_flag(arguments[i]);
        if (flag == nullptr) return Error(ErrorCode::invalid, std::string("unknown option ") + arguments[i]);
        const bool takes_value = flag->value != nullptr;
        if (takes_value && i + 1 == count) return Error(ErrorCode::invalid, std::string(flag->name) + " needs a value");
        const char* value = takes_value ? arguments[++i] : "";
        if (!flag->set(options, value)) {
            return Error(ErrorCode::invalid, std::string(flag->name) + " " + value + ": must be " + flag->value);
        }
    }
    return check(std::move(options));
}

}  // namespace rookery::bench
