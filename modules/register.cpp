// In-band registration (XEP-0077): strangers make an account before they log in, users change their password or remove
// their account. Off by default.
#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "base/log.h"
#include "base/record_time.h"
#include "core/access.h"
#include "core/account_admin.h"
#include "core/module.h"

namespace rookery {
namespace {

constexpr const char* register_ns = "jabber:iq:register";
const xml::Name query_name{register_ns, "query"};
const xml::Name instructions_name{register_ns, "instructions"};
const xml::Name registered_name{register_ns, "registered"};
const xml::Name username_name{register_ns, "username"};
const xml::Name password_name{register_ns, "password"};
const xml::Name remove_name{register_ns, "remove"};
const xml::Name body_name{"jabber:client", "body"};
const xml::Name subject_name{"jabber:client", "subject"};

constexpr std::size_t max_recent_addresses = 100'000;  // remembered for registration_timeout, on each shard

struct Message {
    std::string subject;
    std::string body;
};

OptionTable<Message> message_table() {
    OptionTable<Message> table;
    table.option("subject", &Message::subject, "Its subject").option("body", &Message::body, "Its text");
    return table;
}

struct RegisterOptions {
    AccessRule access;         // names that may be made
    AccessRule ip_access;      // addresses they may come from
    AccessRule access_remove;  // accounts that may remove themselves
    double password_strength = 0;
    Message welcome_message;
    std::vector<std::string> registration_watchers;
};

// --- the limit for each address

// Which addresses made an account not long ago; in the host's slots of the shard that is home of Iq::prefix.
struct RecentRegistrations {
    std::unordered_map<std::string, SteadyTime> until;
    std::uint64_t met = 0, refused = 0;  // addresses, since the start; refused: the table was full

    bool take(const std::string& prefix, SteadyTime now, Duration timeout) {
        if (until.size() >= max_recent_addresses) std::erase_if(until, [now](const auto& entry) { return entry.second <= now; });
        const auto at = until.find(prefix);
        if (at != until.end() && at->second > now) return false;
        const bool full = at == until.end() && until.size() >= max_recent_addresses;
        if (full) ++refused;
        if (full) return false;
        if (at == until.end()) ++met;
        until[prefix] = now + timeout;
        return true;
    }
};

// Live upgrade.
enum SavedTag : RecordTag { saved_recent = 1 };
enum RecentTag : RecordTag { saved_prefix = 1, saved_until = 2 };

// --- what was filled in

struct Wish {
    std::string username;
    std::string password;
    bool remove = false;
    bool only_child = true;
};

// A data form takes precedence over the plain fields (section 5).
std::optional<Wish> read_wish(xml::View query) {
    Wish wish;
    wish.remove = static_cast<bool>(query.child(remove_name));
    wish.only_child = std::ranges::distance(query.children().begin(), query.children().end()) == 1;
    if (const xml::View x = query.child(DataForm::name)) {
        const std::optional<DataForm> form = DataForm::parse(x);
        if (!form) return std::nullopt;
        wish.username = form->value("username").value_or("");
        wish.password = form->value("password").value_or("");
    } else {
        wish.username = query.child(username_name).text();
        wish.password = query.child(password_name).text();
    }
    return wish;
}

// Bits, by ejabberd's measure: length times the bits of the kinds of characters in it.
double entropy(std::string_view password) {
    constexpr std::array<std::pair<bool (*)(unsigned char), double>, 5> kinds{{
        {[](unsigned char c) { return c >= '0' && c <= '9'; }, 10},
        {[](unsigned char c) { return c >= 'a' && c <= 'z'; }, 26},
        {[](unsigned char c) { return c >= 'A' && c <= 'Z'; }, 26},
        {[](unsigned char c) { return c < 128 && !std::isalnum(c); }, 33},
        {[](unsigned char c) { return c >= 128; }, 128},
    }};
    double alphabet = 0;
    for (const auto& [fits, size] : kinds)
        if (std::ranges::any_of(password, [fits = fits](char c) { return fits(static_cast<unsigned char>(c)); })) alphabet += size;
    return password.empty() ? 0 : static_cast<double>(password.size()) * std::log2(alphabet);
}

StanzaError refusal(const Error& error) {
    switch (error.code) {
        case ErrorCode::conflict: return StanzaError(Condition::conflict);
        case ErrorCode::invalid: return StanzaError(Condition::not_acceptable);
        case ErrorCode::not_found: return StanzaError(Condition::registration_required);
        case ErrorCode::denied: return StanzaError(Condition::not_allowed);
        case ErrorCode::limit:
        case ErrorCode::unavailable: return StanzaError(Condition::resource_constraint, ErrorType::wait);
        case ErrorCode::storage: break;
    }
    return StanzaError(Condition::internal_server_error, ErrorType::wait);
}

class Register final : public Module {
public:
    Register(Host& our_host, const RegisterOptions& options) : Module(our_host), options_(options) {
        iq<&Register::form_for_stranger>(IqType::get, query_name, At::stranger);
        iq<&Register::make_account>(IqType::set, query_name, At::stranger);
        iq<&Register::form_for_user>(IqType::get, query_name, At::host);
        iq<&Register::change_or_remove>(IqType::set, query_name, At::host);
        feature(register_ns, At::host);
        stream_feature(xml::Element("http://jabber.org/features/iq-register", "register"), StreamPhase::before_login);
        on<&Register::saved>(our_host.hooks.host_saved, Stage::deliver);
        on<&Register::restored>(our_host.hooks.host_restored, Stage::deliver);
        const auto recent = [&our_host]() -> RecentRegistrations& { return our_host.slots().get<RecentRegistrations>(); };
        queue({.name = "registrations", .unit = "addresses", .kind = QueueKind::pool, .where = {},
               .counts = [recent] { return counts_of(recent().met, recent().until.size(), recent().refused); },
               .look = [recent] { return QueueMember{recent().until.size(), max_recent_addresses}; }});
    }

private:
    // --- live upgrade

