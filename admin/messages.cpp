// Messages from the administrator.
#include "admin/commands.h"
#include "base/crypto.h"
#include "core/shard.h"

namespace rookery {
namespace {

const xml::Name subject_name{"jabber:client", "subject"};
const xml::Name body_name{"jabber:client", "body"};

Result<MessageType> message_type(const std::string& name) {
    for (MessageType type : {MessageType::normal, MessageType::chat, MessageType::headline})
        if (name == to_string(type)) return type;
    return Error(ErrorCode::invalid, "'type' must be normal, chat or headline");
}

// A domain of ours, or an account of ours that exists; there is no way to other servers.
Task<Result<void>> check_reachable(CommandContext context, Jid to) {
    if (!context.shards.at(0).find_host(to.domain()))
        co_return Error(ErrorCode::unavailable, "'" + std::string(to.domain()) + "' is not a host of this server, and it reaches no other");
    if (to.local().empty()) co_return Result<void>();
    Result<void> exists = co_await check_exists(context, to.bare());
    co_return exists;
}

// `from` may be any address of ours, or a domain of ours.
Task<Result<Value>> send_message(CommandContext context, Arguments args) {
    const Result<MessageType> type = message_type(args.text("type"));
    if (!type.ok()) co_return type.error();
    std::optional<Jid> from = Jid::parse(args.text("from"));
    std::optional<Jid> to = Jid::parse(args.text("to"));
    if (!from || !context.shards.at(0).find_host(from->domain())) co_return Error(ErrorCode::invalid, "'from' is not an address of this server");
    if (!to) co_return Error(ErrorCode::invalid, "'to' is not an address");
    Result<void> reachable = co_await check_reachable(context, *to);
    if (!reachable.ok()) co_return std::move(reachable).error();
    Stanza message = Stanza::message(*type, *to);
    message.from = *from;
    message.id = random_token();
    if (!args.text("subject").empty()) message.element().add_text_child(subject_name, args.text("subject"));
    message.element().add_text_child(body_name, args.text("body"));
    context.shards.at(0).router().send(std::move(message));
    co_return Value("Message sent to " + to->to_string());
}

}  // namespace

void add_message_commands(CommandTable& table) {
    table.add({"send_message", "messages", "Send a message to an address of this server",
               {{"type", ArgType::text, "normal, chat or headline"},
                {"from", ArgType::text, "sender's address"},
                {"to", ArgType::text, "recipient's address"},
                {"subject", ArgType::text, "subject, or empty"},
                {"body", ArgType::text, "the text"}},
               send_message});
}

}  // namespace rookery
