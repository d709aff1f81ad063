// Service administration (XEP-0133) by ad-hoc commands: accounts, sessions and counts of this host, for whom the
// access rule `configure` allows. Passwords are not kept, so there is no get-user-password.
#include <algorithm>
#include <set>

#include "core/account_admin.h"
#include "core/module.h"
#include "core/roster_xml.h"
#include "xmpp/payload/date_time.h"

namespace rookery {
namespace {

constexpr const char* admin_ns = "http://jabber.org/protocol/admin";
constexpr std::size_t max_listed = 5'000;      // addresses in one answer, whatever was asked for
constexpr std::size_t list_page = 500;         // names read from storage at a time
constexpr Seconds idle_after{300};             // a session silent for so long is idle

struct ConfigureOptions {
    AccessRule access{"configure"};
};

// --- forms and answers

DataForm question(std::string title, std::string instructions) {
    DataForm form(FormType::form, admin_ns);
    form.title = std::move(title);
    form.instructions.push_back(std::move(instructions));
    return form;
}

FormField required_field(const char* var, FieldType type, const char* label) {
    FormField field(var, type, {}, label);
    field.required = true;
    return field;
}

DataForm ask_account(std::string title) {
    DataForm form = question(std::move(title), "Fill in the address of the account.");
    form.add(required_field("accountjid", FieldType::jid_single, "Address of the account"));
    return form;
}

DataForm ask_accounts(std::string title) {
    DataForm form = question(std::move(title), "Fill in the addresses of the accounts.");
    form.add(required_field("accountjids", FieldType::jid_multi, "Addresses of the accounts"));
    return form;
}

DataForm ask_how_many(std::string title) {
    DataForm form = question(std::move(title), "Choose how many addresses to list at most.");
    FormField field("max_items", FieldType::list_single, {"100"}, "Addresses at most");
    for (const char* count : {"25", "50", "75", "100", "150", "200"}) field.options.push_back({count, count});
    field.options.push_back({"none", "None"});
    form.add(std::move(field));
    return form;
}

std::size_t how_many(const AdHocRequest& request) {
    const std::string text = request.text("max_items");
    if (text == "none") return max_listed;
    for (const std::size_t count : {25u, 50u, 75u, 100u, 150u, 200u})
        if (text == std::to_string(count)) return count;
    return 100;
}

AdHocStep report(FormField field) {
    DataForm form(FormType::result, admin_ns);
    form.add(std::move(field));
    return AdHocStep::done(form.to_xml());
}

AdHocStep report_list(const char* var, const char* label, std::vector<std::string> addresses) {
    return report(FormField(var, FieldType::text_multi, std::move(addresses), label));
}

AdHocStep report_number(const char* var, const char* label, std::uint64_t number) {
    return report(FormField(var, FieldType::text_single, {std::to_string(number)}, label));
}

StanzaError refusal(const Error& error, const Jid& account) {
    switch (error.code) {
        case ErrorCode::not_found: return StanzaError(Condition::item_not_found, "no account " + account.to_string());
        case ErrorCode::conflict: return StanzaError(Condition::conflict, account.to_string() + " exists already");
        case ErrorCode::denied: return StanzaError(Condition::forbidden);
        case ErrorCode::invalid: return StanzaError(Condition::not_acceptable, error.message);
        case ErrorCode::limit:
        case ErrorCode::unavailable: return StanzaError(Condition::resource_constraint, ErrorType::wait);
        case ErrorCode::storage: break;
    }
    return StanzaError(Condition::internal_server_error, ErrorType::wait);
}

// --- who is online

enum class Activity { any, active, idle };

bool is_idle(const Account& account, SteadyTime now) {
    return std::ranges::all_of(account.sessions(), [now](const SessionPtr& session) {
        return now - session->last_heard() >= idle_after;
    });
}

// Calls `visit(bare)` for each account of that domain with sessions on this shard that fits, until it says false.
template <class Visit>
void visit_online(const Shard& shard, const std::string& domain, Activity wanted, Visit visit) {
    const SteadyTime now = shard.loop().clock().steady_now();
    shard.for_each_account([&](const Account& account) {
        if (account.sessions().empty() || account.jid().domain() != domain) return true;
        if (wanted != Activity::any && is_idle(account, now) != (wanted == Activity::idle)) return true;
        return visit(account.jid());
    });
}

Task<std::uint64_t> count_online(Shards& shards, std::string domain, Activity wanted) {
    std::uint64_t total = 0;
    const auto count = [domain, wanted](Shard& shard) {
        std::uint64_t found = 0;
        visit_online(shard, domain, wanted, [&found](const Jid&) { return ++found > 0; });
        return found;
    };
    for (unsigned i = 0; i < shards.count(); ++i) total += co_await shards.on(i, count);
    co_return total;
}

Task<std::vector<std::string>> list_online(Shards& shards, std::string domain, Activity wanted, std::size_t limit) {
    std::vector<std::string> all;
    for (unsigned i = 0; i < shards.count() && all.size() < limit; ++i) {
        auto list = [domain, wanted, room = limit - all.size()](Shard& shard) {
            std::vector<std::string> found;
            visit_online(shard, domain, wanted, [&found, room](const Jid& bare) {
                found.push_back(bare.to_string());
                return found.size() < room;
            });
            return found;
        };
        std::vector<std::string> here = co_await shards.on(i, std::move(list));
        all.insert(all.end(), std::make_move_iterator(here.begin()), std::make_move_iterator(here.end()));
    }
    std::ranges::sort(all);
    co_return all;
}

struct Presence {
    std::vector<std::string> resources;
    std::vector<std::string> addresses;
    std::optional<WallTime> since;  // of the latest session
};

Presence presence_of(const Shard& home, const Jid& bare) {
    Presence presence;
    const AccountPtr account = home.find_account(bare.str());
    if (!account) return presence;
    for (const SessionPtr& session : account->sessions()) {
        presence.resources.emplace_back(session->jid().resource());
        presence.addresses.push_back(session->origin().address);
        if (!presence.since || *presence.since < session->since()) presence.since = session->since();
    }
    return presence;
}

Task<Presence> load_presence(Shards& shards, Jid bare) {
    const unsigned home = shards.home_of(bare.str());
    auto look = [bare](Shard& shard) { return presence_of(shard, bare); };
    Presence presence = co_await shards.on(home, std::move(look));
    co_return presence;
}

// --- the commands

class Configure final : public Module {
public:
    Configure(Host& our_host, const ConfigureOptions& options) : Module(our_host), access_(options.access) {
        add<&Configure::add_user>("add-user", "Add a user");
        add<&Configure::delete_user>("delete-user", "Delete users");
        add<&Configure::disable_user>("disable-user", "Disable users");
        add<&Configure::reenable_user>("reenable-user", "Let disabled users in again");
        add<&Configure::end_user_session>("end-user-session", "End sessions of users");
        add<&Configure::change_user_password>("change-user-password", "Change a user's password");
        add<&Configure::get_user_roster>("get-user-roster", "Get a user's roster");
        add<&Configure::get_user_lastlogin>("get-user-lastlogin", "Get a user's last login");
        add<&Configure::user_stats>("user-stats", "Get what is known of a user");
        add<&Configure::registered_number>("get-registered-users-num", "Count the registered users");
        add<&Configure::online_number<Activity::any>>("get-online-users-num", "Count the users who are online");
        add<&Configure::online_number<Activity::active>>("get-active-users-num", "Count the active users");
        add<&Configure::online_number<Activity::idle>>("get-idle-users-num", "Count the idle users");
        add<&Configure::registered_list>("get-registered-users-list", "List the registered users");
        add<&Configure::online_list<Activity::any>>("get-online-users-list", "List the users who are online");
        add<&Configure::online_list<Activity::active>>("get-active-users", "List the active users");
        add<&Configure::online_list<Activity::idle>>("get-idle-users", "List the idle users");
    }

private:
    template <auto Method>
    void add(const char* node, const char* name) {
        command<Method>(std::string(admin_ns) + "#" + node, name, access_);
    }

