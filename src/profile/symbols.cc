#include "profile/symbols.h"

#include <cxxabi.h>
#include <elf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>

#include "profile/limits.h"

namespace drover::profile {

struct symbols::file_names {
  struct function {
    uint64_t address = 0, size = 0;
    uint32_t name = 0;  // in texts
  };
  std::vector<function> functions;  // sorted
  std::string texts;
  // Of loadable executable parts: where a place in the file is in the file's own addresses.
  struct part {
    uint64_t offset = 0, size = 0, address = 0;
  };
  std::vector<part> parts;
};

namespace {

std::vector<loaded_code> executable_parts() {
  std::vector<loaded_code> out;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    loaded_code each;
    std::string rights, device, inode;
    char dash = 0;
    words >> std::hex >> each.begin >> dash >> each.end >> rights >> each.offset >> device >> inode >> std::ws;
    std::getline(words, each.file);
    if (rights.contains('x') && each.file.starts_with('/')) out.push_back(std::move(each));
  }
  return out;
}

// Reads that leave zeros where the file is shorter than it says.
template <class T>
std::vector<T> read_at(std::ifstream& in, uint64_t offset, uint64_t bytes) {
  if (bytes > names_file_bytes_max) return {};
  std::vector<T> out(bytes / sizeof(T));
  in.clear();
  in.seekg(static_cast<std::streamoff>(offset));
  in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size() * sizeof(T)));
  return out;
}

std::string demangled(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string out = status == 0 && text != nullptr ? text : name;
  std::free(text);
  return out;
}

}  // namespace

symbols::symbols() : code_(executable_parts()) {}
symbols::~symbols() = default;

int symbols::code_at(uintptr_t address) const {
  auto found = std::ranges::find_if(code_, [&](const loaded_code& c) { return address >= c.begin && address < c.end; });
  return found == code_.end() ? -1 : static_cast<int>(found - code_.begin());
}

const symbols::file_names& symbols::names_in(const loaded_code& code) {
  auto& kept = files_[code.file];
  if (kept) return *kept;
  kept = std::make_unique<file_names>();
  std::error_code wrong;
  const auto size = std::filesystem::file_size(code.file, wrong);
  std::ifstream in(code.file, std::ios::binary);
  auto head = read_at<Elf64_Ehdr>(in, 0, sizeof(Elf64_Ehdr));
  if (!in || wrong || size > names_file_bytes_max || std::memcmp(head[0].e_ident, ELFMAG, SELFMAG) != 0 || head[0].e_ident[EI_CLASS] != ELFCLASS64)
    return *kept;
  for (const auto& part : read_at<Elf64_Phdr>(in, head[0].e_phoff, uint64_t{head[0].e_phnum} * sizeof(Elf64_Phdr)))
    if (part.p_type == PT_LOAD && (part.p_flags & PF_X) != 0) kept->parts.push_back({part.p_offset, part.p_filesz, part.p_vaddr});
  auto sections = read_at<Elf64_Shdr>(in, head[0].e_shoff, uint64_t{head[0].e_shnum} * sizeof(Elf64_Shdr));
  // The whole table where the file has one, else what it exports.
  auto table = std::ranges::find(sections, uint32_t{SHT_SYMTAB}, &Elf64_Shdr::sh_type);
  if (table == sections.end()) table = std::ranges::find(sections, uint32_t{SHT_DYNSYM}, &Elf64_Shdr::sh_type);
  if (table == sections.end() || table->sh_link >= sections.size() || table->sh_size > size || sections[table->sh_link].sh_size > size) return *kept;
  auto texts = read_at<char>(in, sections[table->sh_link].sh_offset, sections[table->sh_link].sh_size);
  kept->texts.assign(texts.begin(), texts.end());
  for (const auto& each : read_at<Elf64_Sym>(in, table->sh_offset, table->sh_size))
    if (ELF64_ST_TYPE(each.st_info) == STT_FUNC && each.st_value != 0 && each.st_name < kept->texts.size())
      kept->functions.push_back({each.st_value, each.st_size, each.st_name});
  std::ranges::sort(kept->functions, {}, &file_names::function::address);
  return *kept;
}

std::string symbols::name_of(uintptr_t address) {
  const int at = code_at(address);
  if (at < 0) return {};
  const auto& code = code_[static_cast<size_t>(at)];
  const auto& names = names_in(code);
  const uint64_t place = address - code.begin + code.offset;
  for (const auto& part : names.parts) {
    if (place < part.offset || place - part.offset >= part.size) continue;
    const auto own = place - part.offset + part.address;
    auto after = std::ranges::upper_bound(names.functions, own, {}, &file_names::function::address);
    if (after == names.functions.begin()) return {};
    const auto& found = *std::prev(after);
    if (found.size != 0 && own - found.address >= found.size) return {};
    return demangled(names.texts.c_str() + found.name);
  }
  return {};
}

}  // namespace drover::profile
