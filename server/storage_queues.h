// The database's queues on a board of a shard (base/queue_board.h).
#pragma once

#include "base/queue_board.h"

namespace rookery {

class Database;

// The database outlives the board's last sample.
void declare_storage_queues(QueueBoard& board, const Database& database);

}  // namespace rookery