    Shards& shards() const { return shard().all(); }

    // The addresses in a field, all of them of this host; or why not.
    Result<std::vector<Jid>> addresses_in(const AdHocRequest& request, std::string_view var) const {
        std::vector<Jid> addresses;
        for (const std::string& text : request.lines(var)) {
            std::optional<Jid> jid = Jid::parse(text);
            if (!jid || jid->local().empty() || jid->domain() != host().domain())
                return Error(ErrorCode::invalid, "'" + text + "' is not an account of " + host().domain());
            addresses.push_back(std::move(*jid));
        }
        if (addresses.empty()) return Error(ErrorCode::invalid, "an address is missing");
        return addresses;
    }

    Result<Jid> account_in(const AdHocRequest& request) const {
        Result<std::vector<Jid>> addresses = addresses_in(request, "accountjid");
        if (!addresses.ok()) return std::move(addresses).error();
        return addresses->front().bare();
    }

    Result<Jid> new_account_in(const AdHocRequest& request) const {
        Result<Jid> account = account_in(request);
        const std::string typed = request.text("accountjid");
        if (account.ok() && !new_account_address(typed.substr(0, typed.find('@')), host().domain()))
            return Error(ErrorCode::invalid, "'" + typed + "' is no address for a new account");
        return account;
    }

