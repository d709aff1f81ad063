#include "bench/load/relay_peer.h"

#include <cerrno>
#include <cstring>

namespace rookery::bench {

void RelayPeer::log_in() {
    ready_ = false;
    partial_ = {};
    if (!connection_.connect(shared_.options.address, shared_.options.port, shared_.options.source_address)) {
        observer().on_down(*this, std::strerror(errno));
    }
}

// The relay knows no logout: the connection closes, and the partner's with it.
void RelayPeer::log_out() {
    if (!connection_.is_open()) return;  // the partner's logout took it along
    drop();
    observer().on_logged_out(*this);
}

void RelayPeer::drop() { connection_.close(); }

void RelayPeer::send(UserNumber, std::string_view, std::string_view text) {
    std::string line(text);
    line += '\n';
    connection_.write(line);
}

std::size_t RelayPeer::overhead_bytes(UserNumber, std::string_view) const { return 1; }

void RelayPeer::on_connected() {
    if (shared_.tls == nullptr) return say_hello();
    connection_.start_tls_client(*shared_.tls, "localhost");
}

void RelayPeer::on_secured() { say_hello(); }

void RelayPeer::say_hello() {
    const std::string& prefix = shared_.options.user_prefix;
    connection_.write("hello " + prefix + std::to_string(number()) + ' ' + prefix + std::to_string(partner()) + '\n');
}

void RelayPeer::on_closed(const std::string& why) { observer().on_down(*this, why); }

void RelayPeer::on_data(std::string_view bytes) {
    for (std::size_t end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
        if (partial_.empty()) {
            on_line(bytes.substr(0, end));
        } else {
            const std::string line = std::move(partial_) + std::string(bytes.substr(0, end));
            partial_ = {};
            on_line(line);
        }
        bytes.remove_prefix(end + 1);
    }
    if (!bytes.empty()) partial_.append(bytes);
}

void RelayPeer::on_line(std::string_view line) {
    if (ready_) return observer().on_message(*this, partner(), line);
    if (line != "paired") return observer().on_stray(*this, line);
    ready_ = true;
    observer().on_ready(*this);
}

}  // namespace rookery::bench
