#pragma once

namespace drover::state {
class snapshot;
class store;
class write_transaction;
class watch_handle;
struct watch_key;
enum class table : unsigned char;
}  // namespace drover::state
