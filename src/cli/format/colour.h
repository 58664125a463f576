// Colours as marks inside text, so that what is printed can be composed and tested without a terminal: "{+}" cannot appear by accident
// because a mark is two control bytes.
#pragma once

#include <string>
#include <string_view>

namespace drover::cli::format {

// Each is "\x01" and a letter.
namespace colour {
inline constexpr std::string_view reset = "\x01z", bold = "\x01o", red = "\x01r", green = "\x01g", yellow = "\x01y", blue = "\x01l",
                                  cyan =
                                      "\x01"
                                      "c",
                                  dim =
                                      "\x01"
                                      "d";
}

// Marks become escape sequences, or vanish.
std::string coloured(std::string_view text, bool on);
// "[bold]text[reset]".
std::string bold(std::string_view text);
std::string paint(std::string_view with, std::string_view text);
// Characters that show: code points, without marks.
size_t width(std::string_view text);
// Marks that came from outside (a job's name) are removed.
std::string without_marks(std::string_view text);

}  // namespace drover::cli::format
