// rookery: the server and its command-line tool in one program.
#include <CLI/CLI.hpp>

#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <thread>

#include "admin/cli.h"
#include "admin/commands.h"
#include "admin/control.h"
#include "admin/json.h"
#include "base/version.h"
#include "server/data_tools.h"
#include "server/reference.h"
#include "server/server.h"
#include "server/storage_choice.h"
#include "server/supervisor.h"

namespace rookery {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

int serve(const ServerOptions& options) {
    try {
        Server server(options);
        if (options.take_over < 0) std::cout << server.greeting() << std::flush;
        return server.run();
    } catch (const std::exception& error) {
        std::cerr << "rookery: " << error.what() << "\n";
        return exit_failed;
    }
}

int check(const ServerOptions& options) {
    const Result<Plan> plan = make_plan(options.config, options.data);
    if (!plan.ok()) {
        std::cerr << plan.error().message << "\n";
        return exit_failed;
    }
    for (const std::string& warning : plan->warnings) std::cout << "warning: " << warning << "\n";
    std::vector<std::string> findings = check_certificates(*plan, SystemClock().wall_now());
    for (std::string& finding : check_storage(plan->storage)) findings.push_back(std::move(finding));
    for (const std::string& finding : findings) std::cout << finding << "\n";
    if (!findings.empty()) return exit_failed;
    std::cout << "The configuration is fine.\n";
    return 0;
}

std::string shown_to_person(const Command& command, const Value& answer) {
    return command.show ? command.show(answer) : to_table(answer);
}

// Again every second, until Ctrl-C or the server's end. Not for verbs that change something.
int watch_verb(const std::string& path, const Command& command, const Value& args) {
    if (!command.only_looks) {
        std::cerr << "rookery: '" << command.name << "' cannot be watched with --live; queues, stats and status can\n";
        return exit_usage;
    }
    while (true) {
        const Result<Value> result = ask_server(path, command.name, args);
        if (!result.ok()) {
            std::cerr << "rookery: " << result.error().message << "\n";
            return exit_failed;
        }
        std::cout << on_screen(shown_to_person(command, *result)) << std::flush;
        std::this_thread::sleep_for(Seconds(1));
    }
}

int run_verb(const CommandTable& table, const std::string& data, bool json, bool live, const std::vector<std::string>& words) {
    const Command* command = table.find(words.front());
    if (!command) {
        std::cerr << "rookery: " << table.unknown(words.front()) << " ('rookery --help' lists them)\n";
        return exit_usage;
    }
    Result<Value> args = named_arguments(*command, {words.begin() + 1, words.end()});
    if (!args.ok()) {
        std::cerr << args.error().message << "\n";
        return exit_usage;
    }
    const std::string path = (std::filesystem::path(data) / "control").string();
    if (live) return watch_verb(path, *command, *args);
    const Result<Value> result = ask_server(path, command->name, std::move(*args));
    if (!result.ok()) {
        std::cerr << "rookery: " << result.error().message << "\n";
        return exit_failed;
    }
    std::cout << (json ? to_json(*result, 2) + "\n" : shown_to_person(*command, *result));
    return 0;
}

// Where the server's data is when nobody says: the packaged place if it is there, else here.
std::string default_data() {
    const std::string packaged = "/var/lib/rookery";
    return std::filesystem::exists(packaged + "/control") && !std::filesystem::exists("var") ? packaged : "var";
}

// The first word that neither the program nor this subcommand knows.
std::optional<std::string> stray_argument(const CLI::App& app, const CLI::App& sub) {
    for (const CLI::App* part : {&app, &sub})
        for (const std::string& word : part->remaining()) return word;
    return std::nullopt;
}

// A mistyped option must not start a server with the defaults instead.
int refuse_stray(const CLI::App& sub, const std::string& stray) {
    std::vector<std::string> names;
    for (const CLI::Option* option : sub.get_options())
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    std::cerr << "rookery: " << unknown_argument(sub.get_name(), stray, names) << "\n";
    return exit_usage;
}

int run(int argc, char** argv) {
    const CommandTable table = make_command_table();
    CLI::App app("Rookery, an XMPP server. Verbs for a running server:\n" + command_overview(table));
    app.set_version_flag("--version", std::string(version()));
    app.require_subcommand(0, 1);
    app.allow_extras();
    ServerOptions options{"", default_data()};
    bool json = false;
    bool live = false;
    std::string target = ".";
    std::string file, engine;
    app.add_option("--data", options.data, "Folder of the server's data")->capture_default_str();
    app.add_flag("--json", json, "Answers as JSON");
    app.add_flag("--live", live, "queues, stats, status: anew every second, until Ctrl-C");
    CLI::App* serving = app.add_subcommand("serve", "Run the server in the foreground");
    CLI::App* checking = app.add_subcommand("check", "Check the configuration, the certificates and the database");
    CLI::App* explaining = app.add_subcommand("explain", "Print in which order modules see stanzas");
    CLI::App* documenting = app.add_subcommand("generate", "Write the generated example and reference (conf/, docs/)");
    documenting->add_option("FOLDER", target, "Top folder of the source tree");
    CLI::App* backing_up = app.add_subcommand("backup", "Write all data into one file, also while the server runs");
    CLI::App* restoring = app.add_subcommand("restore", "Put a backup in the place of the data; the server must not run");
    CLI::App* verifying = app.add_subcommand("verify", "Read a backup from end to end and say what is in it");
    CLI::App* migrating = app.add_subcommand("migrate", "Copy all data to the other engine; the server must not run");
    serving->add_option("--take-over", options.take_over, "The descriptor of a server whose place this one takes (rookery upgrade)");
    for (CLI::App* sub : {backing_up, restoring, verifying}) sub->add_option("FILE", file, "The backup")->required();
    migrating->add_option("--to", engine, "postgresql: from the file in the data folder; sqlite: into it")
        ->required()
        ->check(CLI::IsMember({"postgresql", "sqlite"}));
    for (CLI::App* sub : {serving, checking, explaining, backing_up, restoring, migrating}) {
        sub->add_option("--config", options.config, "Configuration file (none: the defaults)");
        sub->add_option("--data", options.data, "Folder of the server's data")->capture_default_str();
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : exit_usage;
    }
    for (const CLI::App* sub : app.get_subcommands())
        if (const std::optional<std::string> stray = stray_argument(app, *sub)) return refuse_stray(*sub, *stray);
    if (serving->parsed()) return serve(options);
    if (checking->parsed()) return check(options);
    if (backing_up->parsed()) return back_up_data(options, file);
    if (restoring->parsed()) return restore_data(options, file);
    if (verifying->parsed()) return verify_backup(file);
    if (migrating->parsed()) return migrate_data(options, engine);
    if (explaining->parsed()) return explain_hooks(options.config, options.data, std::cout);
    if (documenting->parsed()) return generate_reference(target, table);
    const std::vector<std::string> words = app.remaining();
    if (words.empty()) {
        std::cout << app.help();
        return exit_usage;
    }
    return run_verb(table, options.data, json, live, words);
}

}  // namespace
}  // namespace rookery

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view(argv[1]) == rookery::attend_verb) return rookery::attend();
    return rookery::run(argc, argv);
}
