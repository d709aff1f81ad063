// Announcements of the administrators to everybody: to those who are online, to all accounts, or as message of the day
// at the next login, once to each account. By ad-hoc commands (XEP-0133) and by messages to host/announce/... as with
// ejabberd; for whom the access rule `announce` allows.
#include <iterator>
#include <variant>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/log.h"
#include "core/access.h"
#include "core/module.h"

namespace rookery {
namespace {

constexpr const char* admin_ns = "http://jabber.org/protocol/admin";
constexpr const char* motd_key = "motd";
constexpr const char* motd_seen_key = "motd_seen";  // of an account
constexpr std::size_t online_a_turn = 500;    // sessions written to before others get their turn
constexpr std::size_t accounts_a_page = 200;  // accounts written to between two pauses: each may cost a write to disk
constexpr Milliseconds page_pause{100};
constexpr std::size_t max_text_bytes = 64 * 1024;

const xml::Name subject_name{"jabber:client", "subject"};
const xml::Name body_name{"jabber:client", "body"};

struct AnnounceOptions {
    AccessRule access{"announce"};
};

struct Announcement {
    std::string subject;
    std::string body;
};

// The message of the day as this shard knows it; in the host's slots.
struct MessageOfTheDay {
    bool loaded = false;
    std::optional<Announcement> text;
};

Stanza make_message(MessageType type, const Jid& from, const Announcement& text) {
    Stanza message = Stanza::message(type);
    message.from = from;
    message.id = random_token();
    if (!text.subject.empty()) message.element().add_text_child(subject_name, text.subject);
    message.element().add_text_child(body_name, text.body);
    return message;
}

std::string to_document(const Announcement& text) { return make_message(MessageType::normal, Jid(), text).to_string(); }

std::optional<Announcement> from_document(const std::string& body) {
    const std::optional<Stanza> message = parse_stanza(body);
    if (!message) return std::nullopt;
    return Announcement{message->child(subject_name).text(), message->child(body_name).text()};
}

// Tells one text from another.
std::string mark_of(const Announcement& text) {
    return hex_encode(hash(HashAlgorithm::sha256, text.subject + '\n' + text.body));
}

// Forms send one value a line.
std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
    return text;
}

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

// The text is the last field.
DataForm question(const char* title, const char* text_var, const std::optional<Announcement>& now = std::nullopt) {
    DataForm form(FormType::form, admin_ns);
    form.title = title;
    form.add(FormField("subject", FieldType::text_single, {}, "Subject"));
    FormField text(text_var, FieldType::text_multi, {}, "Text");
    text.required = true;
    if (now) form.fields.back().values = {now->subject};
    if (now) text.values = split(now->body);
    form.add(std::move(text));
    return form;
}

bool is_too_long(const Announcement& text) { return text.subject.size() + text.body.size() > max_text_bytes; }

// What was filled in; or what to answer instead: the form, or what is wrong with it.
using TextOrAnswer = std::variant<Announcement, AdHocStep>;

TextOrAnswer read_text(const AdHocRequest& request, DataForm form) {
    if (request.answers.empty()) return AdHocStep::ask(std::move(form));
    Announcement text{request.text("subject"), joined(request.lines(form.fields.back().var))};
    if (text.body.empty()) return AdHocStep(StanzaError(Condition::not_acceptable, "there is no text"));
    if (is_too_long(text)) return AdHocStep(StanzaError(Condition::not_acceptable, "the text is too long"));
    return text;
}

// --- sending, on one shard

std::vector<Jid> available_here(const Shard& shard, const std::string& domain) {
    std::vector<Jid> online;
    shard.for_each_session([&](Session& session) {
        if (session.available() && session.jid().domain() == domain) online.push_back(session.jid());
    });
    return online;
}

// To whom.
Task<std::vector<Jid>> send_to_online_here(Shard& shard, std::string domain, Stanza message) {
    std::vector<Jid> online = available_here(shard, domain);
    const auto shared = std::make_shared<Stanza>(std::move(message));
    for (std::size_t at = 0; at < online.size(); at += online_a_turn) {
        const auto end = online.begin() + static_cast<std::ptrdiff_t>(std::min(at + online_a_turn, online.size()));
        shard.router().fan_out(shared, std::vector<Jid>(online.begin() + static_cast<std::ptrdiff_t>(at), end));
        co_await next_turn(shard.loop());
    }
    co_return online;
}

class Announce final : public Module {
public:
    Announce(Host& our_host, const AnnounceOptions& options) : Module(our_host), access_(options.access) {
        add<&Announce::announce_online>("announce", "Send an announcement to all who are online");
        add<&Announce::announce_all>("announce-all", "Send an announcement to all users");
        add<&Announce::set_motd>("set-motd", "Set the message of the day, and send it to all who are online");
        add<&Announce::edit_motd>("edit-motd", "Change the message of the day");
        add<&Announce::delete_motd>("delete-motd", "Delete the message of the day");
        on<&Announce::message_to_host>(our_host.hooks.message_to_host, Stage::deliver);
        on<&Announce::greet>(our_host.hooks.session_available, Stage::deliver);
    }

private:
    template <auto Method>
    void add(const char* node, const char* name) {
        command<Method>(std::string(admin_ns) + "#" + node, name, access_);
    }

