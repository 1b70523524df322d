// SPDX-License-Identifier: Apache-2.0
// The admin API, described.
#pragma once

namespace posthorn {

/// An OpenAPI 3.0 document in JSON: every endpoint of the admin address. A test
/// asks each documented path whether it is there.
extern const char* const openapi_document;

} // namespace posthorn
