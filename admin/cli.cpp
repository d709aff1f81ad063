#include "admin/cli.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <map>

#include "admin/json.h"
#include "base/config_value.h"
#include "base/number.h"
#include "base/utf8.h"

namespace rookery {
namespace {

Result<Value> typed(const CommandArg& arg, const std::string& text) {
    if (arg.type == ArgType::text) return Value(text);
    if (arg.type == ArgType::boolean) {
        if (text == "true" || text == "false") return Value(text == "true");
        return Error(ErrorCode::invalid, std::string("'") + arg.name + "' must be true or false");
    }
    if (const auto number = parse_number<std::int64_t>(text)) return Value(*number);
    return Error(ErrorCode::invalid, std::string("'") + arg.name + "' must be a whole number");
}

// Without echo, so that it stands neither on the screen nor in the shell's history.
std::optional<std::string> ask_secret(const CommandArg& arg) {
    termios before{};
    if (!::isatty(STDIN_FILENO) || ::tcgetattr(STDIN_FILENO, &before) != 0) return std::nullopt;
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &silent);
    std::cerr << arg.name << ": " << std::flush;
    std::string secret;
    std::getline(std::cin, secret);
    std::cerr << "\n";
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return secret;
}

// Users choose much of what is shown here (a status, a resource): none of it is to steer the terminal. Of UTF-8 the
// control characters are those of ASCII, DEL and U+0080 to U+009F.
std::string harmless(std::string_view text) {
    std::string shown;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
        const bool c1 = c == 0xC2 && next >= 0x80 && next < 0xA0;
        shown += c < 0x20 || c == 0x7F || c1 ? '?' : text[i];
        if (c1) ++i;
    }
    return shown;
}

std::string_view first_characters(std::string_view line, std::size_t count) {
    std::size_t end = 0;
    for (std::size_t seen = 0; end < line.size(); ++end) {
        if (begins_character(line[end]) && seen++ == count) break;
    }
    return line.substr(0, end);
}

std::string cell(const Value& value) { return value.is_null() ? "-" : shown(value); }

std::string columns(const Value::List& rows) {
    std::vector<std::string> names;
    for (const Value::Member& member : *rows.front().as_object()) names.push_back(member.name);
    std::vector<std::size_t> widths;
    for (const std::string& name : names) {
        std::size_t width = name.size();
        for (const Value& row : rows) width = std::max(width, cell(row[name]).size());
        widths.push_back(width);
    }
    const auto line = [&](auto text_of) {
        std::string out;
        for (std::size_t i = 0; i < names.size(); ++i) {
            std::string text = text_of(names[i]);
            if (i + 1 < names.size()) text.resize(widths[i] + 2, ' ');
            out += text;
        }
        return out + "\n";
    };
    std::string out = line([](const std::string& name) { return name; });
    for (const Value& row : rows) out += line([&row](const std::string& name) { return cell(row[name]); });
    return out;
}

}  // namespace

std::string usage(const Command& command) {
    std::string text = std::string("rookery ") + command.name;
    for (const CommandArg& arg : command.args) {
        std::string name = arg.name;
        std::ranges::transform(name, name.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
        text += arg.optional ? " [" + name + "]" : " " + name;
    }
    return text;
}

Result<Value> named_arguments(const Command& command, const std::vector<std::string>& given) {
    if (given.size() > command.args.size()) return Error(ErrorCode::invalid, "usage: " + usage(command));
    Value args = Value::object();
    for (std::size_t i = 0; i < command.args.size(); ++i) {
        const CommandArg& arg = command.args[i];
        std::optional<std::string> text = i < given.size() ? std::optional(given[i]) : std::nullopt;
        if (!text && arg.secret) text = ask_secret(arg);
        if (!text && arg.optional) continue;
        if (!text) return Error(ErrorCode::invalid, "usage: " + usage(command) + "\n" + arg.name + ": " + arg.doc);
        Result<Value> value = typed(arg, *text);
        if (!value.ok()) return value;
        args.set(arg.name, std::move(*value));
    }
    return args;
}

std::string unknown_argument(const std::string& verb, const std::string& word, const std::vector<std::string>& options) {
    const std::string name = word.substr(0, word.find('='));
    const bool option = name.starts_with('-');
    const std::vector<std::string_view> known(options.begin(), options.end());
    const std::optional<std::string_view> near = option ? nearest(name, known) : std::nullopt;
    std::string text = "'" + verb + "' has no " + (option ? "option" : "argument") + " '" + harmless(name) + "'";
    if (near) text += "; did you mean '" + std::string(*near) + "'?";
    return text + " ('rookery " + verb + " --help' lists all)";
}

std::string command_overview(const CommandTable& table) {
    std::map<std::string, std::string> groups;
    for (const Command& command : table.all()) {
        std::string line = "  " + usage(command).substr(8);
        line.resize(std::max<std::size_t>(line.size() + 2, 52), ' ');
        groups[command.group] += line + command.summary + "\n";
    }
    std::string text;
    for (const auto& [group, lines] : groups) text += group + ":\n" + lines;
    return text;
}

std::string shown(const Value& value) { return harmless(value.as_string() ? *value.as_string() : to_json(value)); }

std::string to_table(const Value& value) {
    if (const Value::List* list = value.as_list()) {
        if (!list->empty() && list->front().is_object()) return columns(*list);
        std::string out;
        for (const Value& item : *list) out += cell(item) + "\n";
        return out;
    }
    if (const Value::Object* object = value.as_object()) {
        std::string out;
        for (const Value::Member& member : *object) out += member.name + ": " + cell(member.value) + "\n";
        return out;
    }
    return value.is_null() ? std::string() : cell(value) + "\n";
}

std::string cut_to(const std::string& text, std::size_t rows, std::size_t columns) {
    std::string shown;
    std::string_view rest = text;
    for (std::size_t row = 0; row < rows && !rest.empty(); ++row) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        shown.append(first_characters(line, columns)).push_back('\n');
    }
    return shown;
}

std::string on_screen(const std::string& text) {
    winsize size{};
    if (!::isatty(STDOUT_FILENO) || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return text + "\n";
    const std::size_t rows = size.ws_row > 1 ? size.ws_row - 1u : 24u;
    const std::size_t columns = size.ws_col > 0 ? size.ws_col : 80u;
    return "\x1b[H\x1b[2J" + cut_to(text, rows, columns);
}

}  // namespace rookery