    // --- by command

    Task<AdHocStep> announce_online(AdHocRequest request) {
        TextOrAnswer read = read_text(request, question("Announcement to all who are online", "announcement"));
        if (AdHocStep* answer = std::get_if<AdHocStep>(&read)) co_return std::move(*answer);
        run(send_to_online(std::get<Announcement>(std::move(read))));
        co_return AdHocStep::done();
    }

    Task<AdHocStep> announce_all(AdHocRequest request) {
        TextOrAnswer read = read_text(request, question("Announcement to all users", "announcement"));
        if (AdHocStep* answer = std::get_if<AdHocStep>(&read)) co_return std::move(*answer);
        run(send_to_all(std::get<Announcement>(std::move(read))));
        co_return AdHocStep::done();
    }

    Task<AdHocStep> set_motd(AdHocRequest request) {
        TextOrAnswer read = read_text(request, question("Set the message of the day", "motd"));
        if (AdHocStep* answer = std::get_if<AdHocStep>(&read)) co_return std::move(*answer);
        Announcement text = std::get<Announcement>(std::move(read));
        const bool kept = co_await keep_motd(text);
        if (kept) run(show_motd(std::move(text)));
        co_return done_if(kept);
    }

    Task<AdHocStep> edit_motd(AdHocRequest request) {
        std::optional<Announcement> now_set;
        if (request.answers.empty()) now_set = co_await load_motd();
        TextOrAnswer read = read_text(request, question("Change the message of the day", "motd", now_set));
        if (AdHocStep* answer = std::get_if<AdHocStep>(&read)) co_return std::move(*answer);
        const bool kept = co_await keep_motd(std::get<Announcement>(std::move(read)));
        co_return done_if(kept);
    }

    Task<AdHocStep> delete_motd(AdHocRequest) {
        const bool gone = co_await keep_motd(std::nullopt);
        co_return done_if(gone);
    }

    static AdHocStep done_if(bool kept) {
        if (!kept) return StanzaError(Condition::internal_server_error, ErrorType::wait);
        return AdHocStep::done();
    }

    // --- by message: localhost/announce/online and the like

    Outcome message_to_host(Route& route) {
        const std::string_view where = route.to.resource();
        if (!where.starts_with("announce/")) return Outcome::pass();
        if (!host().options().access->allows(access_, route.stanza->from))
            return Outcome::refuse(StanzaError(Condition::forbidden));
        Announcement text{route.stanza->child(subject_name).text(), route.stanza->child(body_name).text()};
        if (where == "announce/motd/delete") return change_motd(std::nullopt, false);
        if (text.body.empty()) return Outcome::refuse(StanzaError(Condition::bad_request, "there is no text"));
        if (is_too_long(text)) return Outcome::refuse(StanzaError(Condition::not_acceptable, "the text is too long"));
        if (where == "announce/online") return start(send_to_online(std::move(text)));
        if (where == "announce/all") return start(send_to_all(std::move(text)));
        if (where == "announce/motd") return change_motd(std::move(text), true);
        if (where == "announce/motd/update") return change_motd(std::move(text), false);
        return Outcome::refuse(StanzaError(Condition::item_not_found));
    }

    Outcome start(Task<void> sending) {
        run(std::move(sending));
        return Outcome::stop();
    }

    Task<Outcome> change_motd(std::optional<Announcement> text, bool show) {
        const bool kept = co_await keep_motd(text);
        if (!kept) co_return Outcome::refuse(StanzaError(Condition::internal_server_error, ErrorType::wait));
        if (text && show) run(show_motd(std::move(*text)));
        co_return Outcome::stop();
    }

    // --- sending

    Task<void> send_to_online(Announcement text) {
        Task<std::vector<Jid>> sending = tell_online(std::move(text));
        (void)co_await sending;
    }

    // Who is told.
    Task<std::vector<Jid>> tell_online(Announcement text) {
        const std::string domain = host().domain();
        const Stanza message = make_message(MessageType::headline, host().jid(), text);
        const auto send = [domain, message](Shard& shard) { return send_to_online_here(shard, domain, message); };
        std::vector<Jid> told;
        for (unsigned i = 0; i < shard().all().count(); ++i) {
            std::vector<Jid> here = co_await shard().all().on(i, send);
            told.insert(told.end(), std::make_move_iterator(here.begin()), std::make_move_iterator(here.end()));
        }
        log_info("announced", {{"host", domain}, {"to", "online"}});
        co_return told;
    }

