//! What is read, and what is not.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};
use strict_json::{Bounds, NotJson, read};

const BOUNDS: Bounds = Bounds { depth: 32, values: 10_000 };

fn refused(text: &str) -> NotJson {
    read(text.as_bytes(), BOUNDS).unwrap_err()
}

#[test]
fn members_of_one_name_are_refused_at_any_depth_however_they_are_written() {
    assert_eq!(refused(r#"{"a":1,"a":2}"#), NotJson::Duplicate);
    assert_eq!(refused(r#"{"a":[{"b":1,"\u0062":2}]}"#), NotJson::Duplicate);
    let many: Vec<String> = (0..100).map(|n| format!("\"m{n}\":1")).collect();
    assert!(read(format!("{{{}}}", many.join(",")).as_bytes(), BOUNDS).is_ok());
    for twice in [0, 15, 16, 17, 99] {
        assert_eq!(refused(&format!("{{{},\"m{twice}\":1}}", many.join(","))), NotJson::Duplicate);
    }
}

#[test]
fn depth_is_bounded_long_before_the_stack_is() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(nested(32).as_bytes(), BOUNDS).is_ok());
    assert_eq!(refused(&nested(33)), NotJson::TooDeep);
    assert_eq!(refused(&"[".repeat(100_000)), NotJson::TooDeep);
    assert_eq!(refused(&"{\"a\":".repeat(100_000)), NotJson::TooDeep);
}

#[test]
fn values_are_counted() {
    let list = |items: usize| format!("[{}]", vec!["1"; items].join(","));
    assert!(read(list(9_999).as_bytes(), BOUNDS).is_ok());
    assert_eq!(refused(&list(10_000)), NotJson::TooMany);
}

#[test]
fn commas_in_strings_count_for_nothing_however_they_are_escaped() {
    for commas in [",", "\\\",", "\\\\,", ",\\u0022"] {
        let text = format!("[\"{}\",\"{}\"]", commas.repeat(20_000), commas.repeat(20_000));
        assert!(read(text.as_bytes(), BOUNDS).is_ok(), "{commas}");
        let more = format!("[\"{}\",{}1]", commas.repeat(20_000), "1,".repeat(10_000));
        assert_eq!(refused(&more), NotJson::TooMany, "{commas}");
    }
    // A string without an end has no end to look behind.
    for end in ["", "\\", "\\\""] {
        assert_eq!(refused(&format!("[{}\"{end}", "1,".repeat(9_000))), NotJson::Malformed, "{end}");
    }
}

#[test]
fn numbers_that_readers_understand_differently_are_refused() {
    for text in ["18446744073709551616", "-9223372036854775809000", "1e400", "-1e400", "1e20", "[1e309]"] {
        assert_eq!(refused(text), NotJson::Number, "{text}");
    }
    for text in ["18446744073709551615", "-9223372036854775808", "1e2", "0.1", "-0", "1e-400"] {
        assert!(read(text.as_bytes(), BOUNDS).is_ok(), "{text}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for text in ["", "{} {}", "01", "1.", "NaN", "{'a':1}", "[1,]", "\u{feff}{}", r#""\ud800""#, "\"\u{1}\"", "// x\n1"]
    {
        assert_eq!(refused(text), NotJson::Malformed, "{text:?}");
    }
    assert_eq!(read(b"\"\xff\"", BOUNDS).unwrap_err(), NotJson::Malformed);
    assert_eq!(read(b"\"\xc0\xae\"", BOUNDS).unwrap_err(), NotJson::Malformed);
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e15..1e15f64).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..8).prop_map(|map| json!(map)),
        ]
    })
}

#[test]
fn a_number_is_read_as_the_nearest_double() {
    let text = "-13181170920082.887";
    assert_eq!(read(text.as_bytes(), BOUNDS).unwrap().to_value(), json!(-13_181_170_920_082.887));
    assert_eq!(read(text.as_bytes(), BOUNDS).unwrap().to_value().to_string(), text);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in values()) {
        let text = value.to_string();
        let tree = read(text.as_bytes(), BOUNDS).unwrap();
        prop_assert_eq!(&tree.to_value(), &value);
        prop_assert_eq!(serde_json::to_string(&tree).unwrap().parse::<Value>().unwrap(), value);
    }

    #[test]
    fn any_bytes_are_read_or_refused_as_serde_json_does(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(tree) = read(&bytes, BOUNDS) {
            prop_assert_eq!(tree.to_value(), serde_json::from_slice::<Value>(&bytes).unwrap());
        }
    }

    #[test]
    fn near_json_is_read_or_refused_as_serde_json_does(text in r#"[\[\]{}":,0-9.eE+\-truefalsn\\ u]{0,24}"#) {
        if let Ok(tree) = read(text.as_bytes(), BOUNDS) {
            prop_assert_eq!(tree.to_value(), text.parse::<Value>().unwrap());
        }
    }
}
