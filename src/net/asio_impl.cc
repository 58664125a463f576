// The one unit that compiles Boost.Asio's non-template parts (BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>
