// What a connection costs net/: user memory while idle, CPU per echoed message.
//   bench_net_idle plain|tls12|tls13 [connections=5000] [parallel handshakes=16] [echoes=100000] [in flight=32]
// The server is this process with one loop on its main thread; the clients are a forked child. For system calls:
//   strace -c bench_net_idle ...   (counts the server alone)
#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "net/channel.h"
#include "net/listener.h"
#include "net/shard_loop.h"
#include "net/tls_contexts.h"

namespace {

using namespace rookery;

struct Settings {
    std::string mode;
    int connections = 5000;
    int parallel = 16;
    int echoes = 100'000;
    int in_flight = 32;
    bool tls() const { return mode != "plain"; }
};

constexpr std::size_t message_bytes = 300;

void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

// --- the clients

class Client {
public:
    Client(std::uint16_t port, SSL_CTX* context) : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) die("connect");
        const int on = 1;
        ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (!context) return;
        ssl_ = SSL_new(context);
        SSL_set_fd(ssl_, descriptor_);
        if (SSL_connect(ssl_) != 1) die("handshake");
    }

    void send(const std::string& bytes) {
        const int count = static_cast<int>(bytes.size());
        if ((ssl_ ? SSL_write(ssl_, bytes.data(), count) : ::send(descriptor_, bytes.data(), bytes.size(), 0)) != count)
            die("send");
    }
    void receive(std::size_t count) {
        char buffer[4096];
        while (count > 0) {
            const auto got =
                ssl_ ? SSL_read(ssl_, buffer, static_cast<int>(count)) : ::recv(descriptor_, buffer, count, 0);
            if (got <= 0) die("receive");
            count -= static_cast<std::size_t>(got);
        }
    }

private:
    int descriptor_;
    SSL* ssl_ = nullptr;
};

void read_byte(int descriptor) {
    char byte = 0;
    if (::read(descriptor, &byte, 1) != 1) std::exit(0);
}

void write_byte(int descriptor) {
    if (::write(descriptor, "x", 1) != 1) die("write");
}

