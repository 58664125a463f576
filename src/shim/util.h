// The few helpers a program without stdio needs. No allocation, no errno surprises: functions keep errno of what
// failed.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

namespace drover::shim {

// Builds a short text in place; what does not fit is cut off, the result always ends with NUL.
struct text_builder {
  char* at;
  char* end;  // the place of the last possible NUL
  text_builder(char* buffer, size_t size) : at(buffer), end(buffer + size - 1) { *at = 0; }
  text_builder& add(const char* text);
  text_builder& add(int64_t number);
  bool full() const { return at == end; }
};

bool equal(const char* a, const char* b);
// Reads at most size - 1 bytes and adds NUL; -1 and errno on failure.
ssize_t read_file(const char* path, char* buffer, size_t size);
// One write() of a text to an existing file; false and errno on failure.
bool write_file(const char* path, const char* text);
// The number after the word `key` at the start of a line of `text`; 0 when there is none.
uint64_t number_after(const char* text, const char* key);
// Unsigned decimal at the start of `text`; `end` is where it stopped.
uint64_t parse_number(const char* text, const char** end);
int64_t now_ns();
// Waits until all of it is written; false when that will never be.
bool write_fully(int fd, const char* data, size_t size);

}  // namespace drover::shim
