#include "core/host.h"

#include <algorithm>
#include <stdexcept>

#include "core/access.h"
#include "core/adhoc.h"
#include "core/message_log.h"
#include "core/module.h"
#include "core/shard.h"

namespace rookery {
namespace {

Jid domain_jid(const std::string& domain) {
    std::optional<Jid> jid = Jid::parse(domain);
    if (!jid || !jid->is_domain()) throw std::runtime_error("'" + domain + "' is not a domain name");
    return std::move(*jid);
}

}  // namespace

Host::Host(Shard& shard, std::shared_ptr<const HostOptions> options)
    : shard_(shard),
      options_(std::move(options)),
      jid_(domain_jid(options_->domain)),
      commands_(std::make_unique<AdHocCommands>()),
      message_log_(std::make_unique<MessageLog>(*this)) {
    for (const HostOptions::ModuleOptions& wanted : options_->modules) load(wanted);
}

// In reverse order of loading.
Host::~Host() {
    while (!modules_.empty()) modules_.pop_back();
}

Router& Host::router() const { return shard_.router(); }
Stores& Host::stores() const { return shard_.stores(); }

bool Host::allows(std::string_view rule, const Jid& who, std::string_view ip) const {
    return options_->access->allows(rule, who, ip);
}

bool Host::allows(const AccessRule& rule, const Jid& who, std::string_view ip) const {
    return options_->access->allows(rule, who, ip);
}

std::size_t Host::max_sessions(const Jid& account) const {
    const std::optional<std::int64_t> rule = options_->access->number("max_user_sessions", account);
    return rule ? static_cast<std::size_t>(*rule) : options_->max_user_sessions;
}

void Host::load(const HostOptions::ModuleOptions& wanted) {
    loading_ = wanted.spec->name;
    modules_.push_back(Loaded{wanted, wanted.spec->make(*this, wanted.options)});
}

void Host::apply(std::shared_ptr<const HostOptions> options) {
    const auto same = [](const HostOptions::ModuleOptions& a, const HostOptions::ModuleOptions& b) {
        return a.spec == b.spec && a.fingerprint == b.fingerprint;
    };
    options_ = std::move(options);
    std::erase_if(modules_, [&](Loaded& loaded) {
        const auto is_it = [&](const HostOptions::ModuleOptions& wanted) { return same(wanted, loaded.from); };
        const bool stays = std::ranges::any_of(options_->modules, is_it);
        if (!stays) retire(std::move(loaded.module));
        return !stays;
    });
    for (const HostOptions::ModuleOptions& wanted : options_->modules)
        if (std::ranges::none_of(modules_, [&](const Loaded& loaded) { return same(wanted, loaded.from); })) load(wanted);
}

void Host::retire(std::unique_ptr<Module> module) {
    module->retire();
    std::erase_if(retired_, [](const std::unique_ptr<Module>& old) { return old->idle(); });
    if (!module->idle()) retired_.push_back(std::move(module));
}

void Host::retire_all() {
    while (!modules_.empty()) {
        retire(std::move(modules_.back().module));
        modules_.pop_back();
    }
}

bool Host::has_module(std::string_view name) const {
    return std::ranges::any_of(modules_, [name](const Loaded& loaded) { return name == loaded.from.spec->name; });
}

}  // namespace rookery