    Outcome saved(HostSaving& event) {
        for (const auto& [prefix, until] : host().slots().get<RecentRegistrations>().until) {
            RecordWriter one;
            one.text(saved_prefix, prefix);
            put_time(one, saved_until, until);
            event.of("register").record(saved_recent, one);
        }
        return Outcome::pass();
    }

    Outcome restored(HostRestoring& event) {
        RecordReader* record = event.find("register");
        if (!record) return Outcome::pass();
        for (RecordReader& one : record->records(saved_recent)) {
            const std::string prefix(one.text(saved_prefix));
            if (shard().all().home_of(prefix) != shard().index()) continue;
            host().slots().get<RecentRegistrations>().until[prefix] = read_time<SteadyTime>(one, saved_until);
        }
        return Outcome::pass();
    }

    // --- forms

    IqReply form_for_stranger(Iq) {
        constexpr const char* instructions = "Choose a user name and a password.";
        xml::Element query(query_name);
        query.add_text_child(instructions_name, instructions);
        query.add(xml::Element(username_name)).add(xml::Element(password_name));
        query.add(data_form(instructions, {}).to_xml());
        return query;
    }

    IqReply form_for_user(Iq iq) {
        if (!is_our_user(iq)) return Condition::not_allowed;
        constexpr const char* instructions = "Choose a new password.";
        const std::string name(iq.stanza->from.local());
        xml::Element query(query_name);
        query.add_text_child(instructions_name, instructions);
        query.add(xml::Element(registered_name)).add_text_child(username_name, name).add(xml::Element(password_name));
        query.add(data_form(instructions, name).to_xml());
        return query;
    }

    static DataForm data_form(const char* instructions, const std::string& name) {
        DataForm form(FormType::form, register_ns);
        form.title = "Account";
        form.instructions.push_back(instructions);
        FormField user("username", FieldType::text_single, {}, "User name");
        if (!name.empty()) user.values.push_back(name);
        FormField password("password", FieldType::text_private, {}, "Password");
        user.required = password.required = true;
        return std::move(form.add(std::move(user)).add(std::move(password)));
    }

    // --- strangers

    IqReply make_account(Iq iq) {
        std::optional<Wish> wish = read_wish(iq.payload());
        if (!wish) return Condition::bad_request;
        if (wish->remove) return Condition::unexpected_request;  // of whom?
        if (wish->username.empty() || wish->password.empty()) return Condition::not_acceptable;
        std::optional<Jid> account = new_account_address(wish->username, host().domain());
        if (!account) return Condition::jid_malformed;
        const AccessRules& rules = *host().options().access;
        if (!rules.allows(options_.access, *account, iq.address)) return Condition::not_allowed;
        if (!rules.allows(options_.ip_access, *account, iq.address)) return Condition::not_allowed;
        if (std::optional<StanzaError> weak = too_weak(wish->password)) return std::move(*weak);
        return make_account_later(std::move(*account), std::move(wish->password), std::move(iq.address), std::move(iq.prefix));
    }

    std::optional<StanzaError> too_weak(std::string_view password) const {
        if (entropy(password) >= options_.password_strength) return std::nullopt;
        return StanzaError(Condition::not_acceptable, "The password is too weak");
    }

    Task<IqReply> make_account_later(Jid account, std::string password, std::string address, std::string prefix) {
        const bool in_time = co_await take_turn(prefix);
        if (!in_time) {
            log_info("registration_refused", {{"account", account.str()}, {"address", address}, {"reason", "too soon"}});
            co_return StanzaError(Condition::resource_constraint, ErrorType::wait,
                                  "Accounts are not made so quickly from one address");
        }
        Result<void> created = co_await create_account(shard().all(), account, std::move(password));
        if (!created.ok()) {
            co_await give_turn_back(prefix);
            co_return refusal(created.error());
        }
        log_info("registered", {{"account", account.str()}, {"address", address}});
        welcome(account);
        tell_watchers(account, address);
        co_return IqReply();
    }

