#include "jobspec/diff.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/ensure.h"
#include "base/text.h"
#include "codec/compare.h"
#include "codec/json.h"
#include "jobspec/limits.h"

namespace drover::jobspec {
namespace {

using schema::field_info;
using schema::kind;
using schema::type_info;

constexpr std::string_view added = "Added";
constexpr std::string_view deleted = "Deleted";
constexpr std::string_view edited = "Edited";
constexpr std::string_view unchanged = "None";
constexpr std::string_view dynamic_port = "Dynamic Port";
constexpr std::string_view static_port = "Static Port";

// What a record is called in a difference, where that is not its own name.
constexpr std::pair<std::string_view, std::string_view> object_names[] = {
    {"ServiceCheck", "Check"},
    {"TaskArtifact", "Artifact"},
    {"NetworkResource", "Network"},
    {"RequestedDevice", "Device"},
    {"UpdateStrategy", "Update"},
    {"TaskLifecycleConfig", "Lifecycle"},
    {"DispatchPayloadConfig", "DispatchPayload"},
    {"PeriodicConfig", "Periodic"},
    {"ParameterizedJobConfig", "ParameterizedJob"},
    {"VolumeRequest", "Volume"},
    {"WorkloadIdentity", "Identity"},
    {"ScalingPolicy", "Scaling"},
    {"DisconnectStrategy", "Disconnect"},
    {"JobUIConfig", "UI"},
    {"JobUILink", "Link"},
    {"DNSConfig", "DNS"},
    {"ServiceWeights", "Weights"},
};
// Lists whose elements are the same thing when they have the same name; of other lists an element that changed is
// another one.
constexpr std::string_view named_records[] = {"Service", "ServiceCheck", "WorkloadIdentity", "Action", "Secret", "RequestedDevice"};

// What a difference leaves out, by record: keys of the walk itself and what the server keeps for itself.
struct skipped_fields {
  std::string_view record;
  std::set<std::string_view> names;
};
const skipped_fields skipped[] = {
    {"Job", {"ID", "TaskGroups", "Update", "Reschedule", "Migrate"}},
    {"TaskGroup", {"Name", "Tasks"}},
    {"Task", {"Name"}},
    {"ScalingPolicy", {"ID", "Target", "Namespace", "CreateIndex", "ModifyIndex"}},
};

bool is_skipped(const type_info& type, const field_info& field) {
  if (field.is(schema::diff_ignore) || field.is(schema::redacted)) return true;
  for (const auto& s : skipped)
    if (s.record == type.name) return s.names.contains(field.wire);
  return false;
}

std::string object_name(const type_info& type, const field_info& field) {
  if (type.name == "Port") return std::string(field.name == "dynamic_ports" ? dynamic_port : static_port);
  for (const auto& [record, name] : object_names)
    if (record == type.name) return std::string(name);
  return std::string(type.name);
}

bool is_scalar(kind k) { return k <= kind::timestamp; }

// Absent is empty.
std::string scalar_text(const type_info& type, const void* p) {
  switch (type.kind) {
    case kind::boolean: return *static_cast<const bool*>(p) ? "true" : "false";
    case kind::int8: return fmt::to_string(*static_cast<const int8_t*>(p));
    case kind::int32: return fmt::to_string(*static_cast<const int32_t*>(p));
    case kind::int64: return fmt::to_string(*static_cast<const int64_t*>(p));
    case kind::uint8: return fmt::to_string(*static_cast<const uint8_t*>(p));
    case kind::uint16: return fmt::to_string(*static_cast<const uint16_t*>(p));
    case kind::uint32: return fmt::to_string(*static_cast<const uint32_t*>(p));
    case kind::uint64: return fmt::to_string(*static_cast<const uint64_t*>(p));
    case kind::float64: return fmt::to_string(*static_cast<const double*>(p));
    case kind::string: return *static_cast<const std::string*>(p);
    case kind::bytes: return base64_encode(static_cast<const bytes*>(p)->data);
    case kind::duration: return fmt::to_string(static_cast<const duration*>(p)->ns);
    case kind::timestamp: return to_rfc3339(*static_cast<const timestamp*>(p));
    default: return {};
  }
}

// Names of fields and what they say; names in order, as differences are listed.
using flat = std::map<std::string, std::string>;

void flatten_value(const std::string& name, const value& v, flat& out, size_t depth) {
  const auto* list = v.as_list();
  const auto* object = v.as_object();
  if (depth > diff_depth_max || (list == nullptr && object == nullptr)) {
    out[name] = v.as_string() != nullptr ? *v.as_string() : v.is_null() ? "" : codec::value_to_json(v);
    return;
  }
  if (list != nullptr)
    for (size_t i = 0; i < list->size(); ++i) flatten_value(fmt::format("{}[{}]", name, i), (*list)[i], out, depth + 1);
  if (object != nullptr)
    for (const auto& [key, member] : *object) flatten_value(name.empty() ? key : fmt::format("{}[{}]", name, key), member, out, depth + 1);
}

// The scalars of a record and its maps of text.
flat flatten(const type_info& type, const void* record) {
  flat out;
  if (record == nullptr) return out;
  for (const auto& field : type.record->fields()) {
    if (is_skipped(type, field)) continue;
    const auto& t = field.type();
    const void* p = field.in(record);
    if (is_scalar(t.kind)) {
      out[field.wire] = scalar_text(t, p);
    } else if (t.kind == kind::optional && is_scalar(t.element().kind)) {
      const void* inner = t.pointer->get(p);
      out[field.wire] = inner == nullptr ? "" : scalar_text(t.element(), inner);
    } else if (t.kind == kind::map && t.element().kind == kind::string) {
      schema::visit_map(
          t, p, [&](const std::string& key, const void* text) { out[fmt::format("{}[{}]", field.wire, key)] = *static_cast<const std::string*>(text); });
    }
  }
  return out;
}

std::vector<schema::field_diff> field_diffs(const flat& before, const flat& after, bool contextual) {
  std::vector<schema::field_diff> out;
  std::set<std::string> names;
  for (const auto& [name, text] : before) names.insert(name);
  for (const auto& [name, text] : after) names.insert(name);
  for (const auto& name : names) {
    auto old_text = before.contains(name) ? before.at(name) : std::string();
    auto new_text = after.contains(name) ? after.at(name) : std::string();
    if (old_text == new_text && (!contextual || old_text.empty())) continue;
    auto type = old_text == new_text ? unchanged : old_text.empty() ? added : new_text.empty() ? deleted : edited;
    out.push_back({.type = std::string(type), .name = name, .old = std::move(old_text), .new_ = std::move(new_text), .annotations = {}});
  }
  return out;
}

std::string change_type(const void* before, const void* after) { return std::string(before == nullptr ? added : after == nullptr ? deleted : edited); }

class object_differ {
 public:
  explicit object_differ(bool contextual) : contextual_(contextual) {}

