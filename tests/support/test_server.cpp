#include "tests/support/test_server.h"

#include <algorithm>
#include <stdexcept>

#include "admin/cli.h"
#include "admin/commands.h"
#include "core/access.h"
#include "c2s/connection.h"
#include "c2s/session.h"
#include "server/config.h"
#include "server/rest.h"
#include "server/storage_queues.h"
#include "tests/support/config_merge.h"
#include "xmpp/sasl/credentials.h"

namespace rookery::test {
namespace {

void drop_connections(C2s& c2s) {
    std::vector<std::shared_ptr<Connection>> all;
    c2s.shard().for_each_session([&all](Session& session) {
        if (Connection* connection = static_cast<C2sSession&>(session).connection()) all.push_back(connection->shared_from_this());
    });
    for (Connection* stranger : c2s.strangers()) all.push_back(stranger->shared_from_this());
    for (const std::shared_ptr<Connection>& connection : all) connection->drop();
}

constexpr int test_iterations = 4;  // logins by the hundred must stay cheap

std::shared_ptr<const C2sPolicy> open_policy() {
    auto stream = std::make_shared<StreamPolicy>();
    stream->starttls = false;
    stream->starttls_required = false;
    stream->before_login.max_bytes = 8'192;
    stream->before_login.max_elements = 32;
    stream->before_login.max_depth = 64;
    stream->before_login.max_whitespace = 1'024;
    stream->fake_secret = "a secret of tests";
    stream->key_forms = {KeyForm{HashAlgorithm::sha256, test_iterations}};
    auto policy = std::make_shared<C2sPolicy>();
    policy->stream = std::move(stream);
    return policy;
}

ComponentPolicy component_policy(const std::map<std::string, std::string, std::less<>>& secrets) {
    ComponentPolicy policy;
    policy.secrets = secrets;
    policy.rules = std::make_shared<const AccessRules>();
    policy.before_handshake.max_bytes = 8'192;
    return policy;
}

std::shared_ptr<const void> parse_options(const ModuleSpec& spec, const ConfigValue& map) {
    ConfigProblems problems;
    std::shared_ptr<const void> options = spec.parse(map, problems);
    if (!options) throw std::runtime_error(spec.name + ": " + problems.errors.front());
    return options;
}

// "key: value" lines, flat.
ConfigValue read_lines(std::string_view text) {
    std::vector<ConfigValue::Entry> entries;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto colon = line.find(": ");
        if (colon == std::string_view::npos) throw std::runtime_error("not an option: " + std::string(line));
        entries.emplace_back(line.substr(0, colon), ConfigValue::scalar(line.substr(colon + 2)));
    }
    return ConfigValue::map(std::move(entries));
}

// nullopt: the module is off.
std::optional<ConfigValue> options_of(const ModuleSpec& spec, const TestServerOptions& wanted) {
    for (const auto& [name, text] : wanted.modules) {
        if (name == spec.name) return read_lines(text);
        if (name == "-" + spec.name) return std::nullopt;
    }
    return spec.default_on ? std::optional(ConfigValue::map({})) : std::nullopt;
}

std::shared_ptr<const HostOptions> host_options(const std::string& domain, const TestServerOptions& wanted) {
    auto options = std::make_shared<HostOptions>();
    options->domain = domain;
    options->max_user_sessions = wanted.max_user_sessions;
    options->access = std::make_shared<const AccessRules>();
    for (const ModuleSpec* spec : all_modules())
        if (const auto map = options_of(*spec, wanted)) options->modules.push_back({spec, parse_options(*spec, *map), {}});
    return options;
}

std::vector<std::shared_ptr<const HostOptions>> hosts_of_config(const TestServerOptions& wanted) {
    std::string usual = "hosts: [";
    for (const std::string& domain : wanted.domains) usual += domain + ", ";
    const std::string text = merged_config(usual + "]", wanted.config_yaml);
    ConfigWorld world = ConfigWorld::real();
    world.read_file = [&](const std::string&) -> Result<std::string> { return text; };
    ConfigProblems problems;
    std::optional<Config> config = load_config("play.yml", all_modules(), world, problems);
    if (!config) throw std::runtime_error(problems.errors.front());
    return config->hosts;
}

std::vector<std::shared_ptr<const HostOptions>> wanted_hosts(const TestServerOptions& wanted) {
    if (!wanted.config_yaml.empty()) return hosts_of_config(wanted);
    std::vector<std::shared_ptr<const HostOptions>> hosts;
    for (const std::string& domain : wanted.domains) hosts.push_back(host_options(domain, wanted));
    return hosts;
}

}  // namespace

