#include "server/server.h"

#include <csignal>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "admin/commands.h"
#include "base/log.h"
#include "base/version.h"
#include "server/memory_limit.h"
#include "server/storage_choice.h"
#include "server/storage_queues.h"
#include "server/supervisor.h"
#include "storage/sql/database.h"
#include "xmpp/payload/date_time.h"
#include "xmpp/sasl/credentials.h"

namespace rookery {
namespace {

constexpr Seconds shutdown_limit{8};  // for clients to take what is left for them; the process ends within 10 s
constexpr std::size_t max_queued_work = 10'000;

std::string join(const std::vector<std::string>& lines, const char* between) {
    std::string text;
    for (const std::string& line : lines) text += (text.empty() ? "" : between) + line;
    return text;
}

// How this program was started, for command lines shown to people.
std::string program_path() {
    std::error_code error;
    const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
    return error ? "rookery" : path.string();
}

void warn_about(const Plan& plan, WallTime now) {
    for (const std::string& warning : plan.warnings) log_warning("config", {{"message", warning}});
    for (const CertificateInfo& certificate : plan.contexts->certificates())
        if (!certificate.valid_at(now))
            log_error("certificate_not_valid", {{"file", certificate.chain_file}, {"days_left", certificate.days_left(now)}});
}

std::string storage_state(const Database& database) {
    const std::optional<StorageTrouble> trouble = database.trouble();
    return trouble ? "failing since " + format_date_time(trouble->since) + ": " + trouble->error : "ok";
}

void declare_handshakes(QueueBoard& board, const ShardLoop& loop) {
    const auto open = [](const ShardLoop::Gauges& now) { return now.handshakes_running + now.handshakes_waiting; };
    board.add({.name = "handshakes", .unit = "connections", .kind = QueueKind::queue, .where = {},
               .counts = [&loop, open] {
                   const ShardLoop::Gauges now = loop.gauges();
                   const std::uint64_t done = now.handshakes + now.handshakes_failed;
                   return QueueCounts{done + open(now), done};
               },
               .look = [&loop, open] { return QueueMember{open(loop.gauges()), ShardLoopOptions().max_handshakes}; }});
}

void declare_lingering(QueueBoard& board, const ShardLoop& loop) {
    board.add({.name = "lingering", .unit = "sockets", .kind = QueueKind::pool, .where = {},
               .counts = [&loop] {
                   const ShardLoop::Gauges now = loop.gauges();
                   return counts_of(now.lingering_met, now.lingering, now.lingering_refused);
               },
               .look = [&loop] { return QueueMember{loop.gauges().lingering, ShardLoopOptions().max_lingering}; }});
}

// One of several under one name.
template <class Look>
auto named(const std::string& name, Look look) {
    return [&name, look] {
        QueueLook all;
        all.add(look(), name);
        return all;
    };
}

std::size_t client_backlog(const GlobalConfig& config) {
    return config.max_client_backlog ? static_cast<std::size_t>(config.max_client_backlog->bytes) : usable_memory() / 4;
}

std::size_t max_descriptors() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

}  // namespace

Server::Server(ServerOptions options) : options_(std::move(options)), commands_(make_command_table()) {
    // Blocked before any thread is made, so that only wait_for_signals gets them.
    sigset_t signals = our_signals();
    sigaddset(&signals, silence_signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    installed_ = program_path();
    if (options_.take_over >= 0) taking_over_ = std::make_unique<TakeOver>(options_.take_over);
    Result<Plan> plan = make_plan_to_serve(options_.config, options_.data);
    if (!plan.ok() && taking_over_) taking_over_->fail(plan.error().message);
    if (!plan.ok()) throw std::runtime_error(plan.error().message);
    started_with_ = std::make_shared<const Plan>(std::move(*plan));
    plan_ = started_with_;
    try {
        start(*started_with_);
    } catch (const std::exception& error) {
        if (taking_over_) taking_over_->fail(error.what());
        for (Runtime& runtime : runtimes_) runtime.listening.clear();  // they are on the boards of the shards, which go first
        throw;
    }
}

void Server::start(const Plan& plan) {
    const GlobalConfig& config = plan.config.global;
    set_log_level(config.loglevel);
    if (!config.log_file.empty()) log_to_file(config.log_file);
    const SystemClock clock;
    started_ = clock.wall_now();
    warn_about(plan, started_);
    open_storage(plan);
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    work_ = std::make_unique<WorkPool>(config.work_threads ? config.work_threads : std::max(1u, cores / 2), max_queued_work);
    const unsigned count = config.shards ? config.shards : cores;
    for (unsigned i = 0; i < count; ++i) runtimes_.push_back(Runtime{std::make_unique<ShardLoop>(), {}, {}});
    AssemblyOptions options;
    options.c2s.max_strangers_per_address = std::max(1u, config.pre_auth_max_connections_per_ip / count);
    options.c2s.max_backlog_bytes = client_backlog(config) / count;
    assembly_ = std::make_unique<Assembly>(all_loops(), storage_->stores(), *work_, options);
    assembly_->shards().set_hasher(*this);
    for (unsigned i = 0; i < count; ++i) {
        assembly_->shards().at(i).apply(plan.config.hosts);
        assembly_->components(i).configure(component_policies(plan));
    }
    declare_queues();
    assembly_->watch_queues();
    for (unsigned i = 0; i < count; ++i) open_listeners(plan, i);
    if (taking_over_) taking_over_->restore(*assembly_, plan);
    open_control(plan);
    standstill_ = std::make_unique<Standstill>(all_loops());
    if (!taking_over_) return;
    taking_over_->finish();
    taking_over_.reset();
}

// That of a program whose place this one takes is at rest by then.
void Server::open_storage(const Plan& plan) {
    StorageOptions where = plan.storage;
    if (taking_over_) {
        taking_over_->get_ready(where);
        taking_over_->receive();
        if (!taking_over_->installed().empty()) installed_ = taking_over_->installed();
        attended_ = taking_over_->attended();
        if (auto* sqlite = std::get_if<SqliteOptions>(&where)) sqlite->inherited_lock = taking_over_->take_lock();
    }
    storage_ = open_chosen(where);
    log_info("storage", {{"database", describe(where)}});
}

void Server::open_control(const Plan& plan) {
    const int inherited = taking_over_ ? taking_over_->take_control() : -1;
    CommandContext context{assembly_->shards(), assembly_->stores(), *this};
    auto control = serve_control(*runtimes_[0].loop, plan.control_path, inherited, commands_, context);
    if (!control.ok()) throw std::runtime_error(control.error().message);
    control_ = std::move(*control);
}

std::vector<Loop*> Server::all_loops() const {
    std::vector<Loop*> loops;
    for (const Runtime& runtime : runtimes_) loops.push_back(runtime.loop.get());
    return loops;
}

void Server::declare_waiting(QueueBoard& board, Listening& listening, const ListenerOptions& options) {
    const Listener& listener = *listening.listener;
    const auto backlog = [&listener] { return QueueMember{listener.gauges().waiting, listener.gauges().max_waiting}; };
    listening.backlog = QueuePlace(board, {.name = "accept", .unit = "connections", .kind = QueueKind::queue, .where = {},
                                           .counts = [&listener] {
                                               const Listener::Gauges now = listener.gauges();
                                               return QueueCounts{now.accepted + now.waiting, now.accepted,
                                                                  now.turned_away + now.proxy_refused};
                                           },
                                           .look = named(listening.name, backlog)});
    if (!options.use_proxy_protocol) return;
    const auto headers = [&listener, bound = options.max_proxy_pending] { return QueueMember{listener.gauges().proxy_waiting, bound}; };
    listening.proxy_wait = QueuePlace(board, {.name = "proxy_headers", .unit = "connections", .kind = QueueKind::pool, .where = {},
                                              .counts = [&listener] {
                                                  const Listener::Gauges now = listener.gauges();
                                                  return counts_of(now.accepted, now.proxy_waiting, now.proxy_refused);
                                              },
                                              .look = named(listening.name, headers)});
}

void Server::declare_queues() {
    declare_storage_queues(assembly_->shards().at(0).queues(), storage_->database());
    for (unsigned i = 0; i < runtimes_.size(); ++i) {
        declare_handshakes(assembly_->shards().at(i).queues(), *runtimes_[i].loop);
        declare_lingering(assembly_->shards().at(i).queues(), *runtimes_[i].loop);
    }
    assembly_->shards().at(0).queues().add({.name = "sockets", .unit = "sockets", .kind = QueueKind::pool, .where = "process",
                                            .counts = [this] { return counts_of(connections_met(), connections_left()); },
                                            .look = [this] { return QueueMember{connections_left(), max_descriptors()}; }});
}

void Server::open_listeners(const Plan& plan, unsigned shard) {
    const auto count = static_cast<unsigned>(runtimes_.size());
    for (const ListenerPlan& listener : plan.listeners) {
        std::vector<int> sockets;
        if (taking_over_) sockets = taking_over_->take_listeners(listener.name(), shard, count);
        if (sockets.empty()) sockets.push_back(-1);
        for (const int socket : sockets) open_listener(plan, listener, shard, socket);
    }
}

void Server::open_listener(const Plan& plan, const ListenerPlan& listener, unsigned shard, int inherited) {
    Runtime& runtime = runtimes_[shard];
    auto listening = std::make_unique<Listening>();
    listening->name = listener.name();
    listening->policy = listener.policy;
    listening->components = listener.components;
    listening->direct_tls = listener.socket.direct_tls;
    ListenerOptions socket = listener.socket;
    socket.joins = shard > 0;
    socket.inherited = inherited;
    auto opened = Listener::open(*runtime.loop, std::move(socket), plan.contexts, admission(*listening, shard),
                                 acceptance(*listening, shard));
    if (!opened.ok()) throw std::runtime_error(opened.error().message);
    listening->listener = std::move(*opened);
    declare_waiting(assembly_->shards().at(shard).queues(), *listening, listener.socket);
    runtime.listening.push_back(std::move(listening));
}

Listener::Admit Server::admission(const Listening& listening, unsigned shard) {
    if (listening.components)
        return [&service = assembly_->components(shard)](const Endpoint&) { return service.admits(); };
    return [&service = assembly_->c2s(shard), &listening](const Endpoint& peer) { return service.admits(peer.ip, *listening.policy); };
}

Listener::OnSocket Server::acceptance(const Listening& listening, unsigned shard) {
    if (listening.components)
        return [&service = assembly_->components(shard), &listening](Parked connection) {
            const auto& policy = listening.components;
            service.accept(socket_transport(std::move(connection), policy->send_timeout), policy);
        };
    return [&service = assembly_->c2s(shard), &listening](Parked connection) {
        const auto& policy = listening.policy;
        service.accept(socket_transport(std::move(connection), policy->send_timeout), policy);
    };
}

// --- running ------------------------------------------------------------------------------------------------------

int Server::run() {
    hearing_ = ::pthread_self();
    for (Runtime& runtime : runtimes_) runtime.thread = std::thread([&runtime] { runtime.loop->run(); });
    tell_supervisor("READY=1\nMAINPID=" + std::to_string(::getpid()));
    log_info("started", {{"version", version()}, {"shards", runtimes_.size()}, {"pid", ::getpid()}});
    wait_for_signals();
    shut_down();
    return 0;
}

sigset_t Server::our_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    return set;
}

void Server::wait_for_signals() {
    sigset_t signals = our_signals();
    sigaddset(&signals, silence_signal);
    while (true) {
        int signal = 0;
        if (sigwait(&signals, &signal) != 0) continue;
        if (signal == silence_signal) end_upgrade();  // it leaves
        pass_on_to_successor(signal);  // at once: this process may be about to leave
        if (signal != SIGHUP) return log_info("stopping", {{"signal", signal}});
        log_reopen();
        runtimes_[0].loop->post([this] {
            spawn([](Server& server) -> Task<void> {
                Task<Result<Value>> reloading = server.reload();
                (void)co_await reloading;
            }(*this));
        });
    }
}

void Server::stop() { ::kill(::getpid(), SIGTERM); }

// Streams end with system-shutdown, then whoever is slow has some seconds to take his last bytes.
void Server::shut_down() {
    end_upgrade();
    tell_supervisor("STOPPING=1");
    const StreamError error(StreamCondition::system_shutdown);
    for (unsigned i = 0; i < runtimes_.size(); ++i) {
        runtimes_[i].loop->post([this, i, error] {
            runtimes_[i].listening.clear();
            assembly_->c2s(i).close_strangers(error);
            assembly_->shards().at(i).close_sessions(error);
            assembly_->components(i).close_all(error);
        });
    }
    const auto end = std::chrono::steady_clock::now() + shutdown_limit;
    while (connections_left() > 0 && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(Milliseconds(20));
    for (Runtime& runtime : runtimes_) runtime.loop->stop();
    for (Runtime& runtime : runtimes_) runtime.thread.join();
    log_info("stopped");
}

std::size_t Server::connections_left() const {
    std::size_t left = 0;
    for (const Runtime& runtime : runtimes_) left += runtime.loop->gauges().sockets;
    return left;
}

std::uint64_t Server::connections_met() const {
    std::uint64_t met = 0;
    for (const Runtime& runtime : runtimes_) met += runtime.loop->gauges().sockets_met;
    return met;
}

// What waits for storage or the pool ends before the shards it points to.
Server::~Server() {
    control_.reset();
    for (Runtime& runtime : runtimes_) runtime.listening.clear();
    work_.reset();
    storage_.reset();
    assembly_.reset();
}

// --- what commands ask --------------------------------------------------------------------------------------------

Task<Result<Value>> Server::reload() {
    pass_on_to_successor(SIGHUP);
    const std::string config = options_.config;
    const std::string data = options_.data;
    const std::uint64_t number = ++plans_made_;  // before the files are read: a later reload has seen newer ones
    auto work = work_->run([config, data] { return make_plan_to_serve(config, data); });
    Result<Plan> read = co_await work;
    if (!read.ok()) {
        log_error("reload_refused", {{"error", read.error().message}});
        co_return std::move(read).error();
    }
    read->number = number;
    const auto plan = std::make_shared<const Plan>(std::move(*read));
    const PlanPtr before = plan_;
    const std::vector<std::string> changes = differences(*before, *plan, *started_with_);
    if (!adopt(plan)) co_return Value::list({"a later reload was faster"});
    // A level the administrator set stands until the file says another than before.
    if (plan->config.global.loglevel != before->config.global.loglevel) set_log_level(plan->config.global.loglevel);
    warn_about(*plan, SystemClock().wall_now());
    for (unsigned i = 0; i < runtimes_.size(); ++i) {
        auto apply = [this, i, plan](Shard&) { apply_on(i, *plan); };
        auto applied = assembly_->shards().on(i, apply);
        co_await applied;
    }
    log_info("reloaded", {{"changes", join(changes, "; ")}});
    Value lines = Value::list();
    for (const std::string& change : changes) lines.append(change);
    if (changes.empty()) lines.append("nothing has changed");
    co_return lines;
}

bool Server::adopt(PlanPtr plan) {
    PlanPtr current = plan_;
    while (current->number < plan->number)
        if (plan_.compare_exchange_weak(current, plan)) return true;
    return false;
}

void Server::apply_on(unsigned shard, const Plan& plan) {
    if (plan.number < runtimes_[shard].plan_number) return;
    runtimes_[shard].plan_number = plan.number;
    assembly_->shards().at(shard).apply(plan.config.hosts);
    assembly_->components(shard).configure(component_policies(plan));
    for (const std::unique_ptr<Listening>& listening : runtimes_[shard].listening) {
        for (const ListenerPlan& listener : plan.listeners) {
            const bool other_socket = listener.socket.direct_tls != listening->direct_tls ||
                                      !listener.components != !listening->components;
            if (listener.name() != listening->name || other_socket) continue;
            listening->policy = listener.policy;
            listening->components = listener.components;
            listening->listener->set_contexts(plan.contexts);
        }
    }
}

Value Server::status() const {
    const SystemClock clock;
    const PlanPtr plan = plan_;
    Value listeners = Value::list();
    for (const ListenerPlan& listener : started_with_->listeners) listeners.append(listener.name());
    Value result = Value::object();
    result.set("status", "running");
    result.set("version", version());
    result.set("pid", ::getpid());
    result.set("uptime_seconds", std::chrono::duration_cast<Seconds>(clock.wall_now() - started_).count());
    result.set("shards", runtimes_.size());
    result.set("listeners", std::move(listeners));
    result.set("database", describe(started_with_->storage));
    result.set("storage", storage_state(storage_->database()));
    Value certificates = Value::list();
    for (const CertificateInfo& certificate : plan->contexts->certificates())
        certificates.append(certificate.chain_file + ": " + std::to_string(certificate.days_left(clock.wall_now())) + " days left");
    result.set("certificates", std::move(certificates));
    return result;
}

Task<Result<Credentials>> Server::make_keys(std::string password) {
    std::optional<std::string> prepared = prepare_password(password);
    wipe(password);
    if (!prepared) co_return Error(ErrorCode::invalid, "that is not fit to be a password");
    const PlanPtr plan = plan_;
    const std::vector<HashAlgorithm> hashes = plan->config.global.auth_scram_hash;
    const int iterations = plan->config.global.auth_scram_iterations;
    auto work = work_->run([hashes, iterations, secret = std::move(*prepared)]() mutable {
        Credentials keys;
        for (HashAlgorithm hash : hashes)
            keys.push_back(make_scram_keys(hash, secret, random_bytes(scram_salt_bytes), iterations));
        wipe(secret);
        return keys;
    });
    Result<Credentials> keys = co_await work;
    co_return keys;
}

std::string Server::greeting() const {
    const PlanPtr plan = plan_;
    std::vector<std::string> lines = {"Rookery " + std::string(version()) + " serves " + join(plan->config.global.hosts, ", ") + "."};
    for (const ListenerPlan& listener : plan->listeners)
        lines.push_back("  clients: " + listener.name() + (listener.socket.direct_tls ? " (direct TLS)" : " (STARTTLS)"));
    lines.push_back("  data:    " + options_.data);
    lines.push_back("Make the first account in another terminal:");
    const std::string data = std::filesystem::absolute(options_.data).string();
    lines.push_back("  " + program_path() + " register NAME " + plan->config.global.hosts.front() + " PASSWORD --data " + data);
    return join(lines, "\n") + "\n";
}

}  // namespace rookery
