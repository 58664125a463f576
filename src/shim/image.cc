#include "shim/image.h"

// DROVER_SHIM_FILE is the program that was just built.
asm(".section .rodata\n"
    ".balign 16\n"
    "drover_shim_begin:\n"
    ".incbin \"" DROVER_SHIM_FILE
    "\"\n"
    "drover_shim_end:\n"
    ".previous\n");

extern "C" const char drover_shim_begin[];
extern "C" const char drover_shim_end[];

namespace drover::shim {

std::string_view shim_image() { return {drover_shim_begin, static_cast<size_t>(drover_shim_end - drover_shim_begin)}; }

}  // namespace drover::shim
