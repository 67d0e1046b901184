//! Room for buckets that nobody has yet costs nothing but addresses.
#![allow(clippy::unwrap_used, missing_docs)]

use limits::Table;

/// Pages of this process that are in memory (proc(5), `statm`).
fn resident_pages() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_table_is_resident_only_where_somebody_is_counted() {
    let before = resident_pages();
    let table = Table::new(1 << 22);
    // 96 MiB of buckets.
    assert!(table.capacity() >= 1 << 22);
    let grown = resident_pages().saturating_sub(before);
    assert!(grown < 1024, "{grown} pages");
}
