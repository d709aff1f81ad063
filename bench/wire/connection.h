// One non-blocking TCP socket, plain or TLS: one recv per readiness, one send per loop turn, nothing held while idle
// but the object itself (and OpenSSL's SSL).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/wire/loop.h"
#include "bench/wire/tls.h"

namespace rookery::bench {

class Connection final : Loop::Handler, Loop::Flushable {
public:
    // Told what happens; may write to or close the connection from any of these, but not destroy it before the
    // loop's turn is over.
    class Listener {
    public:
        virtual void on_connected() = 0;  // outgoing only: the TCP connection stands
        virtual void on_secured() = 0;    // the TLS handshake is done
        virtual void on_data(std::string_view bytes) = 0;
        virtual void on_closed(const std::string& why) = 0;  // by the other side or by a failure, never by close()

    protected:
        ~Listener() = default;
    };

    // Output that the other side does not take: past this the connection is closed.
    static constexpr std::size_t kOutputLimitBytes = std::size_t{4} << 20;

    Connection(Loop& loop, Listener& listener) : loop_(loop), listener_(listener) {}
    ~Connection() { close(); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // IPv4 addresses in host byte order; source 0: the system chooses. False: no socket (its errno stands).
    bool connect(std::uint32_t address, std::uint16_t port, std::uint32_t source);
    void adopt(int descriptor);  // an accepted socket

    void start_tls_client(TlsContext& context, const std::string& server_name);
    void start_tls_server(TlsContext& context);

    void write(std::string_view bytes);  // sent at the end of the turn
    void close();
    bool is_open() const { return descriptor_ >= 0; }

    std::string tls_description() const;  // "TLSv1.3 TLS_AES_128_GCM_SHA256", or empty without TLS

private:
    void on_event(std::uint32_t events) override;
    void on_flush() override;

    void finish_connect();
    void on_readable();
    void receive_tls(std::string_view bytes);
    void handshake();
    void seal_output();
    void send_tls_output();
    void send_bytes(std::string_view bytes);
    void send_unsent();
    void wait_for_room(bool wanted);
    void fail(const std::string& why);
    void ask_for_flush();

    Loop& loop_;
    Listener& listener_;
    int descriptor_ = -1;
    bool connecting_ = false;
    bool handshaking_ = false;
    bool flush_asked_ = false;
    bool waiting_for_room_ = false;
    TlsContext* tls_ = nullptr;
    SslHandle ssl_;
    std::string output_;  // plain, written in this turn
    std::string unsent_;  // as it goes to the socket; not empty only while the socket is full
};

}  // namespace rookery::bench
