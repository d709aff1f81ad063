#include "server/upgrade_link.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/version.h"

namespace rookery {
namespace {

constexpr std::size_t header_bytes = 4;

Error fault(const char* what) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Error(ErrorCode::unavailable, "no answer in time");
    return Error(ErrorCode::unavailable, std::string(what) + ": " + std::strerror(errno));
}

struct DescriptorRoom {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * UpgradeLink::max_descriptors)> bytes{};
};

void attach(msghdr& message, DescriptorRoom& room, std::span<const int> descriptors) {
    if (descriptors.empty()) return;
    message.msg_control = room.bytes.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
}

void collect(msghdr& message, std::vector<int>& descriptors) {
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        const std::size_t before = descriptors.size();
        descriptors.resize(before + count);
        std::memcpy(descriptors.data() + before, CMSG_DATA(header), count * sizeof(int));
    }
}

}  // namespace

UpgradeLink::UpgradeLink(int descriptor) : descriptor_(descriptor) {}
UpgradeLink::~UpgradeLink() { ::close(descriptor_); }

void UpgradeLink::set_time_limit(Seconds limit) {
    const timeval time{.tv_sec = limit.count(), .tv_usec = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

void UpgradeLink::interrupt() { ::shutdown(descriptor_, SHUT_RDWR); }

Result<void> UpgradeLink::send(UpgradeStep step, RecordWriter message, std::span<const int> descriptors) {
    message.number(upgrade_step, static_cast<std::uint64_t>(step));
    const std::string_view body = message.bytes();
    if (body.size() > max_message_bytes || descriptors.size() > max_descriptors)
        return Error(ErrorCode::limit, "a message too large");
    std::array<char, header_bytes> header;
    for (std::size_t i = 0; i < header.size(); ++i) header[i] = static_cast<char>(body.size() >> (8 * i));
    if (Result<void> sent = send_all({header.data(), header.size()}, descriptors); !sent) return sent;
    return send_all(body, {});
}

// The descriptors go with the first byte.
Result<void> UpgradeLink::send_all(std::string_view bytes, std::span<const int> descriptors) {
    while (!bytes.empty()) {
        iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        DescriptorRoom room;
        attach(message, room, descriptors);
        const ssize_t count = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fault("sending");
        bytes.remove_prefix(static_cast<std::size_t>(count));
        descriptors = {};
    }
    return {};
}

Result<void> UpgradeLink::receive_all(char* into, std::size_t size, std::vector<int>& descriptors) {
    while (size > 0) {
        iovec part{.iov_base = into, .iov_len = size};
        DescriptorRoom room;
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = room.bytes.data();
        message.msg_controllen = room.bytes.size();
        const ssize_t count = ::recvmsg(descriptor_, &message, MSG_CMSG_CLOEXEC);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fault("receiving");
        collect(message, descriptors);
        if (message.msg_flags & MSG_CTRUNC) return Error(ErrorCode::limit, "too few descriptors are allowed (ulimit -n)");
        if (count == 0) return Error(ErrorCode::unavailable, "the other program has ended");
        into += count;
        size -= static_cast<std::size_t>(count);
    }
    return {};
}

Result<UpgradeMessage> UpgradeLink::receive() {
    UpgradeMessage message;
    std::array<char, header_bytes> header;
    if (Result<void> got = receive_all(header.data(), header.size(), message.descriptors); !got) return std::move(got).error();
    std::size_t size = 0;
    for (std::size_t i = header.size(); i-- > 0;) size = size << 8 | static_cast<unsigned char>(header[i]);
    if (size > max_message_bytes) return Error(ErrorCode::invalid, "that is no message");
    message.bytes.resize(size);
    if (Result<void> got = receive_all(message.bytes.data(), size, message.descriptors); !got) return std::move(got).error();
    RecordReader reader = message.reader();
    const auto step = static_cast<UpgradeStep>(reader.number(upgrade_step));
    if (!reader.ok()) return Error(ErrorCode::invalid, "that is no message");
    if (step == UpgradeStep::failed) return Error(ErrorCode::unavailable, std::string(reader.text(upgrade_why)));
    return message;
}

Result<UpgradeMessage> UpgradeLink::expect(UpgradeStep step) {
    Result<UpgradeMessage> message = receive();
    if (!message.ok()) return message;
    if (message->reader().number(upgrade_step) != static_cast<std::uint64_t>(step))
        return Error(ErrorCode::invalid, "another message than was to come");
    return message;
}

Result<void> UpgradeLink::deliver(UpgradeStep step, RecordWriter message, std::span<const int> descriptors) {
    if (Result<void> sent = send(step, std::move(message), descriptors); !sent) {
        Result<UpgradeMessage> why = receive();  // who fails says so before he ends
        return why.ok() ? std::move(sent) : Result<void>(std::move(why).error());
    }
    Result<UpgradeMessage> answer = expect(UpgradeStep::got);
    return answer.ok() ? Result<void>() : Result<void>(std::move(answer).error());
}

void write_version(RecordWriter& message, const UpgradeVersion& version) {
    message.number(upgrade_version_number, version.version);
    message.number(upgrade_readable_since, version.readable_since);
    message.number(upgrade_oldest, version.oldest);
    message.text(upgrade_program, rookery::version());
}

UpgradeVersion read_version(RecordReader& message) {
    constexpr std::uint64_t most = 1'000'000;
    return {.version = static_cast<unsigned>(message.number_up_to(upgrade_version_number, most)),
            .readable_since = static_cast<unsigned>(message.number_up_to(upgrade_readable_since, most)),
            .oldest = static_cast<unsigned>(message.number_up_to(upgrade_oldest, most))};
}

std::string unreadable(const UpgradeVersion& writer, const UpgradeVersion& reader) {
    if (reader.version >= writer.readable_since && writer.version >= reader.oldest) return {};
    return "what is handed over has version " + std::to_string(writer.version) + ", readable since " +
           std::to_string(writer.readable_since) + "; the other program has version " + std::to_string(reader.version) +
           " and reads from " + std::to_string(reader.oldest) + " on";
}

}  // namespace rookery
