//! The cache's key: the facts that can be read, written out in full.
//!
//! Not a hash, so that two questions share an entry only if no policy can tell them apart. Each fact is tagged and has its
//! length before it. Which facts follow is settled by what stands before them: the action and the memberships decide
//! which policies apply, and those decide what can be read.

use std::net::IpAddr;

use crate::{
    index::Matched,
    question::{Question, Value},
    slot::{Fact, Slot, Unusable},
};

/// Longer keys are not kept: a caller could fill the memory with them.
const MAX_KEY: usize = 1024;

/// The key of a question; nothing if its decision should not be kept.
pub(crate) fn of(matched: &Matched<'_>, question: &Question<'_>) -> Result<Option<Vec<u8>>, Unusable> {
    if matched.slots().any(Slot::varies) {
        return Ok(None);
    }
    let mut key = Vec::with_capacity(128);
    key.extend_from_slice(&matched.index.number.to_le_bytes());
    write_length(&mut key, matched.members.len());
    for member in &matched.members {
        key.extend_from_slice(&member.to_le_bytes());
    }
    for slot in matched.slots() {
        write(&mut key, &slot.read(question)?);
        if key.len() > MAX_KEY {
            return Ok(None);
        }
    }
    Ok(Some(key))
}

fn write(key: &mut Vec<u8>, fact: &Fact<'_>) {
    match fact {
        Fact::Absent => key.push(0),
        Fact::Kind(kind) => key.extend_from_slice(&[1, *kind as u8]),
        Fact::Address(IpAddr::V4(address)) => {
            key.push(2);
            key.extend_from_slice(&address.octets());
        }
        Fact::Address(IpAddr::V6(address)) => {
            key.push(3);
            key.extend_from_slice(&address.octets());
        }
        Fact::Time(number) => write_number(key, 4, *number),
        Fact::Value(Value::String(text)) => write_text(key, text),
        Fact::Value(Value::Long(number)) => write_number(key, 6, *number),
        Fact::Value(Value::Bool(truth)) => key.extend_from_slice(&[7, u8::from(*truth)]),
        Fact::Value(Value::Strings(texts)) => {
            key.push(8);
            write_length(key, texts.len());
            for text in texts {
                write_text(key, text);
            }
        }
    }
}

fn write_number(key: &mut Vec<u8>, tag: u8, number: i64) {
    key.push(tag);
    key.extend_from_slice(&number.to_le_bytes());
}

fn write_text(key: &mut Vec<u8>, text: &str) {
    key.push(5);
    write_length(key, text.len());
    key.extend_from_slice(text.as_bytes());
}

fn write_length(key: &mut Vec<u8>, length: usize) {
    key.extend_from_slice(&(length as u64).to_le_bytes());
}
