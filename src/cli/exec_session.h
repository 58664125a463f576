// This terminal joined with a command inside a task, over the WebSocket of a route: what `alloc exec` and `job action` share.
#pragma once

#include "cli/command.h"

namespace drover::cli {

// The flags -i, -t and -e.
inline constexpr flag_spec exec_input_flag = {"i", flag_kind::boolean, "Pass standard input on (default)."};
inline constexpr flag_spec exec_tty_flag = {"t", flag_kind::boolean, "With a terminal; default if this is one."};
inline constexpr flag_spec exec_escape_flag = {"e", flag_kind::text,
                                               "Escape character at the start of a line, \"~\" by default: ~. ends the session. \"none\": there is none."};

struct exec_terminal {
  bool tty = false, with_input = true;
  // '\0': none.
  char escape = '~';
};
// As the flags say. invalid: they contradict each other; the sentence is for context::misused().
result<exec_terminal> exec_terminal_of(const context& c);

// Runs until the command has ended: its exit code. `ask` without the parameter "tty".
result<int> run_exec_session(context& c, api_request ask, exec_terminal terminal);

}  // namespace drover::cli
