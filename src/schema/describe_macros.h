// How a record's .cc writes its description. SELF is the record's type, defined around each DESCRIBE.
//   #define SELF restart_policy
//   DESCRIBE(restart_policy, "RestartPolicy", BASES(), FIELD(attempts), FIELD_AS(cpu, "CPU"), FIELD_FLAGS(secret_id, redacted))
//   #undef SELF
#pragma once

#include "schema/describe.h"

#pragma clang diagnostic ignored "-Winvalid-offsetof"

#define FIELD_FULL(member, wire, flags) \
  field_description { #member, wire, &detail::described<decltype(SELF::member)>::get, __builtin_offsetof(SELF, member), flags }
#define FIELD(member) FIELD_FULL(member, "", no_flags)
// An exception to the naming rule, with flags or not.
#define FIELD_AS_2(member, wire) FIELD_FULL(member, wire, no_flags)
#define FIELD_AS_3(member, wire, flags) FIELD_FULL(member, wire, flags)
#define FIELD_AS_PICK(_1, _2, _3, name, ...) name
#define FIELD_AS(...) FIELD_AS_PICK(__VA_ARGS__, FIELD_AS_3, FIELD_AS_2, unused)(__VA_ARGS__)
#define FIELD_FLAGS(member, flags) FIELD_FULL(member, "", flags)

#define BASE_1(a) base_description{&detail::described<a>::get, detail::base_offset<SELF, a>()},
#define BASE_2(a, b) BASE_1(a) BASE_1(b)
#define BASE_PICK(_0, _1, _2, name, ...) name
#define BASE_0()
#define BASES(...) BASE_PICK(0 __VA_OPT__(, ) __VA_ARGS__, BASE_2, BASE_1, BASE_0, unused)(__VA_ARGS__)

#define DESCRIBE(type, wire, bases, ...)                                   \
  const type_info& type::describe() {                                      \
    static constexpr field_description fields[] = {__VA_ARGS__};           \
    static const std::vector<base_description> inherited = {bases};        \
    static const record_info record(fields, inherited);                    \
    static const type_info info = detail::make_record<type>(wire, record); \
    return info;                                                           \
  }
#define DESCRIBE_EMPTY(type, wire, bases)                                  \
  const type_info& type::describe() {                                      \
    static const std::vector<base_description> inherited = {bases};        \
    static const record_info record({}, inherited);                        \
    static const type_info info = detail::make_record<type>(wire, record); \
    return info;                                                           \
  }
