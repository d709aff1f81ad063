// A wire in memory: the client's end is a play's Wire, the server's end a c2s Transport.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "net/transport.h"
#include "tests/support/fake_loop.h"
#include "tests/support/play_driver.h"

namespace rookery::test {

// What both ends share. The server's side reads on the loop that has adopted it.
struct LoopbackPipe {
    std::deque<std::string> to_server;  // reads to come
    std::string to_client;
    std::string unsent;                 // written by the server in this turn
    ChannelHandler* handler = nullptr;
    Loop* loop = nullptr;
    bool dribble = false;
    bool paused = false;
    bool read_posted = false;
    bool client_closed = false;   // FIN: after what is in to_server
    bool client_dropped = false;  // reset: at once
    bool client_stalled = false;  // takes nothing: what is written stays with the server
    bool server_closed = false;
    Rank rank = Rank::in;
    int number = -1;              // by which a live upgrade hands it over
    std::function<void()> before_send;
    Endpoint client{*IpAddress::parse("192.0.2.1"), 40'000};
};

// The client's end, without letting the server work.
void put(const std::shared_ptr<LoopbackPipe>& pipe, std::string_view bytes);
std::string take(const std::shared_ptr<LoopbackPipe>& pipe, std::size_t most);
void cut(const std::shared_ptr<LoopbackPipe>& pipe);  // what the server has not read is lost

class LoopbackWire final : public Wire {
public:
    LoopbackWire(FakeLoops& loops, std::shared_ptr<LoopbackPipe> pipe) : loops_(loops), pipe_(std::move(pipe)) {}
    ~LoopbackWire() override { drop(); }

    void send(std::string_view bytes) override;
    Got receive(std::string& into, Milliseconds patience) override;
    Result<void> start_tls() override { return Error(ErrorCode::unavailable, "no TLS in process"); }
    void close() override;
    void drop() override;
    // From now on the client takes nothing but what receive() is called for.
    void stall() { pipe_->client_stalled = true; }

private:
    FakeLoops& loops_;
    std::shared_ptr<LoopbackPipe> pipe_;
};

std::unique_ptr<ParkedTransport> loopback_transport(std::shared_ptr<LoopbackPipe> pipe);

}  // namespace rookery::test