    // Does the same to each account, once all are known to exist; the first failure ends it.
    template <class Change>
    Task<AdHocStep> for_each(AdHocRequest request, Change change) {
        Result<std::vector<Jid>> accounts = addresses_in(request, "accountjids");
        if (!accounts.ok()) co_return refusal(accounts.error(), Jid());
        for (const Jid& account : *accounts) {
            Result<bool> exists = co_await stores().accounts.exists(account.bare());
            if (!exists.ok()) co_return refusal(exists.error(), account);
            if (!*exists) co_return refusal(Error(ErrorCode::not_found, "no such account"), account);
        }
        std::set<std::string> done_with;
        for (const Jid& account : *accounts) {
            if (!done_with.insert(std::string(account.bare_str())).second) continue;
            Task<Result<void>> changing = change(shards(), account);
            Result<void> done = co_await changing;
            if (!done.ok()) co_return refusal(done.error(), account);
        }
        co_return AdHocStep::done();
    }

    // --- accounts

    Task<AdHocStep> add_user(AdHocRequest request) {
        if (request.answers.empty()) {
            DataForm form = ask_account("Add a user");
            form.add(required_field("password", FieldType::text_private, "Password"));
            form.add(required_field("password-verify", FieldType::text_private, "The password again"));
            co_return AdHocStep::ask(std::move(form));
        }
        Result<Jid> account = new_account_in(request);
        if (!account.ok()) co_return refusal(account.error(), Jid());
        if (request.text("password") != request.text("password-verify"))
            co_return StanzaError(Condition::not_acceptable, "the passwords differ");
        Result<void> created = co_await create_account(shards(), *account, request.text("password"));
        if (!created.ok()) co_return refusal(created.error(), *account);
        co_return AdHocStep::done();
    }

    Task<AdHocStep> change_user_password(AdHocRequest request) {
        if (request.answers.empty()) {
            DataForm form = ask_account("Change a user's password");
            form.add(required_field("password", FieldType::text_private, "The new password"));
            co_return AdHocStep::ask(std::move(form));
        }
        Result<Jid> account = account_in(request);
        if (!account.ok()) co_return refusal(account.error(), Jid());
        const std::uint64_t keep = request.iq.sender ? request.iq.sender->id() : 0;
        Result<void> changed = co_await change_password(shards(), *account, request.text("password"), keep);
        if (!changed.ok()) co_return refusal(changed.error(), *account);
        co_return AdHocStep::done();
    }

