//! Every promise over the seeds of its fuzz target, and over random changes to them: the short run of what
//! `cargo xtask fuzz` does at length.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{env, fs, panic, path::Path};

/// Changed seeds for each target; `PORTCULLIS_FUZZ_ROUNDS` says otherwise.
const ROUNDS: u64 = 10_000;
const LONGEST: usize = 16 * 1024;

#[test]
fn promises_hold_over_seeds_and_what_becomes_of_them() {
    let rounds = env::var("PORTCULLIS_FUZZ_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    let broken: Vec<String> =
        invariants::ALL.iter().filter_map(|(name, hold)| first_broken(name, *hold, rounds)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The first bytes for which a promise does not hold.
fn first_broken(name: &str, hold: invariants::Hold, rounds: u64) -> Option<String> {
    let seeds = seeds(name);
    assert!(seeds.len() >= 3, "{name} has hardly any seeds");
    let mut chance = Chance(0x9E37_79B9);
    let changes = (0..rounds).map(|_| changed(&seeds, &mut chance));
    let mut all = seeds.iter().cloned().chain(changes);
    let broken = all.find(|bytes| panic::catch_unwind(|| hold(bytes)).is_err())?;
    Some(format!("{name} does not hold for {:?}", String::from_utf8_lossy(&broken)))
}

#[test]
fn each_target_has_a_corpus_and_each_corpus_a_target() {
    let mut corpora: Vec<String> =
        fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    corpora.sort();
    assert_eq!(corpora, invariants::ALL.map(|(name, _)| name.to_owned()));
    for (name, _) in invariants::ALL {
        let target = corpus().join(format!("../fuzz_targets/{name}.rs"));
        let text = fs::read_to_string(target).unwrap();
        assert!(text.contains(&format!("invariants::{name}::hold")), "{name}");
    }
}

fn corpus() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus"))
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<_> = fs::read_dir(corpus().join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// `SplitMix64`, so that a failure comes again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

/// Bytes that mean something to at least one reader.
const TELLING: [&[u8]; 24] = [
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b"%2f",
    b"%2e",
    b"%00",
    b"%25",
    b"/",
    b"..",
    b";",
    b"#",
    b"?",
    b"\"",
    b"{",
    b"}",
    b"0",
    b"-1",
    b"99999999999999999999",
    b"\xff",
];

fn changed(seeds: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = seeds[chance.below(seeds.len())].clone();
    for _ in 0..=chance.below(4) {
        let place = chance.below(bytes.len() + 1);
        match chance.below(6) {
            0 if place < bytes.len() => bytes[place] = u8::try_from(chance.below(256)).unwrap(),
            1 if place < bytes.len() => bytes[place] ^= 1 << chance.below(8),
            2 => {
                let end = (place + 1 + chance.below(8)).min(bytes.len());
                bytes.drain(place.min(end)..end);
            }
            3 => drop(bytes.splice(place..place, TELLING[chance.below(TELLING.len())].iter().copied())),
            4 => {
                let other = &seeds[chance.below(seeds.len())];
                let begin = chance.below(other.len() + 1);
                let end = (begin + chance.below(32)).min(other.len());
                bytes.splice(place..place, other[begin..end].iter().copied());
            }
            _ => {
                let end = (place + chance.below(32)).min(bytes.len());
                let again = bytes[place..end].to_vec();
                bytes.splice(place..place, again);
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}
