// The browser of the one who sits there. One thread; waits for the program that opens it.
#pragma once

#include <string>

namespace drover::cli {

// True: a browser was started, as far as can be seen.
bool open_browser(const std::string& url);

}  // namespace drover::cli
