#include "server/data_tools.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <stdexcept>

#include "server/storage_choice.h"
#include "storage/backup.h"
#include "xmpp/payload/date_time.h"

namespace rookery {
namespace {

constexpr int exit_failed = 1;

// A line that is written over and over, for whoever sits in front of it.
void show_progress(std::string_view table, std::uint64_t rows) {
    static const bool terminal = ::isatty(STDERR_FILENO) == 1;
    if (terminal) std::cerr << "\r\x1b[K" << table << ": " << rows << " rows" << std::flush;
}

void end_progress() {
    if (::isatty(STDERR_FILENO) == 1) std::cerr << "\r\x1b[K";
}

void show(const TableSums& tables) {
    for (const TableSum& table : tables) std::cout << "  " << table.table << ": " << table.rows << " rows\n";
}

// "20261122T094207Z": for the name of a file.
std::string stamp() {
    std::string text = format_date_time(SystemClock().wall_now());
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text;
}

int report(const StorageOptions& place, const std::function<void()>& work) {
    try {
        work();
        return 0;
    } catch (const std::exception& error) {
        end_progress();
        std::cerr << "rookery: " << with_cure(place, error.what()) << "\n";
        return exit_failed;
    }
}

int with_config(const ServerOptions& options, const std::function<void(const Config&)>& work) {
    const Result<Config> config = read_config(options.config);
    if (config.ok()) return report(storage_options(*config, options.data), [&] { work(*config); });
    std::cerr << config.error().message << "\n";
    return exit_failed;
}

}  // namespace

int back_up_data(const ServerOptions& options, const std::string& file) {
    return with_config(options, [&](const Config& config) {
        const StorageOptions from = storage_options(config, options.data);
        const TableSums tables = back_up(from, file, show_progress);
        end_progress();
        std::cout << "Written to " << file << " from " << describe(from) << ":\n";
        show(tables);
    });
}

int restore_data(const ServerOptions& options, const std::string& file) {
    return with_config(options, [&](const Config& config) {
        const StorageOptions to = storage_options(config, options.data);
        const std::string keep = options.data + "/replaced-" + stamp() + ".db";
        const TableSums tables = restore(file, to, keep, show_progress);
        end_progress();
        std::cout << "Restored to " << describe(to) << ":\n";
        show(tables);
        if (::access(keep.c_str(), F_OK) == 0) std::cout << "What was there is kept in " << keep << "\n";
    });
}

int verify_backup(const std::string& file) {
    return report(SqliteOptions(file), [&] {
        const VerifiedFile found = verify(file, show_progress);
        end_progress();
        std::cout << file << " is sound; schema " << found.schema << ":\n";
        show(found.tables);
    });
}

int migrate_data(const ServerOptions& options, const std::string& engine) {
    return with_config(options, [&](const Config& config) {
        if (config.global.sql_type != SqlType::pgsql)
            throw std::runtime_error(
                "the configuration names no PostgreSQL; write 'default_db: sql', 'sql_type: pgsql' and 'sql_server'");
        const SqliteOptions file = sqlite_options(config, options.data);
        const PostgresOptions server = postgres_options(config.global);
        const bool to_postgres = engine == "postgresql";
        const TableSums tables =
            to_postgres ? move_to_postgres(file, server, show_progress) : move_to_sqlite(server, file, show_progress);
        end_progress();
        const std::string names[] = {describe(StorageOptions(file)), describe(StorageOptions(server))};
        std::cout << "Copied from " << names[to_postgres ? 0 : 1] << " to " << names[to_postgres ? 1 : 0]
                  << ", and compared:\n";
        show(tables);
        std::cout << (to_postgres ? "Start the server with 'default_db: sql'.\n"
                                  : "Start the server with 'default_db: internal'.\n");
    });
}

}  // namespace rookery