  // Everything of a record that is no scalar: its blocks.
  std::vector<schema::object_diff> objects(const type_info& type, const void* before, const void* after) const {
    std::vector<schema::object_diff> out;
    for (const auto& field : type.record->fields()) {
      if (is_skipped(type, field)) continue;
      add_field(field, before == nullptr ? nullptr : field.in(before), after == nullptr ? nullptr : field.in(after), out);
    }
    std::ranges::sort(out, comes_before);
    return out;
  }

 private:
  static bool comes_before(const schema::object_diff& a, const schema::object_diff& b) {
    if (a.name != b.name) return a.name < b.name;
    for (size_t i = 0; i < std::min(a.fields.size(), b.fields.size()); ++i) {
      if (a.fields[i].name != b.fields[i].name) return a.fields[i].name < b.fields[i].name;
      if (a.fields[i].old != b.fields[i].old) return a.fields[i].old < b.fields[i].old;
      if (a.fields[i].new_ != b.fields[i].new_) return a.fields[i].new_ < b.fields[i].new_;
    }
    return a.fields.size() < b.fields.size();
  }

  void add_field(const field_info& field, const void* before, const void* after, std::vector<schema::object_diff>& out) const {
    const auto& t = field.type();
    switch (t.kind) {
      case kind::record: return add_record(t, object_name(t, field), before, after, out);
      case kind::optional:
      case kind::shared:
        if (t.element().kind != kind::record) return;
        return add_record(t.element(), object_name(t.element(), field), before == nullptr ? nullptr : t.pointer->get(before),
                          after == nullptr ? nullptr : t.pointer->get(after), out);
      case kind::list:
        if (t.element().kind == kind::record) return add_list(field, before, after, out);
        return add_flat(field.wire, set_of(t, before), set_of(t, after), out, true);
      case kind::map:
        if (t.element().kind == kind::record) return add_map(field, before, after, out);
        if (t.element().kind != kind::string) return add_flat(field.wire, tree_of(t, before), tree_of(t, after), out, false);
        return;
      default: return;
    }
  }

