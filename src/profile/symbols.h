// Names of the functions of this process, from the symbol tables of the program and of the libraries that it has loaded. Reading them takes a
// moment: not on the loop. An object is used by one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace drover::profile {

// An executable part of a file in memory.
struct loaded_code {
  uintptr_t begin = 0, end = 0;
  uint64_t offset = 0;  // in the file
  std::string file;
};

class symbols {
 public:
  symbols();
  ~symbols();
  symbols(const symbols&) = delete;
  symbols& operator=(const symbols&) = delete;

  const std::vector<loaded_code>& code() const { return code_; }
  // Index into code(); -1: no code is there.
  int code_at(uintptr_t address) const;
  // Demangled; empty: nobody knows.
  std::string name_of(uintptr_t address);

 private:
  struct file_names;
  const file_names& names_in(const loaded_code& code);
  std::vector<loaded_code> code_;
  std::map<std::string, std::unique_ptr<file_names>> files_;
};

}  // namespace drover::profile
