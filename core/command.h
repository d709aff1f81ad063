// Commands: the verbs of the administrator, declared once and served as command line, HTTP API and ad-hoc commands.
// Names, arguments and their order are ejabberd's where the meaning is equal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "base/value.h"

namespace rookery {

class Shards;
struct Stores;

// What a command works with. Handlers run on shard 0's loop and hop with Shards::on.
struct CommandContext {
    Shards& shards;
    Stores& stores;
    class ServerControl& server;
};

// What only the program itself can do; server/ implements it.
class ServerControl {
public:
    virtual ~ServerControl() = default;
    virtual Task<Result<Value>> reload() = 0;  // the differences, or the errors with file and line
    virtual void stop() = 0;
    virtual Value status() const = 0;         // version, uptime, listeners, database
    // Another program takes over with all connections it can go on with (docs/upgrade.md). Answers on the old one's side.
    virtual Task<Result<Value>> upgrade(std::string program);
};

enum class ArgType { text, integer, boolean };

struct CommandArg {
    const char* name;
    ArgType type;
    const char* doc;
    bool optional = false;
    bool secret = false;  // never logged; the command line asks for it when it is missing and a terminal is there
};

// Arguments by name, checked against the declaration: present unless optional, of the right type, texts such
// that XML can hold them.
class Arguments {
public:
    explicit Arguments(Value values) : values_(std::move(values)) {}
    const std::string& text(std::string_view name) const;   // "" when optional and missing
    std::int64_t integer(std::string_view name, std::int64_t otherwise = 0) const;
    bool boolean(std::string_view name, bool otherwise = false) const;
    bool has(std::string_view name) const;

private:
    Value values_;
};

struct Command {
    const char* name;
    const char* group;                    // accounts, sessions, roster, messages, server, ...
    const char* summary;
    std::vector<CommandArg> args;
    Task<Result<Value>> (*run)(CommandContext context, Arguments args);
    bool only_looks = false;                             // changes nothing: may be watched, and is no event for the log
    std::string (*show)(const Value& answer) = nullptr;  // for a person; null: as a table
};

class CommandTable {
public:
    void add(Command command);                                  // throws std::logic_error on a second of that name
    const Command* find(std::string_view name) const;
    const std::vector<Command>& all() const { return commands_; }  // sorted by name
    // What to tell somebody who mistyped a name.
    std::string unknown(std::string_view name) const;
    // Checks the arguments and runs. Errors: not_found (unknown verb, with the nearest), invalid (argument).
    Task<Result<Value>> run(CommandContext context, std::string name, Value args) const;

private:
    std::vector<Command> commands_;
};

}  // namespace rookery
