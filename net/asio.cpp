// The one place where Asio's functions are compiled (BOOST_ASIO_SEPARATE_COMPILATION is set for net/ in
// CMakeLists.txt).
#include <boost/asio/impl/src.hpp>