  void add_record(const type_info& type, std::string name, const void* before, const void* after, std::vector<schema::object_diff>& out) const {
    if (before == nullptr && after == nullptr) return;
    if (before != nullptr && after != nullptr && codec::equal({&type, before}, {&type, after}, schema::diff_ignore)) return;
    schema::object_diff diff;
    diff.type = change_type(before, after);
    diff.name = std::move(name);
    diff.fields = field_diffs(flatten(type, before), flatten(type, after), contextual_);
    // The scheduler chooses it.
    if (diff.name == dynamic_port) std::erase_if(diff.fields, [](const auto& f) { return f.name == "Value"; });
    diff.objects = objects(type, before, after);
    // A record in place (no pointer) that says nothing on one side was not there.
    bool changes = std::ranges::any_of(diff.fields, [](const auto& f) { return f.type != unchanged; }) || !diff.objects.empty();
    if (changes || before == nullptr || after == nullptr) out.push_back(std::move(diff));
  }

  // Texts as a set: each is a field of the list's name.
  static flat set_of(const type_info& type, const void* list) {
    flat out;
    if (list == nullptr) return out;
    for (size_t i = 0; i < type.list->size(list); ++i) {
      auto text = scalar_text(type.element(), type.list->at(list, i));
      out[text] = text;
    }
    return out;
  }

  static flat tree_of(const type_info& type, const void* map) {
    flat out;
    if (map == nullptr) return out;
    schema::visit_map(type, map, [&](const std::string& key, const void* p) {
      if (type.element().kind == kind::value) {
        flatten_value(key, *static_cast<const value*>(p), out, 0);
      } else {
        const auto& list = type.element();
        for (size_t i = 0; i < list.list->size(p); ++i) out[fmt::format("{}[{}]", key, i)] = scalar_text(list.element(), list.list->at(p, i));
      }
    });
    return out;
  }

  void add_flat(const std::string& name, const flat& before, const flat& after, std::vector<schema::object_diff>& out, bool as_set) const {
    if (before == after) return;
    schema::object_diff diff;
    diff.type = before.empty() ? added : after.empty() ? deleted : edited;
    diff.name = name;
    diff.fields = field_diffs(before, after, contextual_);
    if (as_set) {
      for (auto& field : diff.fields) field.name = name;
      std::ranges::sort(diff.fields, {}, [](const auto& f) { return std::tie(f.old, f.new_); });
    }
    out.push_back(std::move(diff));
  }

  // Elements by name or, where they have none, by all they say. Equal ones are told apart by number.
  static std::map<std::string, const void*> keyed(const type_info& list_type, const void* list) {
    std::map<std::string, const void*> out;
    if (list == nullptr) return out;
    const auto& type = list_type.element();
    bool named = std::ranges::find(named_records, type.name) != std::end(named_records);
    for (size_t i = 0; i < list_type.list->size(list); ++i) {
      const void* element = list_type.list->at(list, i);
      auto key = named ? *static_cast<const std::string*>(type.record->find_member("name")->in(element)) : codec::to_json(schema::record_view{&type, element});
      size_t n = 0;
      while (!out.emplace(fmt::format("{}#{}", key, n), element).second) ++n;
    }
    return out;
  }

  void add_list(const field_info& field, const void* before, const void* after, std::vector<schema::object_diff>& out) const {
    add_pairs(field, field.type().element(), keyed(field.type(), before), keyed(field.type(), after), out);
  }

  void add_map(const field_info& field, const void* before, const void* after, std::vector<schema::object_diff>& out) const {
    auto entries = [&](const void* map) {
      std::map<std::string, const void*> found;
      if (map != nullptr) schema::visit_map(field.type(), map, [&](const std::string& key, const void* p) { found[key] = p; });
      return found;
    };
    add_pairs(field, field.type().element(), entries(before), entries(after), out);
  }

  void add_pairs(const field_info& field, const type_info& type, const std::map<std::string, const void*>& before,
                 const std::map<std::string, const void*>& after, std::vector<schema::object_diff>& out) const {
    auto name = object_name(type, field);
    for (const auto& [key, p] : before) {
      auto same = after.find(key);
      add_record(type, name, p, same == after.end() ? nullptr : same->second, out);
    }
    for (const auto& [key, p] : after)
      if (!before.contains(key)) add_record(type, name, nullptr, p, out);
  }

