// Ad-hoc commands (XEP-0050) at the server's address: runs what the modules declared (core/adhoc.h), for those whom
// the command's access rule allows. Executions are bounded in number and age; each belongs to the address that began it.
#include <algorithm>

#include "core/module.h"

namespace rookery {
namespace {

constexpr const char* commands_ns = "http://jabber.org/protocol/commands";
const xml::Name command_name{commands_ns, "command"};
const xml::Name actions_name{commands_ns, "actions"};
const xml::Name note_name{commands_ns, "note"};

constexpr std::size_t max_executions = 1'000;     // of this host on this shard
constexpr std::size_t max_executions_a_user = 20;  // of one full JID
constexpr std::size_t max_steps = 16;
constexpr Seconds execution_lifetime{600};  // since the last step
constexpr Seconds sweep_interval{60};

enum class Action { execute, next, prev, complete, cancel };

std::optional<Action> parse_action(std::string_view text) {
    if (text == "execute") return Action::execute;
    if (text == "next") return Action::next;
    if (text == "prev") return Action::prev;
    if (text == "complete") return Action::complete;
    if (text == "cancel") return Action::cancel;
    return std::nullopt;
}

struct Execution {
    std::string id;
    std::string node;
    Jid owner;
    std::vector<DataForm> answers;
    std::optional<DataForm> question;  // that waits for its answer
    bool last = true;                  // the answer to it completes the command
    SteadyTime expires;
};

// Section 4.4: the general condition and what it means here.
StanzaError bad(const char* what, std::string text = {}) {
    return StanzaError(Condition::bad_request, std::move(text)).with(xml::Element(commands_ns, what));
}

xml::Element reply_to(const Execution& execution, const char* status) {
    xml::Element command(command_name);
    command.set("node", execution.node).set("sessionid", execution.id).set("status", status);
    return command;
}

xml::Element question_of(const Execution& execution) {
    const bool first = execution.answers.empty();
    const char* onwards = execution.last ? "complete" : "next";
    xml::Element actions(actions_name);
    actions.set("execute", onwards);
    if (!first) actions.add(xml::Element(commands_ns, "prev"));
    actions.add(xml::Element(commands_ns, onwards));
    xml::Element command = reply_to(execution, "executing");
    command.add(actions).add(execution.question->to_xml());
    return command;
}

xml::Element result_of(const Execution& execution, const AdHocStep& step) {
    xml::Element command = reply_to(execution, "completed");
    if (!step.note.empty())
        command.add(xml::Element(note_name).set("type", step.success ? "info" : "error").add_text(step.note));
    if (step.result) command.add(*step.result);
    return command;
}

class AdHoc final : public Module {
public:
    AdHoc(Host& our_host, const NoOptions&) : Module(our_host) {
        iq<&AdHoc::answer>(IqType::set, command_name, At::host);
        feature(commands_ns, At::host);
        on<&AdHoc::describe>(our_host.hooks.disco_info, Stage::deliver);
        on<&AdHoc::list>(our_host.hooks.disco_items, Stage::deliver);
        every<&AdHoc::sweep>(sweep_interval);
        queue({.name = "commands", .unit = "commands", .kind = QueueKind::pool, .where = {},
               .counts = [this] { return counts_of(asked_, executions_.size(), refused_); },
               .look = [this] { return QueueMember{executions_.size(), max_executions}; }});
    }

private:
    // --- discovery

    Outcome list(DiscoItemsEvent& event) {
        if (event.iq.account || event.answer.node != commands_ns) return Outcome::pass();
        for (const AdHocCommand& command : host().commands().all())
            if (may_run(command, event.iq)) event.answer.items.push_back(DiscoItem(host().jid(), command.node, command.name));
        return Outcome::stop();
    }

    Outcome describe(DiscoInfoEvent& event) {
        if (event.iq.account) return Outcome::pass();
        if (event.answer.node == commands_ns) {
            event.answer.identities.push_back(DiscoIdentity("automation", "command-list"));
            event.answer.features = {"http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"};
            return Outcome::stop();
        }
        const AdHocCommand* command = host().commands().find(event.answer.node);
        if (!command) return Outcome::pass();
        if (!may_run(*command, event.iq)) return Outcome::refuse(StanzaError(Condition::forbidden));
        event.answer.identities.push_back(DiscoIdentity("automation", "command-node", command->name));
        event.answer.features = {commands_ns, "jabber:x:data"};
        return Outcome::stop();
    }

