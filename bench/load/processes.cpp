#include "bench/load/processes.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <system_error>

#include "bench/load/gauges.h"

namespace rookery::bench {

namespace {

Options share_without_numbers(const Options& options, const Scenario& scenario, std::uint32_t index) {
    const std::uint32_t group = scenario.together(options);
    const std::uint32_t count = options.processes;
    Options share = options;
    share.users = part_of(options.users, group, count, index);
    share.warm_up_users = part_of(options.warm_up_users, group, count, index);
    share.pairs = part_of(options.pairs, 1, count, index);
    share.logins_in_flight = std::max(1U, part_of(options.logins_in_flight, 1, count, index));
    if (options.rate > 0) share.rate = std::max(1U, part_of(options.rate, 1, count, index));
    if (scenario.cast != nullptr) scenario.cast(options, share, index);
    return share;
}

UserNumber most_at_once(const Options& options, const Scenario& scenario) {
    UserNumber most = 0;
    for (std::uint32_t i = 0; i < options.processes; ++i) {
        most = std::max(most, scenario.at_once(share_without_numbers(options, scenario, i)));
    }
    return most;
}

std::uint32_t processes_needed(Options options, const Scenario& scenario) {
    while (options.processes < kMaxProcesses && most_at_once(options, scenario) > kMaxConnections) ++options.processes;
    return options.processes;
}

Figures run_here(const Options& options, const Scenario& scenario, Team& team) {
    Figures figures;
    try {
        const auto done = scenario.run(options, team, figures);
        if (!done) team.fail();
        if (!done && done.error().message != kOthersFailed) figures.fail(done.error().message);
        figures.count("own_bytes", static_cast<std::uint64_t>(Gauges(options).own_memory().anonymous_bytes));
    } catch (const std::exception& failure) {
        figures.fail(failure.what());
    }
    if (!figures.text("error").empty()) team.fail();
    return figures;
}

void write_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = write(descriptor, bytes.data(), bytes.size());
        if (count <= 0) return;  // the parent is gone
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

struct Child {
    pid_t pid = -1;
    int pipe = -1;  // -1: has told all
    std::string told;
};

[[noreturn]] void be_child(const Options& share, const Scenario& scenario, Team& team, int pipe) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    write_all(pipe, run_here(share, scenario, team).lines());
    _exit(0);
}

Child start_child(const Options& options, const Scenario& scenario, Team& team, std::uint32_t index) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    Child child;
    child.pid = fork();
    if (child.pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child.pid == 0) {
        close(ends[0]);
        team.be(index);
        be_child(share_of(options, scenario, index), scenario, team, ends[1]);
    }
    close(ends[1]);
    child.pipe = ends[0];
    return child;
}

void read_some(Child& child, Team& team) {
    std::array<char, 65536> bytes;
    const ssize_t count = read(child.pipe, bytes.data(), bytes.size());
    if (count > 0) return void(child.told.append(bytes.data(), static_cast<std::size_t>(count)));
    close(child.pipe);
    child.pipe = -1;
    if (child.told.empty()) team.fail();  // it died: the others shall not wait
}

void listen_to(std::vector<Child>& children, Team& team) {
    for (;;) {
        std::vector<pollfd> polled;
        for (const Child& child : children) polled.push_back({child.pipe, POLLIN, 0});
        if (std::all_of(children.begin(), children.end(), [](const Child& child) { return child.pipe < 0; })) return;
        poll(polled.data(), polled.size(), -1);
        for (std::size_t i = 0; i < children.size(); ++i) {
            if (children[i].pipe >= 0 && polled[i].revents != 0) read_some(children[i], team);
        }
    }
}

Figures run_in_children(const Options& options, const Scenario& scenario, Team& team) {
    std::vector<Child> children;
    for (std::uint32_t i = 0; i < options.processes; ++i) {
        children.push_back(start_child(options, scenario, team, i));
    }
    listen_to(children, team);
    Figures figures;
    for (Child& child : children) {
        if (!figures.merge(child.told)) figures.fail("a process of the generator died");
        waitpid(child.pid, nullptr, 0);
    }
    return figures;
}

}  // namespace

std::uint32_t part_of(std::uint32_t total, std::uint32_t group, std::uint32_t count, std::uint32_t index) {
    const std::uint32_t groups = total / group;
    const std::uint32_t mine = groups / count + (index < groups % count ? 1 : 0);
    return mine * group + (index + 1 == count ? total % group : 0);
}

Options share_of(const Options& options, const Scenario& scenario, std::uint32_t index) {
    Options share = share_without_numbers(options, scenario, index);
    for (std::uint32_t i = 0; i < index; ++i) {
        share.first_user += scenario.users(share_without_numbers(options, scenario, i));
    }
    return share;
}

Result<void> check_shares(const Options& options, const Scenario& scenario) {
    if (most_at_once(options, scenario) > kMaxConnections) {
        return Error(ErrorCode::limit, "one process holds at most " + std::to_string(kMaxConnections) +
                                           " connections: give --processes " +
                                           std::to_string(processes_needed(options, scenario)));
    }
    for (std::uint32_t i = 0; i < options.processes; ++i) {
        if (scenario.users(share_without_numbers(options, scenario, i)) == 0) {
            return Error(ErrorCode::invalid, "fewer users than --processes can share");
        }
    }
    return {};
}

Figures perform(const Options& options, const Scenario& scenario) {
    Team team(options.processes);
    return options.processes == 1 ? run_here(options, scenario, team) : run_in_children(options, scenario, team);
}

}  // namespace rookery::bench
