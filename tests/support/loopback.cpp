#include "tests/support/loopback.h"

namespace rookery::test {
namespace {

void schedule_read(const std::shared_ptr<LoopbackPipe>& pipe);

void end_server_side(const std::shared_ptr<LoopbackPipe>& pipe, CloseReason reason) {
    pipe->server_closed = true;
    if (ChannelHandler* handler = std::exchange(pipe->handler, nullptr)) handler->on_closed(reason);
}

void read_once(const std::shared_ptr<LoopbackPipe>& pipe) {
    pipe->read_posted = false;
    if (!pipe->handler || pipe->server_closed) return;
    if (pipe->client_dropped) return end_server_side(pipe, CloseReason::reset);
    if (pipe->paused) return;
    if (pipe->to_server.empty()) {
        if (pipe->client_closed) end_server_side(pipe, CloseReason::peer_closed);
        return;
    }
    const std::string bytes = std::move(pipe->to_server.front());
    pipe->to_server.pop_front();
    pipe->handler->on_data(bytes);
    schedule_read(pipe);
}

void schedule_read(const std::shared_ptr<LoopbackPipe>& pipe) {
    if (!pipe->handler || pipe->read_posted) return;
    const bool something = !pipe->to_server.empty() || pipe->client_closed || pipe->client_dropped;
    if (!something || (pipe->paused && !pipe->client_dropped)) return;
    pipe->read_posted = true;
    pipe->loop->post_as(pipe->rank, [pipe, loop = pipe->loop] {
        if (pipe->loop == loop) read_once(pipe);  // else it has moved to another shard since
    });
}

void tell_drained(const std::shared_ptr<LoopbackPipe>& pipe) {
    if (!pipe->handler) return;
    pipe->loop->post([pipe] {
        if (pipe->handler) pipe->handler->on_drained();
    });
}

class LoopbackTransport final : public Transport {
public:
    explicit LoopbackTransport(std::shared_ptr<LoopbackPipe> pipe) : pipe_(std::move(pipe)), peer_(pipe_->client) {}
    ~LoopbackTransport() override { abort(); }

    void write(std::string_view bytes) override {
        if (pipe_ && !pipe_->server_closed) pipe_->to_client += bytes;
    }
    std::size_t output_bytes() const override { return pipe_ && takes_nothing() ? pipe_->to_client.size() : 0; }
    std::size_t untaken_bytes() const override { return pipe_ ? pipe_->to_client.size() : 0; }
    void pause_reading() override { pipe_->paused = true; }
    void resume_reading() override {
        pipe_->paused = false;
        schedule_read(pipe_);
    }
    void set_rank(Rank rank) override { pipe_->rank = rank; }
    void start_tls(std::shared_ptr<const TlsContexts>) override { std::abort(); }  // never offered in process
    void close_after_flush() override {
        if (!pipe_ || pipe_->server_closed) return;
        pipe_->server_closed = true;
        pipe_->loop->post([pipe = pipe_] {
            if (ChannelHandler* handler = std::exchange(pipe->handler, nullptr)) handler->on_closed(CloseReason::closed);
        });
    }
    void abort() override {
        if (!pipe_) return;
        pipe_->handler = nullptr;
        pipe_->server_closed = true;
    }
    std::unique_ptr<ParkedTransport> release() override {
        if (pipe_->server_closed) return nullptr;
        pipe_->handler = nullptr;
        pipe_->loop = nullptr;
        return loopback_transport(std::exchange(pipe_, nullptr));
    }
    const Endpoint& peer() const override { return peer_; }
    std::optional<int> save(RecordWriter&) const override {
        return pipe_ && !pipe_->server_closed && pipe_->number >= 0 ? std::optional(pipe_->number) : std::nullopt;
    }
    void leave_with(std::string_view last_words) override {
        write(last_words);
        pipe_->server_closed = true;
    }

private:
    bool takes_nothing() const { return pipe_->client_dropped || pipe_->client_stalled; }

    std::shared_ptr<LoopbackPipe> pipe_;
    Endpoint peer_;
};

class ParkedLoopback final : public ParkedTransport {
public:
    explicit ParkedLoopback(std::shared_ptr<LoopbackPipe> pipe) : pipe_(std::move(pipe)) {}

    std::unique_ptr<Transport> adopt(Loop& loop, ChannelHandler& handler) override {
        pipe_->loop = &loop;
        pipe_->handler = &handler;
        pipe_->paused = false;
        pipe_->read_posted = false;
        schedule_read(pipe_);
        return std::make_unique<LoopbackTransport>(std::move(pipe_));
    }

private:
    std::shared_ptr<LoopbackPipe> pipe_;
};

}  // namespace

std::unique_ptr<ParkedTransport> loopback_transport(std::shared_ptr<LoopbackPipe> pipe) {
    return std::make_unique<ParkedLoopback>(std::move(pipe));
}

void put(const std::shared_ptr<LoopbackPipe>& pipe, std::string_view bytes) {
    if (pipe->dribble)
        for (char byte : bytes) pipe->to_server.emplace_back(1, byte);
    else
        pipe->to_server.emplace_back(bytes);
    schedule_read(pipe);
}

std::string take(const std::shared_ptr<LoopbackPipe>& pipe, std::size_t most) {
    std::string taken = pipe->to_client.substr(0, most);
    pipe->to_client.erase(0, taken.size());
    if (!taken.empty() && pipe->client_stalled) tell_drained(pipe);
    return taken;
}

void cut(const std::shared_ptr<LoopbackPipe>& pipe) {
    pipe->client_dropped = true;
    schedule_read(pipe);
}

void LoopbackWire::send(std::string_view bytes) {
    if (pipe_->before_send) pipe_->before_send();
    put(pipe_, bytes);
    loops_.run_until_idle();
}

Wire::Got LoopbackWire::receive(std::string& into, Milliseconds) {
    loops_.run_until_idle();
    const std::string bytes = take(pipe_, std::string::npos);
    into += bytes;
    if (!bytes.empty()) return Got::bytes;
    return pipe_->server_closed ? Got::closed : Got::quiet;
}

void LoopbackWire::close() {
    pipe_->client_closed = true;
    schedule_read(pipe_);
    loops_.run_until_idle();
}

void LoopbackWire::drop() {
    cut(pipe_);
    loops_.run_until_idle();
}

}  // namespace rookery::test