    bool may_run(const AdHocCommand& command, const Iq& iq) const {
        const std::string address = iq.sender ? iq.sender->origin().address : std::string();
        return host().options().access->allows(command.access, iq.stanza->from, address);
    }

    // --- requests

    IqReply answer(Iq iq) {
        const xml::View payload = iq.payload();
        const std::optional<Action> action = parse_action(payload.attr_or("action", "execute"));
        if (!action) return bad("malformed-action");
        const AdHocCommand* command = host().commands().find(payload.attr_or("node", ""));
        if (!command) return Condition::item_not_found;
        if (!may_run(*command, iq)) return Condition::forbidden;
        const xml::View form = payload.child(DataForm::name);
        std::optional<DataForm> submitted = form ? DataForm::parse(form) : std::nullopt;
        if (form && !submitted) return bad("bad-payload");
        if (!payload.attr("sessionid")) return begin(std::move(iq), *command, *action);
        return go_on(std::move(iq), *command, *action, std::move(submitted));
    }

    IqReply begin(Iq iq, const AdHocCommand& command, Action action) {
        if (action != Action::execute) return bad("bad-action");
        const auto theirs = std::ranges::count(executions_, iq.stanza->from, &Execution::owner);
        if (executions_.size() >= max_executions || std::cmp_greater_equal(theirs, max_executions_a_user)) {
            ++refused_;
            return StanzaError(Condition::resource_constraint, ErrorType::wait, "too many commands are under way");
        }
        Execution execution;
        execution.id = random_token();
        execution.node = command.node;
        execution.owner = iq.stanza->from;
        return run_command(std::move(iq), command, std::move(execution));
    }

    // The execution leaves the table while its step runs: nobody else can take the same step.
    IqReply go_on(Iq iq, const AdHocCommand& command, Action action, std::optional<DataForm> submitted) {
        const auto at = find(iq, command.node);
        if (at == executions_.end()) return bad("bad-sessionid");
        if (action == Action::cancel) {
            const Execution execution = take(at);
            return reply_to(execution, "canceled");
        }
        if (action == Action::prev) {
            if (at->answers.empty()) return bad("bad-action");
            Execution execution = take(at);
            execution.answers.pop_back();
            return run_command(std::move(iq), command, std::move(execution));
        }
        if (action == Action::complete && !at->last) return bad("bad-action");
        if (!submitted) return bad("bad-payload", "a form must be filled in");
        if (std::optional<std::string> why = at->question->refuse(*submitted)) return bad("bad-payload", std::move(*why));
        if (at->answers.size() >= max_steps) return bad("bad-action");
        Execution execution = take(at);
        execution.answers.push_back(std::move(*submitted));
        return run_command(std::move(iq), command, std::move(execution));
    }

    Task<IqReply> run_command(Iq iq, const AdHocCommand& command, Execution execution) {
        AdHocRequest request{std::move(iq), execution.answers};
        Task<AdHocStep> running = command.run(command.object, std::move(request));
        AdHocStep step = co_await running;
        if (step.kind == AdHocStep::Kind::refused) co_return std::move(*step.error);
        if (step.kind == AdHocStep::Kind::done) co_return result_of(execution, step);
        execution.question = std::move(step.form);
        execution.last = step.last;
        execution.expires = loop().clock().steady_now() + execution_lifetime;
        xml::Element question = question_of(execution);
        executions_.push_back(std::move(execution));
        ++asked_;
        co_return question;
    }

    std::vector<Execution>::iterator find(const Iq& iq, std::string_view node) {
        const std::string_view id = iq.payload().attr_or("sessionid", "");
        return std::ranges::find_if(executions_, [&](const Execution& execution) {
            return execution.id == id && execution.node == node && execution.owner == iq.stanza->from;
        });
    }

    Execution take(std::vector<Execution>::iterator at) {
        Execution execution = std::move(*at);
        executions_.erase(at);
        return execution;
    }

    void sweep() {
        const SteadyTime now = loop().clock().steady_now();
        std::erase_if(executions_, [now](const Execution& execution) { return execution.expires <= now; });
    }

    std::vector<Execution> executions_;  // that wait for the user
    std::uint64_t asked_ = 0, refused_ = 0;
};

}  // namespace

extern const ModuleSpec adhoc_module =
    declare<AdHoc>("adhoc", "Runs ad-hoc commands").implements(50, "1.3.0");

}  // namespace rookery
