//! What is spoiled in a request, one part at a time. Each is something that some server has read in its own way.

use super::{
    chance::Chance,
    draft::{Body, Caller, Draft, Field},
    spellings::{
        CODINGS, COLONS, CONNECTIONS, ENDS, EXTENSIONS, FIELDS, FOLDS, GAPS, HOSTS, INSERTIONS, LENGTHS, METHODS,
        SIZES, TARGETS, TRAILERS, VERSIONS,
    },
};

/// A case: some requests on one connection, mutated.
pub fn case(caller: &Caller<'_>, chance: &mut Chance) -> Vec<u8> {
    let mut draft = Draft::lawful(caller, 0, chance);
    // Some stay lawful, so that the way behind them is known to be open.
    if chance.one_in(12) {
        return draft.write();
    }
    for _ in 0..=chance.below(3) {
        let (_, mutate) = chance.pick(&MUTATIONS);
        mutate(&mut draft, caller, chance);
    }
    let mut bytes = draft.write();
    if chance.one_in(6) {
        spoil_a_byte(&mut bytes, chance);
    }
    bytes
}

type Mutate = fn(&mut Draft, &Caller<'_>, &mut Chance);

const MUTATIONS: [(&str, Mutate); 20] = [
    ("line end", spoil_line_end),
    ("gap in the request line", spoil_gap),
    ("method", |draft, _, chance| draft.method = chance.pick(METHODS).into()),
    ("version", |draft, _, chance| draft.version = chance.pick(VERSIONS).into()),
    ("target", spoil_target),
    ("before the request line", |draft, _, chance| draft.before = chance.pick(ENDS).into()),
    ("host", spoil_host),
    ("colon", |draft, _, chance| {
        any_field(draft, chance).colon = chance.pick(COLONS).into();
    }),
    ("name", spoil_name),
    ("value", spoil_value),
    ("folded value", |draft, _, chance| {
        let fold = chance.pick(FOLDS);
        insert(&mut any_field(draft, chance).value, fold, chance);
    }),
    ("repeated field", repeat_field),
    ("length", spoil_length),
    ("length off by a little", spoil_length_by_little),
    ("coding", spoil_coding),
    ("other fields", |draft, _, chance| {
        let (name, value) = chance.pick(FIELDS);
        put(draft, Field::new(name, value), chance);
    }),
    ("connection", |draft, _, chance| put(draft, Field::new("Connection", chance.pick(CONNECTIONS)), chance)),
    ("chunk", spoil_chunk),
    ("trailers", add_trailers),
    ("pipelined", pipeline),
];

fn spoil_line_end(draft: &mut Draft, _: &Caller<'_>, chance: &mut Chance) {
    let end = chance.pick(ENDS).to_vec();
    match chance.below(4) {
        0 => draft.line_end = end,
        1 => draft.head_end = end,
        _ => any_field(draft, chance).end = end,
    }
}

fn spoil_gap(draft: &mut Draft, _: &Caller<'_>, chance: &mut Chance) {
    draft.gaps[chance.below(2)] = chance.pick(GAPS).into();
}

fn spoil_target(draft: &mut Draft, _: &Caller<'_>, chance: &mut Chance) {
    if chance.one_in(2) {
        draft.target = chance.pick(TARGETS).into();
    } else {
        insert(&mut draft.target, chance.pick(INSERTIONS), chance);
    }
}

fn spoil_host(draft: &mut Draft, _: &Caller<'_>, chance: &mut Chance) {
    let host = chance.pick(HOSTS);
    match chance.below(3) {
        0 => put(draft, Field::new("Host", host), chance),
        1 => draft.fields.retain(|field| !field.is("host")),
        _ => draft.fields.iter_mut().filter(|field| field.is("host")).for_each(|field| field.value = host.into()),
    }
}

fn spoil_name(draft: &mut Draft, _: &Caller<'_>, chance: &mut Chance) {
    let field = any_field(draft, chance);
    match chance.below(6) {
        0 => field.name.make_ascii_lowercase(),
        1 => field.name.make_ascii_uppercase(),
        2 => field.name = String::from_utf8_lossy(&field.name).replace('-', "_").into(),
        3 => field.name.insert(0, chance.pick(b" \t\0\x0b\r")),
        4 => field.name.push(chance.pick(b" \t\0\x0b\x7f\xff")),
        _ => insert(&mut field.name, chance.pick(INSERTIONS), chance),
    }
}

fn spoil_value(draft: &mut Draft, _: &Caller<'_>, chance: &mut Chance) {
    let value = &mut any_field(draft, chance).value;
    match chance.below(4) {
        0 => value.clear(),
        1 => value.extend_from_slice(&vec![b'a'; chance.below(9000)]),
        _ => insert(value, chance.pick(INSERTIONS), chance),
    }
}

fn repeat_field(draft: &mut Draft, _: &Caller<'_>, chance: &mut Chance) {
    let field = any_field(draft, chance);
    let mut again = Field::new("", field.value.clone());
    again.name.clone_from(&field.name);
    put(draft, again, chance);
}

fn spoil_length(draft: &mut Draft, _: &Caller<'_>, chance: &mut Chance) {
    let length = chance.pick(LENGTHS);
    let stated = draft.fields.iter_mut().find(|field| field.is("content-length"));
    match stated.filter(|_| chance.one_in(2)) {
        Some(field) => field.value = length.into(),
        None => put(draft, Field::new("Content-Length", length), chance),
    }
}

fn spoil_length_by_little(draft: &mut Draft, _: &Caller<'_>, chance: &mut Chance) {
    let Body::Plain(content) = &draft.body else { return };
    let other = (content.len() + 3).saturating_sub(chance.below(6));
    let other = chance.pick(&["", "+", "0", " ", "\t"]).to_owned() + &other.to_string();
    draft
        .fields
        .iter_mut()
        .filter(|field| field.is("content-length"))
        .for_each(|field| field.value = other.clone().into());
}

fn spoil_coding(draft: &mut Draft, _: &Caller<'_>, chance: &mut Chance) {
    let coding = chance.pick(CODINGS);
    let stated = draft.fields.iter_mut().find(|field| field.is("transfer-encoding"));
    if let Some(field) = stated.filter(|_| chance.one_in(2)) {
        field.value = coding.into();
    } else {
        let name = chance.pick(&["Transfer-Encoding", "transfer-encoding", "Transfer_Encoding", "Transfer-Encoding "]);
        put(draft, Field::new(name, coding), chance);
    }
}

fn spoil_chunk(draft: &mut Draft, _: &Caller<'_>, chance: &mut Chance) {
    let Body::Chunked { chunks, end, .. } = &mut draft.body else { return };
    let place = chance.below(chunks.len());
    let chunk = &mut chunks[place];
    match chance.below(7) {
        0 => chunk.size = chance.pick(SIZES).into(),
        1 => {
            let around =
                chance.pick(&[("0", ""), ("000000000000000000", ""), ("", " "), (" ", ""), ("", "\t"), ("+", "")]);
            chunk.size = [around.0.as_bytes(), &chunk.size, around.1.as_bytes()].concat();
        }
        2 => chunk.extension = chance.pick(EXTENSIONS).into(),
        3 => chunk.size_end = chance.pick(ENDS).into(),
        4 => chunk.data_end = chance.pick(ENDS).into(),
        5 => chunk.size = format!("{:X}", (chunk.data.len() + 3).saturating_sub(chance.below(6))).into(),
        _ => *end = chance.pick(ENDS).into(),
    }
}

fn add_trailers(draft: &mut Draft, caller: &Caller<'_>, chance: &mut Chance) {
    let hidden = format!("h{}", caller.case);
    let Body::Chunked { trailers, .. } = &mut draft.body else { return };
    let (name, value) = chance.pick(TRAILERS);
    trailers.push(Field::new(name, value));
    trailers.push(Field::new("X-Marker", hidden));
}

fn pipeline(draft: &mut Draft, caller: &Caller<'_>, chance: &mut Chance) {
    let mut second = Draft::lawful(caller, 1, chance).write();
    if chance.one_in(3) {
        second.truncate(chance.below(second.len()));
    }
    draft.after = second;
}

/// A change that knows nothing of HTTP.
fn spoil_a_byte(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let place = chance.below(bytes.len());
    match chance.below(6) {
        0 => bytes[place] ^= 1 << chance.below(8),
        1 => bytes[place] = chance.byte(),
        2 => drop(bytes.remove(place)),
        3 => insert(bytes, chance.pick(INSERTIONS), chance),
        4 => {
            let end = (place + chance.below(40)).min(bytes.len());
            let again = bytes[place..end].to_vec();
            bytes.splice(place..place, again);
        }
        _ => bytes.truncate(place.max(1)),
    }
}

fn any_field<'d>(draft: &'d mut Draft, chance: &mut Chance) -> &'d mut Field {
    if draft.fields.is_empty() {
        draft.fields.push(Field::new("A", "b"));
    }
    let place = chance.below(draft.fields.len());
    &mut draft.fields[place]
}

fn put(draft: &mut Draft, field: Field, chance: &mut Chance) {
    draft.fields.insert(chance.below(draft.fields.len() + 1), field);
}

fn insert(text: &mut Vec<u8>, what: &[u8], chance: &mut Chance) {
    let place = chance.below(text.len() + 1);
    text.splice(place..place, what.iter().copied());
}
