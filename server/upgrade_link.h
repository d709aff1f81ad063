// UpgradeLink: the conversation of two programs, the one that serves and the one that takes over, over a Unix socket.
// Each message is a record with descriptors beside it. Blocks; each step has a time limit. Not for a loop's thread.
//
//   new   ready         its versions
//   old   begin         its versions, control socket, lock           (from here on the old one stands still)
//   old   listeners, sessions, past, marks    any number of each
//   old   end
//   new   taken         all of it is read, storage open, nothing done yet
//   old   go            it serves no more
//   new   failed        at any time: why. So does its end.
// Each message of the old one but `go` is answered by `got`, so that few descriptors are under way at a time.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/record.h"
#include "base/result.h"
#include "server/upgrade_version.h"

namespace rookery {

enum class UpgradeStep : std::uint8_t { ready = 1, begin, listeners, sessions, past, marks, end, taken, go, failed, got };

// The tags of all messages are for ever (base/record.h).
enum UpgradeTag : RecordTag {
    upgrade_step = 1,
    upgrade_version_number = 2,
    upgrade_readable_since = 3,
    upgrade_oldest = 4,
    upgrade_program = 5,    // the release, for people
    upgrade_why = 6,
    upgrade_pid = 7,
    upgrade_installed = 8,  // path of the program that an upgrade without a name takes
    upgrade_has_lock = 9,
    upgrade_listener = 10,  // name; one for each descriptor
    upgrade_session = 11,
    upgrade_body = 12,
    upgrade_attended = 13,
};
enum UpgradeSessionTag : RecordTag { session_record = 1, session_connected = 2, session_news = 3 };

struct UpgradeMessage {
    WipedString bytes;
    std::vector<int> descriptors;  // the receiver's to close
    RecordReader reader() const { return RecordReader(bytes); }  // of the bytes: they must stay
};

class UpgradeLink {
public:
    // Takes the descriptor.
    explicit UpgradeLink(int descriptor);
    ~UpgradeLink();
    UpgradeLink(const UpgradeLink&) = delete;
    UpgradeLink& operator=(const UpgradeLink&) = delete;

    void set_time_limit(Seconds limit);
    // Any thread: whatever blocks in here ends with an error, now and later.
    void interrupt();

    Result<void> send(UpgradeStep step, RecordWriter message = {}, std::span<const int> descriptors = {});
    // An error of the other side is this one's, too.
    Result<UpgradeMessage> receive();
    Result<UpgradeMessage> expect(UpgradeStep step);
    // Sends, and waits until it has arrived.
    Result<void> deliver(UpgradeStep step, RecordWriter message, std::span<const int> descriptors = {});

    static constexpr std::size_t max_descriptors = 200;            // of a message; the kernel's limit is 253
    static constexpr std::size_t max_message_bytes = 1u << 30;

private:
    Result<void> send_all(std::string_view bytes, std::span<const int> descriptors);
    Result<void> receive_all(char* into, std::size_t size, std::vector<int>& descriptors);

    int descriptor_;
};

void write_version(RecordWriter& message, const UpgradeVersion& version);
UpgradeVersion read_version(RecordReader& message);

}  // namespace rookery
