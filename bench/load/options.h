// What the command line of bench_load says. One flat struct: every scenario reads what concerns it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace rookery::bench {

constexpr std::uint32_t kMaxProcesses = 64;

enum class Protocol { xmpp, relay };
enum class TlsUse { none, starttls, direct };
enum class SaslChoice { plain, scram_sha_1, scram_sha_256 };

struct Options {
    std::string scenario;

    // The server
    std::uint32_t address = 0x7f000001;  // IPv4, host byte order
    std::uint16_t port = 5222;
    std::string domain = "localhost";
    Protocol protocol = Protocol::xmpp;
    TlsUse tls = TlsUse::none;
    bool tls_1_2 = false;
    std::string ciphersuites = "TLS_AES_128_GCM_SHA256";
    std::vector<int> server_pids;
    std::vector<int> database_pids;

    // The users: PREFIX0, PREFIX1, ... of the domain, with one password
    std::string user_prefix = "u";
    std::string password = "secret";
    SaslChoice sasl = SaslChoice::plain;
    std::uint32_t first_user = 0;
    std::uint32_t users = 10'000;
    std::uint32_t logins_in_flight = 256;
    bool in_flight_given = false;  // else all may return at once from a storm
    bool roster = true;
    bool presence = true;              // with false a user is ready when the resource is bound
    std::uint32_t contacts = 20;       // in each roster: groups of this and one who know each other
    bool subscribed = true;            // befriend: by subscription both ways
    std::uint32_t source_address = 0;  // first of `source_addresses` consecutive ones; 0: the system's choice
    std::uint32_t source_addresses = 1;
    std::uint32_t processes = 1;

    // How much
    std::uint32_t pairs = 250;
    std::uint32_t window = 1;
    std::uint32_t burst = 1;  // messages in one write
    std::uint64_t messages = 100'000;
    std::uint64_t warm_up_messages = 10'000;
    std::uint32_t rate = 0;  // messages a second from all; 0: whoever receives one answers
    bool acks = false;       // XEP-0198 both ways, the server asked behind every message
    std::uint32_t message_bytes = 300;
    std::uint32_t each = 20;  // offline, archive: messages of each pair
    std::uint32_t page = 50;
    std::optional<std::uint32_t> rounds;  // login, archive: 1; idle: 0
    std::string room_domain;              // empty: conference.DOMAIN

    // idle
    std::uint32_t warm_up_users = 200;
    std::chrono::milliseconds settle{5000};
    bool phone = false;  // stream management with resumption, carbons, client state inactive

    std::chrono::seconds silence{10};  // without anything that is waited for: the run is over
    std::chrono::seconds deadline{300};
    bool json = false;
};

// The message of a refusal is for the person at the keyboard.
Result<Options> parse_options(int count, char** arguments);
std::string option_usage();

}  // namespace rookery::bench
