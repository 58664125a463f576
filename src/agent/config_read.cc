// Configuration files into records: walks the description, so that a key is written down once, in config.h.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "agent/config.h"
#include "base/ensure.h"
#include "base/text.h"
#include "codec/json.h"
#include "hcl/decode.h"
#include "hcl/parser.h"

namespace drover::agent {
namespace {

constexpr size_t file_bytes_max = 4 * 1024 * 1024;

using schema::kind;

void read_record(hcl::decoder& d, const schema::type_info& type, void* record);

void read_text_map(hcl::decoder& d, std::string_view name, void* member) {
  auto& map = *static_cast<std::map<std::string, std::string>*>(member);
  if (auto pairs = d.text_map(name))
    for (auto& [key, text] : *pairs) map[key] = std::move(text);
}

// Labelled blocks of one type: the same label again adds to the first.
void read_labelled(hcl::decoder& d, std::string_view name, const schema::type_info& type, void* member) {
  for (const auto& block : d.blocks(name, 1)) {
    hcl::decoder inner(block, d.problems());
    read_record(inner, type.element(), type.map->insert(member, block.labels.front().text));
    inner.finish();
  }
}

void read_block(hcl::decoder& d, std::string_view name, const schema::type_info& type, void* member) {
  auto block = d.block(name);
  if (!block) return;
  hcl::decoder inner(*block, d.problems());
  if (type.kind == kind::optional) {
    auto* present = const_cast<void*>(type.pointer->get(member));
    read_record(inner, type.element(), present != nullptr ? present : type.pointer->emplace(member));
  } else {
    read_record(inner, type, member);
  }
  inner.finish();
}

void read_tree(hcl::decoder& d, std::string_view name, void* member) {
  if (auto tree = d.tree(name)) *static_cast<value*>(member) = std::move(*tree);
}

void read_member(hcl::decoder& d, std::string_view name, const schema::type_info& type, void* member) {
  switch (type.kind) {
    case kind::string:
      if (auto text = d.text(name)) *static_cast<std::string*>(member) = *text;
      return;
    case kind::boolean:
      if (auto flag = d.boolean(name)) *static_cast<bool*>(member) = *flag;
      return;
    case kind::int64:
      if (auto number = d.integer(name)) *static_cast<int64_t*>(member) = *number;
      return;
    case kind::uint64:
      if (auto number = d.integer(name)) *static_cast<uint64_t*>(member) = static_cast<uint64_t>(std::max<int64_t>(*number, 0));
      return;
    case kind::float64:
      if (auto number = d.number(name)) *static_cast<double*>(member) = *number;
      return;
    case kind::duration:
      if (auto length = d.duration(name)) *static_cast<duration*>(member) = *length;
      return;
    case kind::list:
      if (auto texts = d.texts(name)) {
        auto& list = *static_cast<std::vector<std::string>*>(member);
        list.insert(list.end(), texts->begin(), texts->end());
      }
      return;
    case kind::map:
      if (type.element().kind == kind::string) read_text_map(d, name, member);
      else read_labelled(d, name, type, member);
      return;
    case kind::record:
    case kind::optional: read_block(d, name, type, member); return;
    case kind::value: read_tree(d, name, member); return;
    default: break;
  }
  ensure_failed("kind", "configuration records have members of these kinds", std::source_location::current());
}

void read_record(hcl::decoder& d, const schema::type_info& type, void* record) {
  for (const auto& field : type.record->fields()) {
    // Bookkeeping of records that are also replicated state is no key.
    if (field.name == "create_index" || field.name == "modify_index") continue;
    read_member(d, field.name, field.type(), field.in(record));
  }
}

bool is_json(const std::string& name) { return name.ends_with(".json"); }

// Agents' files are older than HCL2 and write maps as blocks with quoted keys: `options { "a.b" = "1" }`. As an argument that is HCL2.
std::string with_maps_as_arguments(const std::string& text) {
  static const std::regex block(R"((^|[\n{},])([ \t]*(?:options|meta|chroot_env|http_api_response_headers))([ \t]*\{))");
  return std::regex_replace(text, block, "$1$2 =$3");
}

result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(errc::io, "the configuration \"{}\" cannot be read: {}", path, std::system_category().message(errno));
  std::ostringstream text;
  text << in.rdbuf();
  if (text.view().size() > file_bytes_max) return fail(errc::too_large, "the configuration \"{}\" is larger than {} bytes", path, file_bytes_max);
  return std::move(text).str();
}

result<> apply_file(agent_config& config, const std::string& path) {
  TRY_ASSIGN(auto text, read_file(path));
  TRY(apply_text(config, path, std::move(text)));
  config.files.push_back(path);
  return {};
}

}  // namespace

result<> apply_text(agent_config& config, const std::string& name, std::string text) {
  auto parsed = is_json(name) ? hcl::parse_json(name, std::move(text)) : hcl::parse(name, with_maps_as_arguments(text), hcl::argument_lines::many_a_line);
  auto problems = std::move(parsed.problems);
  if (problems.has_errors()) return std::unexpected(problems.to_error());
  agent_config changed = config;
  hcl::decoder d(parsed.root, std::make_shared<const hcl::eval_context>(), problems);
  read_record(d, schema::type_of<agent_config>(), &changed);
  d.finish();
  if (problems.has_errors()) return std::unexpected(problems.to_error());
  config = std::move(changed);
  return {};
}

result<> apply_path(agent_config& config, const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return fail(errc::not_found, "the configuration \"{}\" cannot be read: {}", path, std::system_category().message(errno));
  if (!S_ISDIR(info.st_mode)) return apply_file(config, path);
  std::vector<std::string> files;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(path, failure)) {
    auto name = entry.path().string();
    if ((name.ends_with(".hcl") || name.ends_with(".json")) && entry.is_regular_file(failure)) files.push_back(std::move(name));
  }
  if (failure) return fail(errc::io, "the directory \"{}\" cannot be read: {}", path, failure.message());
  std::ranges::sort(files);
  for (const auto& file : files) TRY(apply_file(config, file));
  return {};
}

}  // namespace drover::agent
