// Messages from the administrator.
#include "admin/commands.h"
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

// `from` may be any address of ours, or a domain of ours.
Task<Result<Value>> send_message(CommandContext context, Arguments args) {
    const Result<MessageType> type = message_type(args.text("type"));
    if (!type.ok()) co_return type.error();
    std::optional<Jid> from = Jid::parse(args.text("from"));
    std::optional<Jid> to = Jid::parse(args.text("to"));
    if (!from || !context.shards.at(0).find_host(from->domain())) co_return Error(ErrorCode::invalid, "'from' is not an address of this server");
    if (!to) co_return Error(ErrorCode::invalid, "'to' is not an address");
    Stanza message = Stanza::message(*type, *to);
    message.from = *from;
    if (!args.text("subject").empty()) message.element().add_text_child(subject_name, args.text("subject"));
    message.element().add_text_child(body_name, args.text("body"));
    context.shards.at(0).router().send(std::move(message));
    co_return Value("Message sent to " + to->str());
}

}  // namespace

void add_message_commands(CommandTable& table) {
    table.add({"send_message", "messages", "Send a message to a local or remote address",
               {{"type", ArgType::text, "normal, chat or headline"},
                {"from", ArgType::text, "sender's address"},
                {"to", ArgType::text, "recipient's address"},
                {"subject", ArgType::text, "subject, or empty"},
                {"body", ArgType::text, "the text"}},
               send_message});
}

}  // namespace rookery
