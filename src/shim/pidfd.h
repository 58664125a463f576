// glibc 2.36 declares these functions without C linkage.
#pragma once

extern "C" {
#include <sys/pidfd.h>
}
