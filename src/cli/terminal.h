// Where a command writes: stdout is collected and written in few pieces, stderr at once. One thread.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "cli/format/colour.h"

namespace drover::cli {

class terminal {
 public:
  explicit terminal(bool colours) : colours_(colours) {}
  ~terminal() { flush(); }
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;

  // Decides from the flags, the environment and whether stdout is a terminal.
  static bool wants_colours(bool no_colour, bool force_colour);

  // Text with colour marks (format/colour.h) and a newline.
  void say(std::string_view text) {
    write(format::coloured(text, colours_));
    write("\n");
  }
  // As it is.
  void write(std::string_view text);
  // To stderr, with a newline; stdout goes out first.
  void complain(std::string_view text);
  // To stderr as it is.
  void write_error(std::string_view text);
  void flush();
  bool colours() const { return colours_; }
  // One line of stdin without its newline; "" at its end.
  std::string ask(std::string_view question);

 private:
  bool colours_;
  std::string pending_;
};

}  // namespace drover::cli