// Waits for a byte before each phase and answers with one after it.
void run_clients(const Settings& settings, std::uint16_t port, int from_parent, int to_parent) {
    SSL_CTX* context = nullptr;
    if (settings.tls()) {
        context = SSL_CTX_new(TLS_client_method());
        const int version = settings.mode == "tls12" ? TLS1_2_VERSION : TLS1_3_VERSION;
        SSL_CTX_set_min_proto_version(context, version);
        SSL_CTX_set_max_proto_version(context, version);
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    }
    std::vector<std::unique_ptr<Client>> clients(static_cast<std::size_t>(settings.connections));
    const std::string message(message_bytes, 'm');

    read_byte(from_parent);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < static_cast<std::size_t>(settings.parallel); ++t) {
        threads.emplace_back([&, t] {
            for (std::size_t i = t; i < clients.size(); i += static_cast<std::size_t>(settings.parallel)) {
                clients[i] = std::make_unique<Client>(port, context);
                for (int round = 0; round < 3; ++round) clients[i]->send(message), clients[i]->receive(message_bytes);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    write_byte(to_parent);

    read_byte(from_parent);
    std::size_t next = 0;
    for (int done = 0; done < settings.echoes; done += settings.in_flight) {
        const std::size_t first = next;
        for (int i = 0; i < settings.in_flight; ++i)
            clients[(first + static_cast<std::size_t>(i)) % clients.size()]->send(message);
        for (int i = 0; i < settings.in_flight; ++i)
            clients[(first + static_cast<std::size_t>(i)) % clients.size()]->receive(message_bytes);
        next = (first + static_cast<std::size_t>(settings.in_flight)) % clients.size();
    }
    write_byte(to_parent);
    read_byte(from_parent);
    std::_Exit(0);
}

// --- the server

struct Echo final : ChannelHandler {
    void on_data(std::string_view bytes) override { channel->write(bytes); }
    void on_closed(CloseReason) override { channel.reset(); }
    std::unique_ptr<Channel> channel;
};

std::size_t resident_bytes() {
    std::size_t total = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

double cpu_microseconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto us = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
    };
    return us(usage.ru_utime) + us(usage.ru_stime);
}

std::shared_ptr<const TlsContexts> make_contexts() {
    std::string pattern = "/tmp/rookery-bench-XXXXXX";
    const std::string directory = ::mkdtemp(pattern.data());
    const std::string chain = directory + "/chain.pem", key = directory + "/key.pem";
    if (!make_self_signed(chain, key, {"localhost"})) die("certificate");
    auto contexts = TlsContexts::load({{.chain = chain, .key = key, .hosts = {}}});
    std::filesystem::remove_all(directory);
    return std::move(contexts).value();
}

// Runs the loop while the clients do one phase.
void run_phase(ShardLoop& loop, int to_child, int from_child) {
    write_byte(to_child);
    std::thread waiter([&] {
        read_byte(from_child);
        loop.stop();
    });
    loop.run();
    waiter.join();
}

void print_gauges(const char* phase, const ShardLoop::Gauges& before, const ShardLoop::Gauges& after, int messages) {
    std::printf("%-26s %.2f turns, %.2f socket events a message\n", phase,
                static_cast<double>(after.turns - before.turns) / messages,
                static_cast<double>(after.events - before.events) / messages);
}

int run(const Settings& settings) {
    const auto contexts = settings.tls() ? make_contexts() : nullptr;
    int to_child[2], from_child[2];
    if (::pipe(to_child) != 0 || ::pipe(from_child) != 0) die("pipe");
    ShardLoop loop;
    std::list<Echo> handlers;
    ListenerOptions options;
    options.address = "127.0.0.1";
    options.direct_tls = settings.tls();
    auto listener = Listener::open(loop, options, contexts, nullptr, [&](Parked parked) {
        handlers.emplace_back();
        handlers.back().channel = std::make_unique<Channel>(loop, std::move(parked), handlers.back());
    });
    if (!listener) die(listener.error().message.c_str());
    const std::uint16_t port = (*listener)->port();
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(to_child[1]);
        run_clients(settings, port, to_child[0], from_child[1]);
    }
    ::close(to_child[0]);
    loop.after(Milliseconds(1), [&] { loop.stop(); });
    loop.run();

    const std::size_t resident_before = resident_bytes();
    double cpu = cpu_microseconds();
    run_phase(loop, to_child[1], from_child[0]);
    const double connect_cpu = (cpu_microseconds() - cpu) / settings.connections;
    const std::size_t grown = resident_bytes() - resident_before;
    ::malloc_trim(0);
    const std::size_t trimmed = resident_bytes() - resident_before;
    const auto n = static_cast<std::size_t>(settings.connections);
    std::printf("%s, %d connections, %d handshakes at a time\n", settings.mode.c_str(), settings.connections,
                settings.parallel);
    std::printf("%-26s %zu B, after malloc_trim %zu B (Channel %zu + handler and list node %zu)\n", "idle connection",
                grown / n, trimmed / n, sizeof(Channel), sizeof(Echo) + 16);
    std::printf("%-26s %.0f us CPU with 3 echoes\n", "accept and handshake", connect_cpu);

    const ShardLoop::Gauges before = loop.gauges();
    cpu = cpu_microseconds();
    run_phase(loop, to_child[1], from_child[0]);
    std::printf("%-26s %.2f us CPU (%d in flight, %zu B)\n", "echo", (cpu_microseconds() - cpu) / settings.echoes,
                settings.in_flight, message_bytes);
    print_gauges("", before, loop.gauges(), settings.echoes);
    ::close(to_child[1]);
    ::waitpid(child, nullptr, 0);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Settings settings;
    if (argc < 2) {
        std::fprintf(stderr, "usage: bench_net_idle plain|tls12|tls13 [connections] [parallel] [echoes] [in flight]\n");
        return 2;
    }
    settings.mode = argv[1];
    if (argc > 2) settings.connections = std::atoi(argv[2]);
    if (argc > 3) settings.parallel = std::atoi(argv[3]);
    if (argc > 4) settings.echoes = std::atoi(argv[4]);
    if (argc > 5) settings.in_flight = std::atoi(argv[5]);
    return run(settings);
}
