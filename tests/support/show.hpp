// SPDX-License-Identifier: Apache-2.0
// Lets doctest print what a failed check compared.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace doctest {

template <class T>
struct StringMaker<std::vector<T>> {
  static String convert(const std::vector<T>& xs) {
    String result = "[";
    for (const auto& x : xs)
      result += (result.size() > 1 ? String{", "} : String{})
                + StringMaker<T>::convert(x);
    return result + "]";
  }
};

} // namespace doctest
