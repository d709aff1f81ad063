// The control protocol over the control socket: {"verb": ..., "args": {...}} is answered by {"result": ...} or
// {"error": {"code": ..., "message": ...}}. Only the server's own user and root may ask.
#pragma once

#include <memory>
#include <string>

#include "core/command.h"
#include "net/unix_socket.h"

namespace rookery {

// Runs commands that came over the socket on shard 0's loop. The table and what the context names outlive it.
// `inherited`: ControlSocketOptions.
Result<std::unique_ptr<ControlSocket>> serve_control(ShardLoop& loop, std::string path, int inherited,
                                                     const CommandTable& table, CommandContext context);

// The command line's side: asks the server that runs on `path`.
Result<Value> ask_server(const std::string& path, const std::string& verb, Value args);

}  // namespace rookery