    // An address has its turn on one shard, whichever its connections come in on.
    Task<bool> take_turn(std::string prefix) {
        const Seconds timeout = host().options().registration_timeout;
        if (is_forever(timeout)) co_return true;
        auto take = [domain = host().domain(), prefix, timeout](Shard& shard) {
            Host* there = shard.find_host(domain);
            return there && there->slots().get<RecentRegistrations>().take(prefix, shard.loop().clock().steady_now(), timeout);
        };
        Task<bool> taking = shard().all().on(shard().all().home_of(prefix), std::move(take));
        const bool taken = co_await taking;
        co_return taken;
    }

    // Nothing came of it: a name that was taken must not cost ten minutes.
    Task<void> give_turn_back(std::string prefix) {
        auto give = [domain = host().domain(), prefix](Shard& shard) {
            if (Host* there = shard.find_host(domain)) there->slots().get<RecentRegistrations>().until.erase(prefix);
        };
        (void)co_await shard().all().on(shard().all().home_of(prefix), std::move(give));
    }

    void send(const Jid& to, const Message& text) {
        Stanza message = Stanza::message(MessageType::normal, to);
        message.from = host().jid();
        if (!text.subject.empty()) message.element().add_text_child(subject_name, text.subject);
        message.element().add_text_child(body_name, text.body);
        router().send(std::move(message));
    }

    void welcome(const Jid& account) {
        if (!options_.welcome_message.body.empty()) send(account, options_.welcome_message);
    }

    void tell_watchers(const Jid& account, const std::string& address) {
        const Message news{"", "The account " + account.to_string() + " was registered from " + address + "."};
        for (const std::string& watcher : options_.registration_watchers) send(Jid::parse(watcher).value(), news);
    }

    // --- users of this host. Whether a stream must be encrypted is the listener's to say (starttls_required): who may
    // log in over this one may change the password over it.

    static bool is_our_user(const Iq& iq) { return iq.sender && iq.sender->jid().domain() == iq.host->domain(); }

    IqReply change_or_remove(Iq iq) {
        if (!is_our_user(iq)) return Condition::not_allowed;
        std::optional<Wish> wish = read_wish(iq.payload());
        if (!wish) return Condition::bad_request;
        if (wish->remove) return remove(iq, *wish);
        if (wish->username.empty() || wish->password.empty()) return Condition::bad_request;
        const std::optional<Jid> account = Jid::make(wish->username, host().domain());
        if (!account || *account != iq.sender->jid().bare()) return Condition::not_allowed;
        if (std::optional<StanzaError> weak = too_weak(wish->password)) return std::move(*weak);
        return change_later(*account, std::move(wish->password), iq.sender->id());
    }

    Task<IqReply> change_later(Jid account, std::string password, std::uint64_t session) {
        Result<void> changed = co_await change_password(shard().all(), std::move(account), std::move(password), session);
        if (!changed.ok()) co_return refusal(changed.error());
        co_return IqReply();
    }

    IqReply remove(const Iq& iq, const Wish& wish) {
        if (!wish.only_child) return Condition::bad_request;
        const Jid account = iq.sender->jid().bare();
        if (!host().options().access->allows(options_.access_remove, account, iq.sender->origin().address))
            return Condition::forbidden;
        return remove_later(account);
    }

    Task<IqReply> remove_later(Jid account) {
        Result<void> removed = co_await remove_account(shard().all(), std::move(account), Farewell::after_reply);
        if (!removed.ok()) co_return refusal(removed.error());
        co_return IqReply();
    }

    RegisterOptions options_;
};

std::optional<std::string> not_addresses(const std::vector<std::string>& watchers) {
    for (const std::string& watcher : watchers)
        if (!Jid::parse(watcher)) return "must hold addresses, not '" + watcher + "'";
    return std::nullopt;
}

}  // namespace

extern const ModuleSpec register_module =
    declare<Register, RegisterOptions>("register", "Lets strangers make accounts, and users change their password")
        .implements(77, "2.4")
        .off_by_default()
        .option("access", &RegisterOptions::access, "Which names may be registered")
        .option("ip_access", &RegisterOptions::ip_access, "From which addresses")
        .option("access_remove", &RegisterOptions::access_remove, "Who may remove the own account")
        .option("password_strength", &RegisterOptions::password_strength, "Bits of entropy a password must have", between(0.0, 1'000.0))
        .option("welcome_message", &RegisterOptions::welcome_message, "Sent to each new account", nested(message_table()))
        .option("registration_watchers", &RegisterOptions::registration_watchers, "Who is told of each new account",
                checked(not_addresses), example("[admin@example.org]"))
        .ignored("allow_modules", "other modules do not register")
        .ignored("captcha_protected", "there are no captchas");

}  // namespace rookery
