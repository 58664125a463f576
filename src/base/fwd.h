#pragma once

namespace drover {
class error;
class value;
struct bytes;
struct duration;
struct timestamp;
}  // namespace drover