    Task<AdHocStep> delete_user(AdHocRequest request) {
        if (request.answers.empty()) return ask_first(ask_accounts("Delete users"));
        return for_each(std::move(request), [](Shards& shards, const Jid& account) {
            return remove_account(shards, account.bare(), Farewell::after_reply);
        });
    }

    Task<AdHocStep> disable_user(AdHocRequest request) {
        if (request.answers.empty()) return ask_first(ask_accounts("Disable users"));
        return for_each(std::move(request), [](Shards& shards, const Jid& account) {
            return disable_account(shards, account.bare(), "disabled by an administrator");
        });
    }

    Task<AdHocStep> reenable_user(AdHocRequest request) {
        if (request.answers.empty()) return ask_first(ask_accounts("Let disabled users in again"));
        return for_each(std::move(request), [](Shards& shards, const Jid& account) {
            return enable_account(shards, account.bare());
        });
    }

    static Task<AdHocStep> ask_first(DataForm form) { co_return AdHocStep::ask(std::move(form)); }

    // --- sessions

    Task<AdHocStep> end_user_session(AdHocRequest request) {
        if (request.answers.empty()) co_return AdHocStep::ask(ask_accounts("End sessions of users"));
        Result<std::vector<Jid>> addresses = addresses_in(request, "accountjids");
        if (!addresses.ok()) co_return refusal(addresses.error(), Jid());
        std::size_t ended = 0;
        for (const Jid& address : *addresses) {
            StreamError error(StreamCondition::reset, "ended by an administrator");
            ended += co_await close_sessions(shards(), address, std::move(error));
        }
        co_return AdHocStep::done(std::to_string(ended) + (ended == 1 ? " session ended" : " sessions ended"));
    }

    // --- one user

    Task<AdHocStep> get_user_roster(AdHocRequest request) {
        if (request.answers.empty()) co_return AdHocStep::ask(ask_accounts("Get rosters"));
        Result<std::vector<Jid>> accounts = addresses_in(request, "accountjids");
        if (!accounts.ok()) co_return refusal(accounts.error(), Jid());
        DataForm form(FormType::result, admin_ns);
        form.add(FormField("accountjids", FieldType::jid_multi, request.lines("accountjids")));
        xml::Element result = form.to_xml();
        for (const Jid& account : *accounts) {
            Result<Roster> roster = co_await load_roster(account.bare());
            if (!roster.ok()) co_return refusal(roster.error(), account);
            result.add(roster_xml(*roster));
        }
        co_return AdHocStep::done(std::move(result));
    }

    Task<Result<Roster>> load_roster(Jid account) {
        Result<bool> exists = co_await stores().accounts.exists(account);
        if (!exists.ok()) co_return std::move(exists).error();
        if (!*exists) co_return Error(ErrorCode::not_found, "no such account");
        Result<Roster> roster = co_await stores().roster.load(std::move(account));
        co_return roster;
    }

    Task<AdHocStep> get_user_lastlogin(AdHocRequest request) {
        if (request.answers.empty()) co_return AdHocStep::ask(ask_accounts("Get a user's last login"));
        Result<std::vector<Jid>> accounts = addresses_in(request, "accountjids");
        if (!accounts.ok()) co_return refusal(accounts.error(), Jid());
        DataForm form(FormType::result, admin_ns);
        FormField addresses("accountjids", FieldType::jid_multi, {}, "Account");
        FormField times("lastlogin", FieldType::text_multi, {}, "Last login");
        for (const Jid& account : *accounts) {
            Result<std::string> last = co_await last_login(account.bare());
            if (!last.ok()) co_return refusal(last.error(), account);
            addresses.values.push_back(account.bare().to_string());
            times.values.push_back(std::move(*last));
        }
        form.add(std::move(addresses)).add(std::move(times));
        co_return AdHocStep::done(form.to_xml());
    }

