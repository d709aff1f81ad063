// run_plays: acts plays out over TCP and TLS against any server by address. docs/plays.md says how.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <thread>

#include "base/crypto.h"
#include "tests/support/config_merge.h"
#include "tests/support/play_run.h"
#include "tests/support/tcp_driver.h"

namespace rookery::test {
namespace {

struct Options {
    TcpServer server;
    std::string title = "server";
    std::string configure;
    std::string usual_config;
    std::vector<std::string> configured;
    std::vector<std::string> paths;
    unsigned jobs = 4;
    PlayPace pace;
};

void set_address(TcpServer& server, const std::string& address) {
    const auto colon = address.rfind(':');
    if (colon == std::string::npos) throw CLI::ValidationError("--address", "expected HOST:PORT");
    server.host = address.substr(0, colon);
    server.port = address.substr(colon + 1);
}

void declare_options(CLI::App& app, Options& options) {
    TcpServer& server = options.server;
    app.add_option_function<std::string>(
        "--address", [&](const auto& value) { set_address(server, value); },
        "HOST:PORT where clients connect (127.0.0.1:5222)");
    app.add_option("--direct-tls", server.direct_tls_port,
                   "Its port for direct TLS; without it those plays are skipped");
    app.add_option("--domain", server.domain, "The domain that plays call localhost")->capture_default_str();
    app.add_option("--domain2", server.second_domain,
                   "The domain that plays call other.localhost; without it those are skipped");
    app.add_option("--ca", server.ca_file, "Verify the server's certificate with this file");
    app.add_option("--register", server.register_command, "'CMD {user} {domain} {password}': makes an account")
        ->required();
    app.add_option("--admin", server.admin_command, "'CMD {command}': runs an admin command");
    app.add_option("--configure", options.configure,
                   "'CMD {file}': puts a configuration into force, at the end the usual one again");
    app.add_option("--usual-config", options.usual_config,
                   "The server's configuration file; plays' configs are merged over it");
    app.add_option("--configured", options.configured, "The server is set up as plays with `config NAME:` want it")
        ->allow_extra_args(false);
    app.add_option("--without", server.lacks, "Skip plays that require this")->allow_extra_args(false);
    app.add_option("--server", options.title, "A title for the report");
    app.add_option("--jobs", options.jobs, "Plays at the same time")->capture_default_str()->check(CLI::Range(1, 64));
    app.add_option_function<int>(
        "--patience", [&](int value) { options.pace.patience = Milliseconds(value); },
        "Milliseconds to wait for what must come (5000)");
    app.add_option("plays", options.paths, "Play files and folders of them")->required();
}

std::vector<std::string> list_plays(const std::vector<std::string>& paths) {
    std::vector<std::string> files;
    for (const auto& path : paths) {
        if (!std::filesystem::is_directory(path)) {
            files.push_back(path);
            continue;
        }
        const auto found = find_plays(path);
        files.insert(files.end(), found.begin(), found.end());
    }
    return files;
}

// Runs plays on several threads and prints a line for each as it ends.
class Report {
public:
    explicit Report(const Options& options) : options_(options) {}

    void run(const Play& play) {
        const auto begin = std::chrono::steady_clock::now();
        TcpDriver driver(options_.server, new_suffix());
        const auto result = run_play(play, driver, options_.pace);
        const auto took = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - begin);
        print(play.file, result, took);
    }

    void print(const std::string& file, const PlayResult& result, Milliseconds took = Milliseconds(0)) {
        static constexpr const char* words[] = {"PASS", "FAIL", "SKIP"};
        const std::lock_guard lock(mutex_);
        const auto verdict = static_cast<std::size_t>(result.verdict);
        ++counts_[verdict];
        std::cout << words[verdict] << " " << file << " (" << took.count() << " ms)";
        if (!result.reason.empty()) std::cout << "\n  " << result.reason;
        std::cout << std::endl;
    }

    void run_parallel(const std::vector<const Play*>& plays) {
        std::atomic<std::size_t> next = 0;
        const auto work = [&] {
            for (auto i = next++; i < plays.size(); i = next++) run(*plays[i]);
        };
        std::vector<std::jthread> threads;
        for (unsigned i = 1; i < options_.jobs; ++i) threads.emplace_back(work);
        work();
    }

    int finish() const {
        std::cout << options_.title << ": " << counts_[0] << " passed, " << counts_[1] << " failed, " << counts_[2]
                  << " skipped" << std::endl;
        return counts_[1] == 0 ? 0 : 1;
    }

private:
    static std::string new_suffix() { return "-" + std::to_string(random_u64() % 1'000'000'000); }

    const Options& options_;
    std::mutex mutex_;
    int counts_[3] = {0, 0, 0};
};

std::string read_text(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

bool put_config_into_force(const Options& options, const std::string& yaml) {
    const auto file = std::filesystem::temp_directory_path() / ("play-config-" + random_token(6) + ".yml");
    std::ofstream(file) << merged_config(read_text(options.usual_config), yaml);
    const auto at = options.configure.find("{file}");
    std::string command = options.configure;
    if (at != std::string::npos) command.replace(at, 6, file.string());
    const auto done = run_shell(command);
    std::filesystem::remove(file);
    if (!done) std::cerr << done.error().message << "\n";
    return done.ok();
}

// One after the other, each behind a change of the configuration.
void run_with_configs(const Options& options, const std::vector<const Play*>& plays, Report& report) {
    for (const Play* play : plays) {
        if (!options.configure.empty() && put_config_into_force(options, play->config->yaml))
            report.run(*play);
        else
            report.print(play->file, {PlayResult::Verdict::skipped, "needs its own config"});
    }
    if (!options.configure.empty() && !plays.empty()) put_config_into_force(options, "");
}

int run_all(const Options& options) {
    Report report(options);
    std::vector<Play> plays;
    for (const auto& file : list_plays(options.paths)) {
        auto loaded = load_play(file);
        if (auto* play = std::get_if<Play>(&loaded)) {
            plays.push_back(std::move(*play));
            continue;
        }
        const auto& error = std::get<PlayError>(loaded);
        report.print(file,
                     {PlayResult::Verdict::failed, file + ":" + std::to_string(error.line) + ": " + error.message});
    }
    std::vector<const Play*> together;
    std::vector<const Play*> alone;
    std::vector<const Play*> with_config;
    for (const Play& play : plays) {
        const bool as_is =
            !play.config || std::ranges::find(options.configured, play.config->name) != options.configured.end();
        if (!as_is)
            with_config.push_back(&play);
        else
            (play.alone ? alone : together).push_back(&play);
    }
    report.run_parallel(together);
    for (const Play* play : alone) report.run(*play);
    run_with_configs(options, with_config, report);
    return report.finish();
}

}  // namespace
}  // namespace rookery::test

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    rookery::test::Options options;
    CLI::App app("Acts plays out against a running server");
    rookery::test::declare_options(app, options);
    CLI11_PARSE(app, argc, argv);
    return rookery::test::run_all(options);
}
