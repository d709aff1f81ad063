#include "admin/control.h"

#include <unistd.h>

#include "admin/json.h"
#include "base/log.h"

namespace rookery {
namespace {

constexpr std::pair<ErrorCode, std::string_view> code_names[] = {
    {ErrorCode::not_found, "not_found"}, {ErrorCode::conflict, "conflict"}, {ErrorCode::denied, "denied"},
    {ErrorCode::invalid, "invalid"}, {ErrorCode::limit, "limit"}, {ErrorCode::unavailable, "unavailable"},
    {ErrorCode::storage, "storage"},
};

std::string_view name_of(ErrorCode code) {
    for (const auto& [known, name] : code_names)
        if (known == code) return name;
    return "invalid";
}

ErrorCode code_of(std::string_view name) {
    for (const auto& [code, known] : code_names)
        if (known == name) return code;
    return ErrorCode::invalid;
}

std::string error_text(const Error& error) {
    Value details = Value::object({{"code", name_of(error.code)}, {"message", error.message}});
    return to_json(Value::object({{"error", std::move(details)}}));
}

std::string answer_text(const Result<Value>& result) {
    return result.ok() ? to_json(Value::object({{"result", *result}})) : error_text(result.error());
}

Task<void> run_request(const CommandTable& table, CommandContext context, std::string verb, Value args,
                       ControlSocket::Reply reply) {
    std::string failure;
    try {
        Task<Result<Value>> work = table.run(context, std::move(verb), std::move(args));
        Result<Value> result = co_await work;
        reply(answer_text(result));
        co_return;
    } catch (const std::exception& error) {
        failure = error.what();
    }
    log_error("command_failed", {{"error", failure}});
    reply(error_text(Error(ErrorCode::unavailable, "the command failed; see the log")));
}

void on_request(const CommandTable& table, CommandContext context, const std::string& request,
                const PeerCredentials& peer, ControlSocket::Reply reply) {
    if (peer.uid != 0 && peer.uid != ::geteuid()) {
        log_warning("control_refused", {{"uid", peer.uid}, {"pid", peer.pid}});
        return reply(error_text(Error(ErrorCode::denied, "only the server's own user and root may do this")));
    }
    Result<Value> parsed = parse_json(request);
    const std::string* verb = parsed.ok() ? (*parsed)["verb"].as_string() : nullptr;
    if (!verb) return reply(error_text(Error(ErrorCode::invalid, "not a request")));
    const Command* command = table.find(*verb);
    const bool event = !command || !command->only_looks;
    log_write(event ? LogLevel::info : LogLevel::debug, "command", {{"verb", *verb}, {"uid", peer.uid}});
    const Value& args = (*parsed)["args"];
    spawn(run_request(table, context, *verb, args.is_null() ? Value::object() : args, std::move(reply)));
}

}  // namespace

Result<std::unique_ptr<ControlSocket>> serve_control(ShardLoop& loop, std::string path, int inherited,
                                                     const CommandTable& table, CommandContext context) {
    ControlSocketOptions options;
    options.path = std::move(path);
    options.inherited = inherited;
    return ControlSocket::open(loop, std::move(options),
                               [&table, context](std::string request, const PeerCredentials& peer, ControlSocket::Reply reply) {
                                   on_request(table, context, request, peer, std::move(reply));
                               });
}

Result<Value> ask_server(const std::string& path, const std::string& verb, Value args) {
    const Value request = Value::object({{"verb", verb}, {"args", std::move(args)}});
    Result<std::string> reply = ask_control_socket(path, to_json(request));
    if (!reply.ok() && reply.error().code == ErrorCode::unavailable)
        return Error(ErrorCode::unavailable, "no server answers (" + reply.error().message + "): does it run, and is --data its folder?");
    if (!reply.ok()) return std::move(reply).error();
    Result<Value> answer = parse_json(*reply);
    if (!answer.ok()) return Error(ErrorCode::invalid, "the server's answer makes no sense");
    const Value& error = (*answer)["error"];
    if (!error.is_null()) return Error(code_of(error["code"].string_or("")), error["message"].string_or(""));
    return (*answer)["result"];
}

}  // namespace rookery
