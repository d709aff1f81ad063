// PROXY headers: any bytes get an answer, every prefix of a complete header is incomplete, nothing past it matters.
#include "net/proxy_protocol.h"

#include <cstdint>
#include <cstdlib>

using rookery::parse_proxy_header;
using rookery::ProxyHeader;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const ProxyHeader header = parse_proxy_header(bytes);
    if (header.status == ProxyHeader::Status::incomplete && size >= rookery::proxy_header_limit) std::abort();
    if (header.status != ProxyHeader::Status::complete) return 0;
    if (header.length > size || header.length == 0) std::abort();
    const ProxyHeader alone = parse_proxy_header(bytes.substr(0, header.length));
    if (alone.status != header.status || alone.length != header.length || alone.source != header.source) std::abort();
    if (parse_proxy_header(bytes.substr(0, header.length - 1)).status != ProxyHeader::Status::incomplete) std::abort();
    return 0;
}
