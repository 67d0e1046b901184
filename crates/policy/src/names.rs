//! How APIs and operations are called in Cedar.
//!
//! | in the model | in Cedar |
//! |---|---|
//! | operation `getOrder` of the API `orders` | `Action::"orders.getOrder"` |
//! | all operations of `orders` that read, or write | `Action::"orders.read"`, `Action::"orders.write"` |
//! | all operations of `orders` | `Action::"orders"` |
//! | what `getOrder` is done to | an entity of the type `orders::getOrder` |
//! | an operation without an id | `Action::"orders.GET /orders/{id}"` on `orders::GET_orders_id` |

/// Entity types of callers.
pub(crate) const PRINCIPALS: [&str; 4] = ["User", "Client", "ApiKey", "Workload"];
pub(crate) const ROLE: &str = "Role";
pub(crate) const GROUP: &str = "Group";

/// Words that Cedar keeps for itself, as identifiers or as types.
const KEPT: [&str; 19] = [
    "true",
    "false",
    "if",
    "then",
    "else",
    "in",
    "is",
    "like",
    "has",
    "Bool",
    "Boolean",
    "Entity",
    "Extension",
    "Long",
    "Record",
    "Set",
    "String",
    "ipaddr",
    "datetime",
];

/// The id of the action that stands for an operation, such as `orders.getOrder`.
pub fn action(api: &str, operation: &str) -> String {
    format!("{api}.{operation}")
}

/// The id of the action group of all operations that read, or that write.
pub(crate) fn action_group(api: &str, read: bool) -> String {
    format!("{api}.{}", if read { "read" } else { "write" })
}

/// The entity type of what an operation is done to, such as `orders::getOrder`.
pub(crate) fn resource_type(api: &str, operation: &str) -> String {
    format!("{}::{}", identifier(api), identifier(operation))
}

/// The nearest Cedar identifier: other characters become `_`.
pub(crate) fn identifier(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            out.push(character);
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    let trimmed = out.trim_end_matches('_');
    let starts_well = trimmed.starts_with(|c: char| c.is_ascii_alphabetic());
    let kept = KEPT.contains(&trimmed);
    format!("{}{trimmed}{}", if starts_well { "" } else { "_" }, if kept { "_" } else { "" })
}

/// A Cedar string literal. Cedar reads the escapes of Rust.
pub(crate) fn quote(text: &str) -> String {
    format!("{text:?}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn operations_without_an_id_are_called_by_method_and_path() {
        assert_eq!(identifier("GET /orders/{id}"), "GET_orders_id");
        assert_eq!(identifier("2fa"), "_2fa");
        assert_eq!(identifier("in"), "in_");
        assert_eq!(identifier("/"), "_");
    }

    #[test]
    fn quoted_text_comes_back_from_cedar_as_it_was() {
        for text in ["plain", "a\"b\\c", "new\nline", "\u{0}\u{202e}é\u{301}", "'"] {
            let policy = format!("permit (principal == Role::{}, action, resource);", quote(text));
            let policy = cedar_policy::Policy::parse(None, policy).unwrap();
            let cedar_policy::PrincipalConstraint::Eq(uid) = policy.principal_constraint() else { panic!() };
            assert_eq!(uid.id().unescaped(), text);
        }
    }
}
