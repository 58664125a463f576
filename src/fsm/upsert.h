// Plain tables: records that come whole, with create and modify index kept here.
#pragma once

#include "fsm/context.h"

namespace drover::fsm {

template <table T>
void upsert(context& c, const state::record_of<T>& wanted, const state::table_key& key) {
  const auto stored = state::find<T>(c.state(), key);
  auto record = wanted;
  record.create_index = stored ? stored->create_index : c.index();
  record.modify_index = c.index();
  c.put<T>(std::move(record));
}

template <table T>
result<> erase_or_fail(context& c, const state::table_key& key, std::string_view what) {
  if (c.erase<T>(key)) return {};
  return fail(errc::not_found, "{} not found", what);
}

}  // namespace drover::fsm
