#include "hcl/function.h"
namespace drover::hcl {
std::span<const function> string_functions() { return {}; }
std::span<const function> regex_functions() { return {}; }
std::span<const function> collection_functions() { return {}; }
std::span<const function> set_functions() { return {}; }
std::span<const function> numeric_functions() { return {}; }
std::span<const function> encoding_functions() { return {}; }
std::span<const function> time_functions() { return {}; }
std::span<const function> crypto_functions() { return {}; }
std::span<const function> network_functions() { return {}; }
std::span<const function> file_functions() { return {}; }
}  // namespace drover::hcl
