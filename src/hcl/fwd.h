#pragma once

namespace drover::hcl {
class source_file;
struct position;
struct range;
struct diagnostic;
class diagnostics;
struct expression;
struct attribute;
struct block;
struct body;
class eval_context;
struct function;
struct function_environment;
struct type;
class decoder;
}  // namespace drover::hcl