TestServer::TestServer(TestServerOptions options)
    : options_(std::move(options)),
      commands_(make_command_table()),
      loops_(options_.shards),
      storage_(options_.storage ? options_.storage(loops_.clock()) : open_memory(loops_.clock())),
      policy_(open_policy()) {
    start();
}

void TestServer::start() {
    assembly_ = std::make_unique<Assembly>(loops_.all(), storage_->stores(), work_, options_.assembly);
    assembly_->shards().set_hasher(*this);
    declare_storage_queues(assembly_->shards().at(0).queues(), storage_->database());
    const std::vector<std::shared_ptr<const HostOptions>> hosts = wanted_hosts(options_);
    for (unsigned i = 0; i < options_.shards; ++i)
        loops_.at(i).run_here([this, i, &hosts] { assembly_->shards().at(i).apply(hosts); });
    allow_components(component_policy(options_.components));
}

// --- live upgrades

bool TestServer::change_program() {
    if (!may_upgrade()) {
        wake();
        return false;
    }
    std::vector<SavedClients> clients(options_.shards);
    std::vector<RecordWriter> past(options_.shards), marks(options_.shards);
    for (unsigned i = 0; i < options_.shards; ++i)
        loops_.at(i).run_here([&] {
            clients[i] = save_clients(assembly_->c2s(i));
            save_past(assembly_->c2s(i), past[i]);
            save_hosts(assembly_->shards().at(i), marks[i]);
            const StreamError error(StreamCondition::system_shutdown);
            for (const auto& connection : clients[i].left_behind) connection->leave_behind(error);
        });
    retired_.push_back(std::move(assembly_));
    loops_.forget();
    start();
    restore(std::move(clients), past);
    for (const RecordWriter& shard : marks)
        for (unsigned i = 0; i < options_.shards; ++i)
            loops_.at(i).run_here([&] {
                RecordReader record(shard.bytes());
                if (!restore_hosts(assembly_->shards().at(i), record)) throw std::logic_error("no marks");
            });
    loops_.run_until_idle();
    return true;
}

// Two looks must find nothing (server/upgrade.cpp).
bool TestServer::may_upgrade() {
    bool at_rest = true;
    for (int look = 0; look < 3; ++look) {
        at_rest = true;
        for (unsigned i = 0; i < options_.shards; ++i)
            loops_.at(i).run_here([&] {
                const UnderWay found = look_what_is_under_way(*assembly_, i);
                at_rest = at_rest && found.what.empty() && found.open == 0;
            });
        loops_.run_until_idle();
    }
    return at_rest;
}

void TestServer::wake() {
    for (unsigned i = 0; i < options_.shards; ++i)
        loops_.at(i).run_here([&] {
            assembly_->c2s(i).wake();
            assembly_->components(i).wake();
        });
    loops_.run_until_idle();
}

void TestServer::restore(std::vector<SavedClients> clients, const std::vector<RecordWriter>& past) {
    ClientRestoring restoring{[this](std::string_view) { return policy_; },
                              [this](int number, RecordReader&, Seconds) {
                                  return loopback_transport(pipes_[static_cast<std::size_t>(number)].lock());
                              }};
    std::vector<C2s*> services;
    for (unsigned i = 0; i < options_.shards; ++i) services.push_back(&assembly_->c2s(i));
    for (SavedClients& shard : clients)
        for (SavedSession& saved : shard.sessions) {
            RecordReader record(saved.record);
            const unsigned home = assembly_->shards().home_of(address_of(record)->bare_str());
            loops_.at(home).run_here([&] {
                if (!restore_session(*services[home], record, saved.descriptor, restoring)) throw std::logic_error("not restored");
            });
        }
    for (const RecordWriter& shard : past) {
        RecordReader record(shard.bytes());
        if (!restore_past(services, record)) throw std::logic_error("no past");
    }
}

void TestServer::upgrade_if_all_are_in() {
    for (unsigned i = 0; i < options_.shards; ++i)
        if (!assembly_->c2s(i).strangers().empty() || assembly_->components(i).is_used()) return;
    change_program();
}

void TestServer::restart() {
    stop();
    loops_.advance(Seconds(11));  // what modules begin ten seconds after a start has ended, too
    assembly_.reset();
    loops_.forget();
    start();
}

