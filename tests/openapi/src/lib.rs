//! The API's description, `infra/openapi/export.v1.json`: made of the domain's own types by `tests/document`, which
//! also holds what is committed to it.
