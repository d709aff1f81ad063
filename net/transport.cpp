#include "net/transport.h"

#include "net/shard_loop.h"

namespace rookery {
namespace {

constexpr Milliseconds dead_peer_after{60'000};  // T7: unacknowledged output for so long means it is gone

class SocketTransport final : public Transport {
public:
    SocketTransport(ShardLoop& loop, Parked parked, ChannelHandler& handler, Seconds send_timeout)
        : channel_(loop, std::move(parked), handler) {
        channel_.set_user_timeout(dead_peer_after);
        channel_.set_send_timeout(send_timeout);
    }

    void write(std::string_view bytes) override { channel_.write(bytes); }
    std::size_t output_bytes() const override { return channel_.output_bytes(); }
    std::size_t untaken_bytes() const override { return channel_.untaken_bytes(); }
    void pause_reading() override { channel_.pause_reading(); }
    void resume_reading() override { channel_.resume_reading(); }
    void set_rank(Rank rank) override { channel_.set_rank(rank); }
    void start_tls(std::shared_ptr<const TlsContexts> contexts) override { channel_.start_tls(std::move(contexts)); }
    void close_after_flush() override { channel_.close_after_flush(); }
    void abort() override { channel_.abort(); }
    const Endpoint& peer() const override { return channel_.peer(); }
    TransportMemory memory() const override { return {sizeof *this, channel_.tls_bytes(), channel_.output_bytes()}; }
    std::optional<int> save(RecordWriter& record) const override {
        return channel_.save(record) ? std::optional(channel_.descriptor()) : std::nullopt;
    }
    void leave_with(std::string_view last_words) override { channel_.leave_with(last_words); }
    std::unique_ptr<ParkedTransport> release() override {
        Parked parked = channel_.release();
        return parked ? socket_transport(std::move(parked), channel_.send_timeout()) : nullptr;
    }

private:
    Channel channel_;
};

class ParkedSocket final : public ParkedTransport {
public:
    ParkedSocket(Parked parked, Seconds send_timeout) : parked_(std::move(parked)), send_timeout_(send_timeout) {}

    std::unique_ptr<Transport> adopt(Loop& loop, ChannelHandler& handler) override {
        return std::make_unique<SocketTransport>(static_cast<ShardLoop&>(loop), std::move(parked_), handler, send_timeout_);
    }

private:
    Parked parked_;
    const Seconds send_timeout_;
};

}  // namespace

std::unique_ptr<ParkedTransport> socket_transport(Parked parked, Seconds send_timeout) {
    return std::make_unique<ParkedSocket>(std::move(parked), send_timeout);
}

}  // namespace rookery
