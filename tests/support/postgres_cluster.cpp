#include "tests/support/postgres_cluster.h"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <thread>

namespace rookery {
namespace {

constexpr std::chrono::seconds patience{30};  // for a start: also under sanitizers on a busy machine

// Not gone, and no zombie that nobody has waited for.
bool runs(pid_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/stat");
    std::string line;
    std::getline(file, line);
    const std::size_t name_end = line.rfind(')');
    return name_end != std::string::npos && line.compare(name_end, 3, ") Z") != 0;
}

// A server that is killed leaves its backends behind for a moment.
void wait_for_end(const std::vector<pid_t>& processes) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (std::ranges::any_of(processes, runs) && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

std::string newest_programs() {
    std::vector<std::string> found;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", none))
        if (std::filesystem::exists(entry.path() / "bin/initdb")) found.push_back(entry.path() / "bin");
    if (found.empty()) throw std::runtime_error("no PostgreSQL in /usr/lib/postgresql: run tools/install test");
    return *std::max_element(found.begin(), found.end());
}

// PostgreSQL does not run as root.
struct User {
    uid_t id = ::geteuid();
    gid_t group = ::getegid();
};

User server_user() {
    User user;
    if (user.id != 0) return user;
    for (const char* name : {"postgres", "nobody"}) {
        if (const passwd* found = ::getpwnam(name)) return User{found->pw_uid, found->pw_gid};
    }
    throw std::runtime_error("no user postgres or nobody");
}

// Starts a program as that user, its output in a file; it ends with this thread.
pid_t start_program(const User& user, std::vector<std::string> command, const std::string& output) {
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("fork");
    if (child > 0) return child;
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(user.group) != 0 || ::setuid(user.id) != 0))
        ::_exit(126);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(file, 1);
    ::dup2(file, 2);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

std::string content(const std::string& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

using ConnectionPtr = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using ResultPtr = std::unique_ptr<PGresult, decltype(&PQclear)>;

}  // namespace

PostgresCluster& PostgresCluster::shared() {
    static PostgresCluster cluster;
    return cluster;
}

PostgresCluster::PostgresCluster() : maker_(::getpid()) {
    make_files();
    start();
}

PostgresCluster::~PostgresCluster() {
    if (::getpid() == maker_) stop(SIGQUIT);  // not in a forked child
}

void PostgresCluster::make_files() {
    const User user = server_user();
    if (::chown(directory_.path().c_str(), user.id, user.group) != 0) throw std::runtime_error("chown");
    const std::string log = directory_.file("initdb.log");
    const pid_t made = start_program(
        user,
        {newest_programs() + "/initdb", "-D", directory_.file("data"), "-U", "rookery", "--auth=trust", "--no-sync",
         "--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"},  // sorts as people do
        log);
    int status = 0;
    ::waitpid(made, &status, 0);
    if (status != 0) throw std::runtime_error("initdb: " + content(log));
    std::ofstream(directory_.file("data/pg_hba.conf")) << "local all guest scram-sha-256\nlocal all all trust\n";
}

void PostgresCluster::start() {
    const auto end = std::chrono::steady_clock::now() + patience;
    const std::string log = directory_.file("server.log");
    for (;;) {
        // Backends of one that was killed may still be there: then it ends at once, and is started again.
        if (server_ == 0) {
            server_ = start_program(server_user(),
                                    {newest_programs() + "/postgres", "-D", directory_.file("data"), "-c",
                                     "listen_addresses=", "-c", "unix_socket_directories=" + directory_.path().string(),
                                     "-c", "fsync=off", "-c", "max_connections=60", "-c", "shared_buffers=32MB"},
                                    log);
        }
        if (takes_connections()) return;
        if (::waitpid(server_, nullptr, WNOHANG) == server_) server_ = 0;
        if (std::chrono::steady_clock::now() > end) throw std::runtime_error("PostgreSQL: " + content(log));
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

void PostgresCluster::stop(int signal) {
    if (server_ == 0) return;
    const std::vector<pid_t> all = processes();
    ::kill(server_, signal);
    ::waitpid(server_, nullptr, 0);
    server_ = 0;
    wait_for_end(all);
}

std::vector<pid_t> PostgresCluster::processes() const {
    const std::string number = std::to_string(server_);
    std::ifstream children("/proc/" + number + "/task/" + number + "/children");
    std::vector<pid_t> found(1, server_);
    for (pid_t child = 0; children >> child;) found.push_back(child);
    return found;
}

void PostgresCluster::freeze() const {
    for (const pid_t process : processes()) ::kill(process, SIGSTOP);
}

void PostgresCluster::thaw() const {
    for (const pid_t process : processes()) ::kill(process, SIGCONT);
}

std::string PostgresCluster::connection_to(const std::string& database) const {
    return "host=" + directory_.path().string() + " user=rookery dbname=" + database;
}

bool PostgresCluster::takes_connections() const { return PQping(connection_to("postgres").c_str()) == PQPING_OK; }

PostgresOptions PostgresCluster::options(const std::string& database) const {
    PostgresOptions options;
    options.server = directory_.path().string();
    options.username = "rookery";
    options.database = database;
    return options;
}

std::vector<std::string> PostgresCluster::ask(const std::string& database, const std::string& sql) const {
    const ConnectionPtr connection(PQconnectdb(connection_to(database).c_str()), &PQfinish);
    const ResultPtr result(PQexec(connection.get(), sql.c_str()), &PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        throw std::runtime_error(sql + ": " + PQerrorMessage(connection.get()));
    std::vector<std::string> column;
    for (int row = 0; row < PQntuples(result.get()); ++row) column.emplace_back(PQgetvalue(result.get(), row, 0));
    return column;
}

std::string PostgresCluster::new_database() {
    const std::string name = "test" + std::to_string(++databases_);
    ask("postgres", "CREATE DATABASE " + name);
    return name;
}

std::string PostgresCluster::emptied_database() {
    const std::string name = "emptied";
    if (!has_emptied_) ask("postgres", "CREATE DATABASE " + name);
    has_emptied_ = true;
    ask(name,
        "DO $$ DECLARE tables TEXT; BEGIN SELECT string_agg(quote_ident(tablename), ', ') INTO tables FROM pg_tables "
        "WHERE schemaname = 'public' AND tablename <> 'meta'; "
        "IF tables IS NOT NULL THEN EXECUTE 'TRUNCATE ' || tables; END IF; END $$");
    return name;
}

}  // namespace rookery