  bool contextual_;
};

// Pairs of the same name, in order of names.
template <class T>
std::map<std::string, std::pair<const T*, const T*>> pairs_by_name(const std::vector<T>* before, const std::vector<T>* after) {
  std::map<std::string, std::pair<const T*, const T*>> out;
  if (before != nullptr)
    for (const auto& one : *before) out[one.name].first = &one;
  if (after != nullptr)
    for (const auto& one : *after) out[one.name].second = &one;
  return out;
}

template <class Diff, class T>
Diff start(const T* before, const T* after, const object_differ& differ) {
  const auto& type = schema::type_of<T>();
  Diff diff;
  diff.fields = field_diffs(flatten(type, before), flatten(type, after), false);
  diff.objects = differ.objects(type, before, after);
  bool changes = !diff.fields.empty() || !diff.objects.empty();
  diff.type = before == nullptr || after == nullptr ? change_type(before, after) : std::string(changes ? edited : unchanged);
  return diff;
}

schema::task_group_diff diff_group(const schema::task_group* before, const schema::task_group* after, const object_differ& differ) {
  auto diff = start<schema::task_group_diff>(before, after, differ);
  diff.name = before != nullptr ? before->name : after->name;
  for (const auto& [name, pair] : pairs_by_name(before ? &before->tasks : nullptr, after ? &after->tasks : nullptr)) {
    auto& task = diff.tasks.emplace_back(start<schema::task_diff>(pair.first, pair.second, differ));
    task.name = name;
    if (task.type != unchanged && diff.type == unchanged) diff.type = edited;
  }
  return diff;
}

// Changes of a task that reach it while it runs.
constexpr std::string_view in_place_fields[] = {"KillTimeout"};
constexpr std::string_view in_place_objects[] = {"Service", "Constraint", "Affinity", "LogConfig", "RestartPolicy", "Scaling", "Action"};

void annotate_count(schema::task_group_diff& group) {
  for (auto& field : group.fields) {
    if (field.name != "Count" || field.type == unchanged) continue;
    auto before = parse_int(field.old).value_or(0), after = parse_int(field.new_).value_or(0);
    if (before < after) field.annotations.emplace_back("forces create");
    else if (after < before) field.annotations.emplace_back("forces destroy");
  }
}

void annotate_task(schema::task_diff& task, const schema::task_group_diff& group) {
  if (task.type == unchanged) return;
  if (group.type == added || group.type == deleted) {
    if (task.type == added) task.annotations.emplace_back("forces create");
    if (task.type == deleted) task.annotations.emplace_back("forces destroy");
    return;
  }
  task.annotations.emplace_back(is_destructive(task) ? "forces create/destroy update" : "forces in-place update");
}

}  // namespace

schema::job_diff diff(const schema::job* before, const schema::job* after, bool contextual) {
  ENSURE(before != nullptr || after != nullptr, "a difference needs at least one job");
  ENSURE(before == nullptr || after == nullptr || before->id == after->id, "a difference is of one job");
  object_differ differ(contextual);
  auto diff = start<schema::job_diff>(before, after, differ);
  diff.id = before != nullptr ? before->id : after->id;
  for (const auto& [name, pair] : pairs_by_name(before ? &before->task_groups : nullptr, after ? &after->task_groups : nullptr)) {
    auto& group = diff.task_groups.emplace_back(diff_group(pair.first, pair.second, differ));
    if (group.type != unchanged && diff.type == unchanged) diff.type = edited;
  }
  return diff;
}

bool is_destructive(const schema::task_diff& diff) {
  if (diff.type != edited) return diff.type != unchanged;
  for (const auto& field : diff.fields)
    if (field.type != unchanged && std::ranges::find(in_place_fields, field.name) == std::end(in_place_fields)) return true;
  for (const auto& object : diff.objects)
    if (object.type != unchanged && std::ranges::find(in_place_objects, object.name) == std::end(in_place_objects)) return true;
  return false;
}

void annotate(schema::job_diff& diff, const schema::plan_annotations* annotations) {
  for (auto& group : diff.task_groups) {
    annotate_count(group);
    for (auto& task : group.tasks) annotate_task(task, group);
    if (annotations == nullptr) continue;
    auto desired = annotations->desired_tg_updates.find(group.name);
    if (desired == annotations->desired_tg_updates.end()) continue;
    const auto& d = desired->second;
    const std::pair<std::string_view, uint64_t> counts[] = {
        {"ignore", d.ignore},
        {"create", d.place},
        {"destroy", d.stop},
        {"migrate", d.migrate},
        {"canary", d.canary},
        {"in-place update", d.in_place_update},
        {"create/destroy update", d.destructive_update},
    };
    for (const auto& [what, count] : counts)
      if (count > 0) group.updates[std::string(what)] = count;
  }
}

}  // namespace drover::jobspec