    // Who is here came in then; of others only the end of their last session is known.
    Task<Result<std::string>> last_login(Jid account) {
        const Presence presence = co_await load_presence(shards(), account);
        if (presence.since) co_return format_date_time(*presence.since);
        Result<bool> exists = co_await stores().accounts.exists(account);
        if (!exists.ok()) co_return std::move(exists).error();
        if (!*exists) co_return Error(ErrorCode::not_found, "no such account");
        Result<LastActivity> last = co_await stores().accounts.load_last(std::move(account));
        if (last.ok()) co_return format_date_time(last->at);
        if (last.error().code == ErrorCode::not_found) co_return std::string("never");
        co_return std::move(last).error();
    }

    Task<AdHocStep> user_stats(AdHocRequest request) {
        if (request.answers.empty()) co_return AdHocStep::ask(ask_account("Get what is known of a user"));
        Result<Jid> account = account_in(request);
        if (!account.ok()) co_return refusal(account.error(), Jid());
        Result<Roster> roster = co_await load_roster(*account);
        if (!roster.ok()) co_return refusal(roster.error(), *account);
        Presence presence = co_await load_presence(shards(), *account);
        DataForm form(FormType::result, admin_ns);
        form.add(FormField("ipaddresses", FieldType::text_multi, std::move(presence.addresses), "IP addresses"))
            .add(FormField("rostersize", FieldType::text_single, {std::to_string(roster->items.size())}, "Contacts"))
            .add(FormField("onlineresources", FieldType::text_multi, std::move(presence.resources), "Online resources"));
        co_return AdHocStep::done(form.to_xml());
    }

    // --- all users

    Task<AdHocStep> registered_number(AdHocRequest) {
        Result<std::uint64_t> count = co_await stores().accounts.count(host().domain());
        if (!count.ok()) co_return refusal(count.error(), Jid());
        co_return report_number("registeredusersnum", "Registered users", *count);
    }

    template <Activity wanted>
    Task<AdHocStep> online_number(AdHocRequest) {
        static constexpr const char* vars[] = {"onlineusersnum", "activeusersnum", "idleusersnum"};
        const std::uint64_t count = co_await count_online(shards(), host().domain(), wanted);
        co_return report_number(vars[static_cast<std::size_t>(wanted)], "Users", count);
    }

    template <Activity wanted>
    Task<AdHocStep> online_list(AdHocRequest request) {
        static constexpr const char* vars[] = {"onlineuserjids", "activeuserjids", "idleuserjids"};
        if (request.answers.empty()) co_return AdHocStep::ask(ask_how_many("List users"));
        std::vector<std::string> users = co_await list_online(shards(), host().domain(), wanted, how_many(request));
        co_return report_list(vars[static_cast<std::size_t>(wanted)], "Users", std::move(users));
    }

    Task<AdHocStep> registered_list(AdHocRequest request) {
        if (request.answers.empty()) co_return AdHocStep::ask(ask_how_many("List the registered users"));
        const std::size_t wanted = how_many(request);
        std::vector<std::string> users;
        std::string after;
        while (users.size() < wanted) {
            const std::size_t page = std::min(list_page, wanted - users.size());
            Result<std::vector<std::string>> names = co_await stores().accounts.list(host().domain(), after, page);
            if (!names.ok()) co_return refusal(names.error(), Jid());
            for (const std::string& name : *names) users.push_back(name + "@" + host().domain());
            if (names->size() < page) break;
            after = names->back();
        }
        co_return report_list("registereduserjids", "Registered users", std::move(users));
    }

    AccessRule access_;
};

}  // namespace

extern const ModuleSpec configure_module =
    declare<Configure, ConfigureOptions>("configure", "Administration of the server by ad-hoc commands")
        .implements(133, "1.3.1")
        .needs("adhoc")
        .option("access", &ConfigureOptions::access, "Who may use the commands");

}  // namespace rookery
