#include "server/plan.h"

#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>

#include "core/module_spec.h"
#include "server/data_folder.h"
#include "server/storage_choice.h"

namespace rookery {
namespace {

namespace fs = std::filesystem;

const std::string chain_file = "localhost.crt";
const std::string key_file = "localhost.key";
constexpr std::size_t before_login_depth = 64;
constexpr std::size_t before_login_whitespace = 1'024;

Error fault(const std::string& message) { return Error(ErrorCode::invalid, message); }

std::string errno_text() { return std::generic_category().message(errno); }

// --- certificates -------------------------------------------------------------------------------------------------

std::vector<std::string> expand(const std::string& pattern) {
    glob_t found{};
    std::vector<std::string> paths;
    if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
        for (std::size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
    ::globfree(&found);
    return paths;
}

bool file_says(const std::string& path, std::string_view words) {
    std::ifstream in(path);
    std::string line;
    while (std::getline(in, line))
        if (line.find(words) != std::string::npos) return true;
    return false;
}

// ejabberd's certfiles: PEM files in any order; a certificate's key is in its own file, else in a listed one beside it.
std::string key_for(const std::string& chain, const std::vector<std::string>& files) {
    if (file_says(chain, "PRIVATE KEY-----")) return chain;
    for (const std::string& file : files)
        if (fs::path(file).parent_path() == fs::path(chain).parent_path() && file_says(file, "PRIVATE KEY-----")) return file;
    for (const std::string& file : files)
        if (file_says(file, "PRIVATE KEY-----")) return file;
    return {};
}

// A file as `certfiles` names it, and where it does.
struct ListedFile {
    std::string path;
    Mark mark;
};

Error certfile_fault(const Mark& mark, const std::string& message) { return fault(config_message(mark, "certfiles: " + message)); }

Result<std::vector<ListedFile>> listed_files(const Config& config) {
    std::vector<ListedFile> files;
    for (std::size_t i = 0; i < config.global.certfiles.size(); ++i) {
        const std::string& pattern = config.global.certfiles[i];
        const Mark mark = i < config.certfile_marks.size() ? config.certfile_marks[i] : Mark();
        const std::vector<std::string> paths = expand(pattern);
        if (paths.empty()) return certfile_fault(mark, "there is no file '" + pattern + "'");
        for (const std::string& path : paths) {
            if (::access(path.c_str(), R_OK) != 0) return certfile_fault(mark, "cannot read '" + path + "': " + errno_text());
            files.push_back(ListedFile{path, mark});
        }
    }
    return files;
}

Result<std::vector<CertificateFiles>> certificate_files(const std::vector<ListedFile>& files) {
    std::vector<std::string> paths;
    std::string all;
    for (const ListedFile& file : files) {
        paths.push_back(file.path);
        all += (all.empty() ? "'" : ", '") + file.path + "'";
    }
    std::vector<CertificateFiles> pairs;
    for (const ListedFile& file : files) {
        if (!file_says(file.path, "BEGIN CERTIFICATE-----")) continue;
        const std::string key = key_for(file.path, paths);
        if (key.empty()) return certfile_fault(file.mark, "no private key for '" + file.path + "'; list its file too");
        pairs.push_back(CertificateFiles{file.path, key, {}});
    }
    if (pairs.empty()) return certfile_fault(files.front().mark, "no certificate in " + all + "; list a PEM file that has one");
    return pairs;
}

Result<std::shared_ptr<const TlsContexts>> load_listed(const Config& config) {
    Result<std::vector<ListedFile>> files = listed_files(config);
    if (!files.ok()) return std::move(files).error();
    Result<std::vector<CertificateFiles>> pairs = certificate_files(*files);
    if (!pairs.ok()) return std::move(pairs).error();
    auto contexts = TlsContexts::load(*pairs, config.global.detached_tls);
    if (!contexts.ok()) return certfile_fault(files->front().mark, contexts.error().message);
    return contexts;
}

Result<std::shared_ptr<const TlsContexts>> load_contexts(const Config& whole, const std::string& data) {
    if (!whole.global.certfiles.empty()) return load_listed(whole);
    const GlobalConfig& config = whole.global;
    const std::string chain = data + "/" + chain_file;
    const std::string key = data + "/" + key_file;
    if (!fs::exists(chain)) {
        Result<void> made = make_self_signed(chain, key, config.hosts);
        if (!made.ok()) return std::move(made).error();
    }
    return TlsContexts::load({CertificateFiles{chain, key, {}}}, config.detached_tls);
}

// --- listeners ----------------------------------------------------------------------------------------------------

xml::ParserLimits limits_before_login(const ListenerConfig& listener) {
    xml::ParserLimits limits;
    limits.max_bytes = static_cast<std::size_t>(listener.pre_auth_max_stanza_size.bytes);
    limits.max_elements = listener.pre_auth_max_stanza_elements;
    limits.max_depth = before_login_depth;
    limits.max_whitespace = before_login_whitespace;
    return limits;
}

xml::ParserLimits limits_after_login(const ListenerConfig& listener) {
    xml::ParserLimits limits;
    limits.max_bytes = static_cast<std::size_t>(listener.max_stanza_size.bytes);
    limits.max_elements = listener.max_stanza_elements;
    return limits;
}

// What accounts that do not exist look like.
struct FakeAccounts {
    std::string secret;
    std::vector<KeyForm> key_forms;
};

Result<FakeAccounts> fake_accounts(const std::string& data, KeyForm now) {
    Result<std::string> secret = fake_secret(data);
    if (!secret.ok()) return std::move(secret).error();
    Result<std::vector<KeyForm>> history = key_history(data);
    if (!history.ok()) return std::move(history).error();
    return FakeAccounts{std::move(*secret), with_form(std::move(*history), now)};
}

KeyForm key_form(const GlobalConfig& config) {
    const auto is_stored = [&](HashAlgorithm hash) {
        return std::ranges::find(config.auth_scram_hash, hash) != config.auth_scram_hash.end();
    };
    return KeyForm{*std::ranges::find_if(password_hashes, is_stored), config.auth_scram_iterations};
}

std::shared_ptr<const StreamPolicy> stream_policy(const GlobalConfig& config, const ListenerConfig& listener,
                                                  const FakeAccounts& fakes) {
    auto policy = std::make_shared<StreamPolicy>();
    policy->starttls = listener.offers_starttls();
    policy->starttls_required = listener.tls || listener.requires_starttls();
    policy->before_login = limits_before_login(listener);
    policy->after_login = limits_after_login(listener);
    policy->disabled_mechanisms = config.disable_sasl_mechanisms;
    policy->downgrade_protection = !config.disable_sasl_scram_downgrade_protection;
    policy->fake_secret = fakes.secret;
    policy->key_forms = fakes.key_forms;
    return policy;
}

// Of a configuration, which has networks only.
std::vector<IpRange> ranges(const std::vector<std::string>& networks) {
    std::vector<IpRange> ranges;
    for (const std::string& network : networks) ranges.push_back(IpRange::parse(network).value());
    return ranges;
}

std::shared_ptr<const C2sPolicy> client_policy(const Config& config, const ListenerConfig& listener, std::string name,
                                               const FakeAccounts& fakes, std::shared_ptr<const TlsContexts> contexts) {
    auto policy = std::make_shared<C2sPolicy>();
    policy->listener = std::move(name);
    policy->stream = stream_policy(config.global, listener, fakes);
    policy->contexts = std::move(contexts);
    policy->direct_tls = listener.tls;
    policy->connections_per_network = listener.max_connection_rate_per_network;
    policy->access = listener.access;
    policy->shaper = listener.shaper;
    policy->login_within = config.global.negotiation_timeout;
    policy->conflict = config.global.resource_conflict;
    policy->send_timeout = std::chrono::ceil<Seconds>(listener.send_timeout);
    return policy;
}

std::shared_ptr<const ComponentPolicy> component_policy(const Config& config, const ListenerConfig& listener) {
    auto policy = std::make_shared<ComponentPolicy>();
    for (const ComponentConfig& component : listener.components) policy->secrets[component.domain] = component.password;
    policy->any_secret = listener.password;
    policy->access = listener.access;
    policy->rules = config.hosts.front()->access;
    policy->shaper = listener.shaper;
    policy->before_handshake = limits_before_login(listener);
    policy->after_handshake = limits_after_login(listener);
    policy->handshake_within = config.global.negotiation_timeout;
    policy->send_timeout = std::chrono::ceil<Seconds>(listener.send_timeout);
    return policy;
}

ListenerPlan plan_listener(const Config& config, const ListenerConfig& listener, const FakeAccounts& fakes,
                           std::shared_ptr<const TlsContexts> contexts) {
    ListenerPlan plan;
    plan.socket.address = listener.ip;
    plan.socket.port = listener.port;
    plan.socket.backlog = listener.backlog;
    plan.socket.rank = listener.for_components() ? Rank::in : Rank::stranger;
    plan.socket.direct_tls = listener.tls;
    if (listener.tls && !listener.for_components()) plan.socket.alpn = std::make_shared<const std::vector<std::string>>(1, "xmpp-client");
    plan.socket.use_proxy_protocol = listener.use_proxy_protocol;
    plan.socket.proxy_trusted = ranges(listener.trusted_proxies);
    if (listener.for_components())
        plan.components = component_policy(config, listener);
    else
        plan.policy = client_policy(config, listener, plan.name(), fakes, std::move(contexts));
    return plan;
}

// What is served without a file.
constexpr const char* default_text = R"(
hosts: [localhost]
listen:
  - {port: 5222, ip: "::", module: ejabberd_c2s}
  - {port: 5223, ip: "::", module: ejabberd_c2s, tls: true}
)";

std::optional<Config> load(const std::string& file, ConfigProblems& problems) {
    ConfigWorld world = ConfigWorld::real();
    if (!file.empty()) return load_config(file, all_modules(), world, problems);
    world.read_file = [](const std::string&) -> Result<std::string> { return std::string(default_text); };
    return load_config("defaults", all_modules(), world, problems);
}

std::string lines_of(const std::vector<std::string>& errors) {
    std::string text;
    for (const std::string& error : errors) text += (text.empty() ? "" : "\n") + error;
    return text;
}

}  // namespace

Result<Config> read_config(const std::string& file) {
    ConfigProblems problems;
    std::optional<Config> config = load(file, problems);
    if (!config) return fault(lines_of(problems.errors));
    return std::move(*config);
}

Result<Plan> make_plan(const std::string& file, const std::string& data) {
    ConfigProblems problems;
    std::optional<Config> config = load(file, problems);
    if (!config) return fault(lines_of(problems.errors));
    Result<void> folder = make_data_folder(data);
    if (!folder.ok()) return std::move(folder).error();
    const KeyForm form = key_form(config->global);
    Result<FakeAccounts> fakes = fake_accounts(data, form);
    if (!fakes.ok()) return std::move(fakes).error();
    auto contexts = load_contexts(*config, data);
    if (!contexts.ok()) return std::move(contexts).error();
    Plan plan;
    plan.contexts = std::move(*contexts);
    for (const ListenerConfig& listener : config->global.listen)
        plan.listeners.push_back(plan_listener(*config, listener, *fakes, plan.contexts));
    plan.key_form = form;
    plan.control_path = data + "/control";
    plan.storage = storage_options(*config, data);
    plan.warnings = std::move(problems.warnings);
    plan.config = std::move(*config);
    return plan;
}

Result<Plan> make_plan_to_serve(const std::string& file, const std::string& data) {
    Result<Plan> plan = make_plan(file, data);
    if (!plan.ok()) return plan;
    Result<void> kept = add_to_key_history(data, plan->key_form);
    if (!kept.ok()) return std::move(kept).error();
    return plan;
}

std::vector<std::shared_ptr<const ComponentPolicy>> component_policies(const Plan& plan) {
    std::vector<std::shared_ptr<const ComponentPolicy>> policies;
    for (const ListenerPlan& listener : plan.listeners)
        if (listener.components) policies.push_back(listener.components);
    return policies;
}

std::vector<std::string> check_certificates(const Plan& plan, WallTime now) {
    std::vector<std::string> findings;
    for (const CertificateInfo& certificate : plan.contexts->certificates())
        if (!certificate.valid_at(now)) findings.push_back(certificate.chain_file + ": the certificate is not valid today; renew it");
    for (const std::string& host : plan.config.global.hosts)
        if (!plan.contexts->covers(host)) findings.push_back("no certificate names the host " + host + "; add one to 'certfiles'");
    return findings;
}

namespace {

void compare_modules(const HostOptions& before, const HostOptions& after, std::vector<std::string>& lines) {
    const auto find = [](const HostOptions& host, const ModuleSpec* spec) {
        const auto at = std::ranges::find(host.modules, spec, &HostOptions::ModuleOptions::spec);
        return at == host.modules.end() ? nullptr : &*at;
    };
    for (const auto& old : before.modules)
        if (!find(after, old.spec)) lines.push_back(before.domain + ": module " + old.spec->name + " off");
    for (const auto& now : after.modules) {
        const auto* old = find(before, now.spec);
        if (!old)
            lines.push_back(after.domain + ": module " + now.spec->name + " on");
        else if (old->fingerprint != now.fingerprint)
            lines.push_back(after.domain + ": module " + now.spec->name + " changed");
    }
}

const HostOptions* find_host(const Plan& plan, const std::string& domain) {
    for (const auto& host : plan.config.hosts)
        if (host->domain == domain) return host.get();
    return nullptr;
}

bool same_files(const Plan& before, const Plan& after) {
    const auto& a = before.contexts->certificates();
    const auto& b = after.contexts->certificates();
    return std::ranges::equal(a, b, [](const CertificateInfo& x, const CertificateInfo& y) {
        return x.chain_file == y.chain_file && x.sha256 == y.sha256;
    });
}

// What the listening socket is made of, and what is decided with its first byte: a reload leaves it as it is.
bool same_socket(const ListenerConfig& a, const ListenerConfig& b) {
    return a.module == b.module && a.tls == b.tls && a.backlog == b.backlog && a.use_proxy_protocol == b.use_proxy_protocol &&
           a.trusted_proxies == b.trusted_proxies;
}

// Limits, access and shaper of a listener that stays are applied to its next connection; the rest is named here.
std::string listeners_to_restart(const Plan& before, const Plan& after) {
    std::string what;
    const auto add = [&what](const ListenerPlan& listener, const char* fate) {
        what += (what.empty() ? "" : ", ") + listener.name() + fate;
    };
    const auto find = [](const Plan& plan, const ListenerPlan& wanted) {
        return std::ranges::find(plan.listeners, wanted.name(), &ListenerPlan::name) - plan.listeners.begin();
    };
    for (const ListenerPlan& old : before.listeners)
        if (find(after, old) == std::ssize(after.listeners)) add(old, " removed");
    for (std::size_t i = 0; i < after.listeners.size(); ++i) {
        const auto old = static_cast<std::size_t>(find(before, after.listeners[i]));
        if (old == before.listeners.size())
            add(after.listeners[i], " added");
        else if (!same_socket(before.config.global.listen[old], after.config.global.listen[i]))
            add(after.listeners[i], " changed");
    }
    return what;
}

// Options that only a restart applies: those that wait for one, and those that are again as they were at the start.
void compare_with_start(const Plan& before, const Plan& after, const Plan& started, std::vector<std::string>& lines) {
    std::set<std::string> waiting;
    for (const ConfigChange& change : config_changes(started.config, after.config))
        if (change.needs_restart) waiting.insert(change.option);
    for (const std::string& option : waiting) lines.push_back(option + " changed: needs a restart");
    for (const ConfigChange& change : config_changes(before.config, after.config))
        if (change.needs_restart && !waiting.contains(change.option))
            lines.push_back(change.option + " changed back: needs no restart");
}

}  // namespace

std::vector<std::string> differences(const Plan& before, const Plan& after, const Plan& started) {
    std::vector<std::string> lines;
    for (const auto& host : before.config.hosts)
        if (!find_host(after, host->domain)) lines.push_back("host " + host->domain + " removed");
    for (const auto& host : after.config.hosts) {
        if (const HostOptions* old = find_host(before, host->domain))
            compare_modules(*old, *host, lines);
        else
            lines.push_back("host " + host->domain + " added");
    }
    if (!same_files(before, after)) lines.push_back("certificates changed");
    const std::string listeners = listeners_to_restart(started, after);
    for (const ConfigChange& change : config_changes(before.config, after.config)) {
        const bool told_below = change.needs_restart || (change.option == "listen" && !listeners.empty());
        if (!told_below) lines.push_back(change.option + " changed");
    }
    if (!listeners.empty()) lines.push_back("listen changed: needs a restart (" + listeners + ")");
    compare_with_start(before, after, started, lines);
    return lines;
}

}  // namespace rookery
