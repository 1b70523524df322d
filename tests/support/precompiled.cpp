// SPDX-License-Identifier: Apache-2.0
// The source for which CMake makes the header that all test programs share.
#include "tests/support/show.hpp"