    Task<void> send_to_all(Announcement text) {
        const std::string domain = host().domain();
        const auto message = std::make_shared<Stanza>(make_message(MessageType::normal, host().jid(), text));
        std::string after;
        std::size_t sent = 0;
        while (true) {
            Result<std::vector<std::string>> names = co_await stores().accounts.list(domain, after, accounts_a_page);
            if (!names.ok()) log_error("announcement_cut_short", {{"host", domain}, {"sent", sent}, {"reason", names.error().message}});
            if (!names.ok() || names->empty()) break;
            std::vector<Jid> page;
            for (const std::string& name : *names)
                if (std::optional<Jid> jid = Jid::make(name, domain)) page.push_back(std::move(*jid));
            sent += page.size();
            after = names->back();
            router().fan_out(message, std::move(page));
            co_await pause(loop(), page_pause);
        }
        log_info("announced", {{"host", domain}, {"to", "all"}, {"accounts", sent}});
    }

    // --- the message of the day

    // Keeps it, or takes it away, and tells all shards.
    Task<bool> keep_motd(std::optional<Announcement> text) {
        const bool stored = co_await store_motd(text);
        if (!stored) co_return false;
        const auto learn = [domain = host().domain(), text](Shard& shard) {
            if (Host* there = shard.find_host(domain)) there->slots().get<MessageOfTheDay>() = MessageOfTheDay{true, text};
        };
        for (unsigned i = 0; i < shard().all().count(); ++i) (void)co_await shard().all().on(i, learn);
        co_return true;
    }

    Task<bool> store_motd(std::optional<Announcement> text) {
        if (!text) {
            Result<void> removed = co_await stores().documents.remove(host().jid(), motd_key);
            co_return removed.ok() || removed.error().code == ErrorCode::not_found;
        }
        const DocumentLimits limits = host().options().documents;
        Result<std::uint64_t> put =
            co_await stores().documents.put(host().jid(), motd_key, to_document(*text), std::nullopt, limits);
        if (!put.ok()) log_error("motd_not_stored", {{"host", host().domain()}, {"reason", put.error().message}});
        co_return put.ok();
    }

    Task<std::optional<Announcement>> load_motd() {
        MessageOfTheDay& known = host().slots().get<MessageOfTheDay>();
        if (known.loaded) co_return known.text;
        Result<Document> document = co_await stores().documents.load(host().jid(), motd_key);
        MessageOfTheDay& now_known = host().slots().get<MessageOfTheDay>();
        if (now_known.loaded) co_return now_known.text;  // set meanwhile
        if (document.ok() || document.error().code == ErrorCode::not_found) {
            now_known.text = document.ok() ? from_document(document->body) : std::nullopt;
            now_known.loaded = true;
        }
        co_return now_known.text;
    }

    Outcome greet(SessionEvent& event) {
        const MessageOfTheDay& known = host().slots().get<MessageOfTheDay>();
        if (!known.loaded) return load_and_greet(event.session);
        if (known.text) return tell_once(event.session, *known.text);
        return Outcome::pass();
    }

    Task<Outcome> load_and_greet(SessionPtr session) {
        const std::optional<Announcement> text = co_await load_motd();
        if (!text) co_return Outcome::pass();
        Task<Outcome> telling = tell_once(std::move(session), *text);
        Outcome outcome = co_await telling;
        co_return outcome;
    }

    // Whoever is told now is not told again at the next login.
    Task<void> show_motd(Announcement text) {
        const std::string mark = mark_of(text);
        Task<std::vector<Jid>> telling = tell_online(std::move(text));
        const std::vector<Jid> told = co_await telling;
        for (std::size_t i = 0; i < told.size(); ++i) {
            run(keep_seen(told[i].bare(), mark));
            if ((i + 1) % accounts_a_page == 0) co_await pause(loop(), page_pause);
        }
    }

    // The account keeps which text it was shown last; where that cannot be read or kept, it is shown again.
    Task<Outcome> tell_once(SessionPtr session, Announcement text) {
        const Jid account = session->jid().bare();
        const std::string mark = mark_of(text);
        Result<Document> seen = co_await stores().documents.load(account, motd_seen_key);
        if ((seen.ok() && seen->body == mark) || !session->alive()) co_return Outcome::pass();
        tell(*session, text);
        co_await keep_seen(account, mark);
        co_return Outcome::pass();
    }

    Task<void> keep_seen(Jid account, std::string mark) {
        const DocumentLimits limits = host().options().documents;
        Result<std::uint64_t> kept = co_await stores().documents.put(account, motd_seen_key, mark, std::nullopt, limits);
        if (!kept.ok()) log_debug("motd_seen_not_kept", {{"account", account.str()}, {"reason", kept.error().message}});
    }

    void tell(Session& session, const Announcement& text) {
        Stanza message = make_message(MessageType::headline, host().jid(), text);
        message.to = session.jid();
        session.deliver(std::make_shared<const Stanza>(std::move(message)));
    }

    AccessRule access_;
};

}  // namespace

extern const ModuleSpec announce_module =
    declare<Announce, AnnounceOptions>("announce", "Announcements to all users, and the message of the day")
        .implements(133, "1.3.1")
        .needs("adhoc")
        .option("access", &AnnounceOptions::access, "Who may announce");

}  // namespace rookery
