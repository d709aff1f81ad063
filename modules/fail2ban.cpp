// fail2ban: an address that guesses passwords may not try for a while. The account is never locked: whoever owns it
// gets in from elsewhere.
// With IPv6 a /64 counts as one address: whoever has one of its addresses has them all.
// Failures of an address are counted on one shard (by its hash, like everything addressable); a ban is told to all.
#include <algorithm>
#include <unordered_map>

#include "base/log.h"
#include "base/record_time.h"
#include "core/access.h"
#include "core/module.h"

namespace rookery {
namespace {

constexpr std::size_t max_addresses = 100'000;  // remembered on one shard; past it the guesses of newcomers go uncounted
constexpr Seconds window{60};                   // failures further apart do not add up

struct Fail2banOptions {
    unsigned c2s_max_auth_failures = 10;
    Seconds c2s_auth_ban_lifetime{600};
    AccessRule access{"none"};
};

struct Failures {
    unsigned count = 0;
    SteadyTime first{};
};

// Live upgrade.
enum SavedTag : RecordTag { saved_ban = 1, saved_failures = 2 };
enum EntryTag : RecordTag { saved_address = 1, saved_time = 2, saved_count = 3 };

// Live longer than the module: a reload does not free who is banned.
struct Counted {
    std::unordered_map<std::string, Failures> by_address;
    std::uint64_t begun = 0, refused = 0;  // since the start
};
struct Bans {
    std::unordered_map<std::string, SteadyTime> until;
};

void ban_everywhere(Shards& shards, const std::string& domain, const std::string& address, Duration lifetime) {
    for (unsigned i = 0; i < shards.count(); ++i) {
        Shard& shard = shards.at(i);
        shard.loop().post([&shard, domain, address, lifetime] {
            Host* host = shard.find_host(domain);
            if (host) host->slots().get<Bans>().until[address] = shard.loop().clock().steady_now() + lifetime;
        });
    }
}

// On the shard that counts this address. True: that was one too many.
bool count_failure(Counted& counted, const std::string& address, SteadyTime now, unsigned limit) {
    const bool known = counted.by_address.contains(address);
    const bool full = !known && counted.by_address.size() >= max_addresses;
    if (full) ++counted.refused;
    if (full) return false;
    if (!known) ++counted.begun;
    Failures& failures = counted.by_address[address];
    if (failures.count == 0 || now - failures.first > window) failures = Failures{0, now};
    if (++failures.count < limit) return false;
    counted.by_address.erase(address);
    return true;
}

// Behind a proxy on the same machine that does not speak PROXY, everybody has this address.
bool is_loopback(std::string_view address) { return address.starts_with("127.") || address == "::1"; }

class Fail2ban final : public Module {
public:
    Fail2ban(Host& host, const Fail2banOptions& options) : Module(host), options_(options) {
        on<&Fail2ban::check>(host.hooks.login_attempt, Stage::guard);
        on<&Fail2ban::count>(host.hooks.login_failed, Stage::deliver);
        on<&Fail2ban::saved>(host.hooks.host_saved, Stage::deliver);
        on<&Fail2ban::restored>(host.hooks.host_restored, Stage::deliver);
        every<&Fail2ban::forget_old>(Seconds(60));
        const auto guesses = [&host]() -> Counted& { return host.slots().get<Counted>(); };
        queue({.name = "failed_logins", .unit = "addresses", .kind = QueueKind::pool, .where = {},
               .counts = [guesses] { return counts_of(guesses().begun, guesses().by_address.size(), guesses().refused); },
               .look = [guesses] { return QueueMember{guesses().by_address.size(), max_addresses}; }});
    }

private:
    Outcome check(LoginEvent& event) {
        Bans* bans = host().slots().find<Bans>();
        if (!bans) return Outcome::pass();
        const auto at = bans->until.find(event.prefix);
        if (at == bans->until.end() || at->second <= loop().clock().steady_now()) return Outcome::pass();
        return Outcome::refuse(StanzaError(Condition::policy_violation));
    }

    Outcome count(LoginEvent& event) {
        if (is_loopback(event.address)) return Outcome::pass();
        if (host().options().access->allows(options_.access, event.account, event.address)) return Outcome::pass();
        Shards& shards = shard().all();
        Shard& counting = shards.at(shards.home_of(event.prefix));
        counting.loop().post([&shards, &counting, domain = host().domain(), address = event.prefix,
                              limit = options_.c2s_max_auth_failures, lifetime = options_.c2s_auth_ban_lifetime] {
            Host* there = counting.find_host(domain);
            const SteadyTime at = counting.loop().clock().steady_now();
            if (!there || !count_failure(there->slots().get<Counted>(), address, at, limit)) return;
            log_warning("address_banned", {{"address", address}, {"seconds", lifetime.count()}});
            ban_everywhere(shards, domain, address, lifetime);
        });
        return Outcome::pass();
    }

    Outcome saved(HostSaving& event) {
        RecordWriter& record = event.of("fail2ban");
        for (const auto& [address, until] : host().slots().get<Bans>().until) record.record(saved_ban, entry_of(address, until, 0));
        for (const auto& [address, failures] : host().slots().get<Counted>().by_address)
            record.record(saved_failures, entry_of(address, failures.first, failures.count));
        return Outcome::pass();
    }

    // Bans hold on every shard, failures are counted on one.
    Outcome restored(HostRestoring& event) {
        RecordReader* record = event.find("fail2ban");
        if (!record) return Outcome::pass();
        for (RecordReader& one : record->records(saved_ban)) {
            SteadyTime& until = host().slots().get<Bans>().until[std::string(one.text(saved_address))];
            until = std::max(until, read_time<SteadyTime>(one, saved_time));
        }
        for (RecordReader& one : record->records(saved_failures)) {
            const std::string address(one.text(saved_address));
            if (shard().all().home_of(address) != shard().index()) continue;
            const auto count = static_cast<unsigned>(one.number_up_to(saved_count, options_.c2s_max_auth_failures));
            host().slots().get<Counted>().by_address[address] = Failures{count, read_time<SteadyTime>(one, saved_time)};
        }
        return Outcome::pass();
    }

    static RecordWriter entry_of(const std::string& address, SteadyTime time, unsigned count) {
        RecordWriter one;
        one.text(saved_address, address);
        put_time(one, saved_time, time);
        one.number(saved_count, count);
        return one;
    }

    void forget_old() {
        const SteadyTime time = loop().clock().steady_now();
        if (Bans* bans = host().slots().find<Bans>())
            std::erase_if(bans->until, [time](const auto& ban) { return ban.second <= time; });
        if (Counted* counted = host().slots().find<Counted>())
            std::erase_if(counted->by_address, [time](const auto& entry) { return time - entry.second.first > window; });
    }

    Fail2banOptions options_;
};

}  // namespace

extern const ModuleSpec fail2ban_module =
    declare<Fail2ban, Fail2banOptions>("fail2ban", "Keeps addresses that guess passwords away for a while")
        .option("c2s_max_auth_failures", &Fail2banOptions::c2s_max_auth_failures,
                "Wrong passwords from one address within a minute before it is banned", at_least(1))
        .option("c2s_auth_ban_lifetime", &Fail2banOptions::c2s_auth_ban_lifetime, "How long a ban lasts", at_least(Seconds(1)))
        .option("access", &Fail2banOptions::access, "Who is never counted");

}  // namespace rookery
