// Plays against any running server: blocking sockets with poll, OpenSSL as the client of TLS, a command line for
// making accounts and another for admin commands.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/play_driver.h"

struct ssl_ctx_st;

namespace rookery::test {

// A server as one sees it from outside.
struct TcpServer {
    std::string host = "127.0.0.1";
    std::string port = "5222";
    std::string direct_tls_port;  // empty: it has none
    std::string domain = "localhost";
    std::string second_domain;       // empty: it has none
    std::string ca_file;             // empty: certificates are not verified
    std::string register_command;    // with {user} {domain} {password}, each replaced by a quoted word
    std::string admin_command;       // with {command}; empty: plays with `server ...` are skipped
    std::vector<std::string> lacks;  // features plays may require, but not of this server
};

class TcpDriver final : public Driver {
public:
    // `server` outlives the driver. `account_suffix`: unique to this run of this play.
    TcpDriver(const TcpServer& server, std::string account_suffix);
    ~TcpDriver() override;

    std::unique_ptr<Wire> connect(const WireOptions& options) override;
    Result<void> make_account(std::string_view user, std::string_view domain, std::string_view password) override;
    Result<std::string> command(std::string_view verb, const std::vector<std::string>& arguments) override;
    Result<void> advance(Duration time) override;
    bool has(std::string_view feature) const override;
    bool knows_idle() const override { return false; }
    std::string domain() const override { return server_.domain; }
    std::string second_domain() const override { return server_.second_domain; }
    std::string account_suffix() const override { return suffix_; }

private:
    struct FreeContext {
        void operator()(ssl_ctx_st* context) const;
    };

    const TcpServer& server_;
    std::string suffix_;
    std::unique_ptr<ssl_ctx_st, FreeContext> tls_;
};

// Runs a shell command; its standard output. An error when it cannot be run or its exit status is not 0.
Result<std::string> run_shell(const std::string& command);

}  // namespace rookery::test