// Those who look again after a pause see that it is over. Programs that handed over have ended long ago; what is left of
// them goes without a word.
TestServer::~TestServer() {
    stop();
    loops_.advance(Seconds(2));
    for (const std::unique_ptr<Assembly>& retired : retired_)
        for (unsigned i = 0; i < options_.shards; ++i) loops_.at(i).run_here([&] { drop_connections(retired->c2s(i)); });
    loops_.advance(Seconds(2));
}

void TestServer::stop() {
    const StreamError error(StreamCondition::system_shutdown);
    for (unsigned i = 0; i < options_.shards; ++i) {
        loops_.at(i).post([this, i, error] {
            assembly_->c2s(i).close_strangers(error);
            assembly_->shards().at(i).close_sessions(error);
            assembly_->components(i).close_all(error);
        });
    }
}

Task<Result<Value>> TestServer::reload() {
    co_return Error(ErrorCode::unavailable, "a server in a test has no configuration file");
}

Value TestServer::status() const { return Value::object({{"status", "running"}}); }

std::unique_ptr<LoopbackWire> TestServer::connect_from(std::string_view address) {
    return std::make_unique<LoopbackWire>(loops_, connect_pipe(address));
}

std::shared_ptr<LoopbackPipe> TestServer::connect_pipe(std::string_view address) {
    auto pipe = std::make_shared<LoopbackPipe>();
    pipe->client.ip = IpAddress::parse(address).value();
    pipe->dribble = options_.dribble;
    pipe->number = static_cast<int>(pipes_.size());
    pipes_.push_back(pipe);
    if (options_.upgrades) pipe->before_send = [this] { upgrade_if_all_are_in(); };
    const unsigned shard = next_shard_++ % options_.shards;
    loops_.at(shard).run_here([&] { assembly_->c2s(shard).accept(loopback_transport(pipe), policy_); });
    return pipe;
}

std::unique_ptr<LoopbackWire> TestServer::connect_component() {
    auto pipe = std::make_shared<LoopbackPipe>();
    pipe->dribble = options_.dribble;
    const unsigned shard = next_shard_++ % options_.shards;
    loops_.at(shard).run_here([&] { assembly_->components(shard).accept(loopback_transport(pipe), component_policy_); });
    return std::make_unique<LoopbackWire>(loops_, std::move(pipe));
}

void TestServer::allow_components(ComponentPolicy policy) {
    component_policy_ = std::make_shared<const ComponentPolicy>(std::move(policy));
    for (unsigned i = 0; i < options_.shards; ++i)
        loops_.at(i).run_here([this, i] { assembly_->components(i).configure({component_policy_}); });
    loops_.run_until_idle();
}

Task<Result<Credentials>> TestServer::make_keys(std::string password) {
    const std::optional<std::string> prepared = prepare_password(password);
    if (!prepared) co_return Error(ErrorCode::invalid, "not fit to be a password");
    Credentials keys;
    for (HashAlgorithm hash : {HashAlgorithm::sha1, HashAlgorithm::sha256, HashAlgorithm::sha512})
        keys.push_back(make_scram_keys(hash, *prepared, random_bytes(scram_salt_bytes), test_iterations));
    co_return keys;
}

Result<void> TestServer::make_account(std::string_view user, std::string_view domain, std::string_view password) {
    const std::optional<Jid> jid = Jid::make(user, domain);
    if (!jid) return Error(ErrorCode::invalid, "no such name");
    Result<Credentials> keys = wait(make_keys(std::string(password)));
    if (!keys.ok()) return std::move(keys).error();
    return wait(storage_->stores().accounts.create(*jid, std::move(*keys), loops_.clock().wall_now()));
}

Result<Value> TestServer::run_command(std::string verb, Value::Object arguments) {
    CommandContext context{assembly_->shards(), assembly_->stores(), *this};
    return wait(commands_.run(context, std::move(verb), Value(std::move(arguments))));
}

Result<std::string> TestServer::command(std::string_view verb, const std::vector<std::string>& arguments) {
    const Command* known = commands_.find(verb);
    if (!known) return Error(ErrorCode::not_found, commands_.unknown(verb));
    Result<Value> named = named_arguments(*known, arguments);
    if (!named.ok()) return std::move(named).error();
    Result<Value> result = run_command(known->name, *named->as_object());
    if (!result.ok()) return std::move(result).error();
    return to_table(*result);
}

Result<void> TestServer::advance(Duration time) {
    loops_.advance(time);
    return {};
}

bool TestServer::has(std::string_view feature) const {
    return feature != "starttls" && feature != "direct-tls" && feature != "tcp";
}

}  // namespace rookery::test
