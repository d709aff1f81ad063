// A play: a conversation of clients with a server, as a text file (docs/plays.md is the manual of the format).
// parse_play reads it; play_run.h acts it out on a Driver.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"

namespace rookery::test {

struct PlayAccount {
    std::string name;                  // local part, as the play writes it
    std::string domain = "localhost";  // "localhost" or "other.localhost"
    bool exists = true;                // false: only its name is reserved, `account NAME missing`
    bool fixed = false;                // its name is the same in every run, `account NAME fixed`
};

struct PlayClient {
    std::string name;
    std::string user;
    std::string domain;
    std::string resource;  // empty: made by the server
    bool raw = false;
    bool plaintext = false;
    bool direct_tls = false;
    bool wrong_password = false;
    std::optional<int> priority;
    std::string mechanism;  // empty: the best one offered
};

enum class Act {
    // by a client
    connect,
    open_stream,
    restart_stream,
    log_in,
    bind,
    become_available,
    fetch_roster,
    disconnect,
    drop,
    expect_closed,
    expect_nothing,
    skip_all,
    send,
    send_bytes,
    expect,
    expect_any_order,
    expect_part,
    expect_push,
    expect_roster,
    expect_header,
    expect_feature,
    expect_no_feature,
    expect_error,
    expect_stream_error,
    expect_login_failure,
    // about two accounts
    sees,
    asks_to_see,
    has_in_roster,
    // of the world
    wait,
    command,
};

struct Step {
    int line = 0;
    Act act{};
    std::string who{};    // client, or the first account
    std::string other{};  // the second account
    std::string text{};   // block, condition(s), command line
    int text_line = 0;    // where the block begins
    int pieces = 0;       // send: bytes at a time; 0: all at once
    Duration time{};
};

struct PlayConfig {
    std::string name;  // what a server that is set up this way is said to have; empty: only by its YAML
    std::string yaml;
};

struct Play {
    std::string file;
    std::string source;  // "RFC 6121 3.1.2"
    std::string title;
    std::vector<PlayAccount> accounts;  // those of the clients too
    std::vector<PlayClient> clients;
    std::vector<std::string> needs;
    std::optional<PlayConfig> config;
    bool alone = false;  // touches what the whole server shares
    std::vector<Step> steps;

    const PlayClient* find_client(std::string_view name) const;
    const PlayAccount* find_account(std::string_view name) const;
};

struct PlayError {
    int line;
    std::string message;
};

std::variant<Play, PlayError> parse_play(std::string_view text, std::string file);
std::variant<Play, PlayError> load_play(const std::string& path);  // line 0: cannot be read

// All *.play files below a folder, sorted.
std::vector<std::string> find_plays(const std::string& folder);

}  // namespace rookery::test
