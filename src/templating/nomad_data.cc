#include "templating/nomad_data.h"

#include "templating/clock.h"

namespace drover::templating {

namespace {
datum index_datum(uint64_t n) { return integer{static_cast<int64_t>(n), integer_kind::uint64}; }
datum time_at(int64_t ns) { return time_datum({timestamp(ns), 0, "UTC"}); }

// An empty list of arguments, or nothing that can be called.
using answer = result<std::optional<datum>>;

// Prints as its path.
class variable_stub : public object {
 public:
  explicit variable_stub(const variable_facts& f) : facts_(std::make_shared<variable_facts>(f)) { facts_->items.clear(); }
  std::string type_name() const override { return "*dependency.NomadVarMeta"; }
  std::optional<std::string> text() const override { return facts_->path; }
  datum encoded() const override {
    return make_record("NomadVarMeta", {{"Namespace", facts_->namespace_},
                                        {"Path", facts_->path},
                                        {"CreateIndex", index_datum(facts_->create_index)},
                                        {"ModifyIndex", index_datum(facts_->modify_index)},
                                        {"CreateTime", facts_->create_time},
                                        {"ModifyTime", facts_->modify_time}});
  }
  answer member(std::string_view name, std::span<const datum> arguments) override {
    if (!arguments.empty()) return std::nullopt;
    if (name == "Path" || name == "String") return datum(facts_->path);
    if (name == "Namespace") return datum(facts_->namespace_);
    if (name == "CreateIndex") return index_datum(facts_->create_index);
    if (name == "ModifyIndex") return index_datum(facts_->modify_index);
    if (name == "CreateTime") return time_at(facts_->create_time);
    if (name == "ModifyTime") return time_at(facts_->modify_time);
    return std::nullopt;
  }

 private:
  std::shared_ptr<variable_facts> facts_;
};

// The whole variable: what an item's Parent is.
class variable_parent : public object {
 public:
  explicit variable_parent(const variable_facts& f) : facts_(f), stub_(f) {}
  std::string type_name() const override { return "*dependency.NomadVariable"; }
  answer member(std::string_view name, std::span<const datum> arguments) override {
    if (name == "Items" && arguments.empty()) return variable_datum(facts_);
    if (name == "Metadata" && arguments.empty()) return variable_stub_datum(facts_);
    return stub_.member(name, arguments);
  }
  datum encoded() const override { return stub_.encoded(); }

 private:
  variable_facts facts_;
  variable_stub stub_;
};

class variable_item : public object {
 public:
  variable_item(std::string key, std::string v, std::shared_ptr<const variable_facts> parent)
      : key_(std::move(key)), value_(std::move(v)), parent_(std::move(parent)) {}
  std::string type_name() const override { return "dependency.NomadVarItem"; }
  std::optional<std::string> text() const override { return value_; }
  datum underlying() const override { return value_; }
  datum encoded() const override { return value_; }
  answer member(std::string_view name, std::span<const datum> arguments) override {
    if (!arguments.empty()) return std::nullopt;
    if (name == "Key") return datum(key_);
    if (name == "Value" || name == "String") return datum(value_);
    if (name == "Metadata") return variable_stub_datum(*parent_);
    if (name == "Parent") return datum(std::static_pointer_cast<object>(std::make_shared<variable_parent>(*parent_)));
    return std::nullopt;
  }

 private:
  std::string key_, value_;
  std::shared_ptr<const variable_facts> parent_;
};

class variable_items : public object {
 public:
  explicit variable_items(const variable_facts& f) : facts_(std::make_shared<const variable_facts>(f)) {
    datum::map members;
    for (auto& [key, v] : facts_->items) members.emplace(key, datum(std::static_pointer_cast<object>(std::make_shared<variable_item>(key, v, facts_))));
    items_ = datum(std::move(members));
  }
  std::string type_name() const override { return "dependency.NomadVarItems"; }
  datum underlying() const override { return items_; }
  // An item of that name hides the method.
  answer member(std::string_view name, std::span<const datum> arguments) override {
    if (!arguments.empty() || facts_->items.contains(std::string(name))) return std::nullopt;
    if (name == "Keys" || name == "Values") {
      std::vector<std::string> out;
      for (auto& [key, v] : facts_->items) out.push_back(name == "Keys" ? key : v);
      return text_list(std::move(out));
    }
    if (name == "Tuples") {
      datum::list out;
      for (auto& [key, v] : facts_->items) out.push_back(make_record("struct { K, V string }", {{"K", key}, {"V", v}}));
      return datum(std::move(out));
    }
    if (name == "ItemsMap") {
      datum::map out;
      for (auto& [key, v] : facts_->items) out.emplace(key, datum(v));
      return datum(std::move(out));
    }
    if (name == "Metadata") return variable_stub_datum(*facts_);
    if (name == "Parent") return datum(std::static_pointer_cast<object>(std::make_shared<variable_parent>(*facts_)));
    return std::nullopt;
  }

 private:
  std::shared_ptr<const variable_facts> facts_;
  datum items_;
};
}  // namespace

datum variable_datum(const variable_facts& facts) { return std::static_pointer_cast<object>(std::make_shared<variable_items>(facts)); }
datum variable_stub_datum(const variable_facts& facts) { return std::static_pointer_cast<object>(std::make_shared<variable_stub>(facts)); }

datum service_datum(const service_facts& f) {
  return make_record("NomadService", {{"ID", f.id},
                                      {"Name", f.name},
                                      {"Node", f.node_id},
                                      {"Address", f.address},
                                      {"Port", f.port},
                                      {"Datacenter", f.datacenter},
                                      {"Tags", text_list(f.tags)},
                                      {"JobID", f.job_id},
                                      {"AllocID", f.alloc_id}});
}
datum service_stub_datum(std::string name, std::vector<std::string> tags) {
  return make_record("NomadServicesSnippet", {{"Name", std::move(name)}, {"Tags", text_list(std::move(tags))}});
}

}  // namespace drover::templating
