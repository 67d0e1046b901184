//! What it costs to admit a request.

use limits::{Calendar, Demand, Gcra, Measure, Moment, Quota, Table};

fn main() {
    divan::main();
}

const SECOND: u64 = 1_000_000_000;

/// One of so many callers, by one, two and four limits, with its key made each time.
#[divan::bench(args = [(1, 1_000), (2, 1_000), (4, 1_000), (1, 100_000)], sample_size = 10_000)]
fn admit(bencher: divan::Bencher, (limits, callers): (usize, u64)) {
    let table = Table::new(1 << 20);
    let measures = [
        Measure::Rate(Gcra::new(1_000_000, SECOND, 1_000_000)),
        Measure::Quota(Quota { requests: u32::MAX, period: Calendar::Month, carry_over: 0 }),
        Measure::Rate(Gcra::new(1_000_000, SECOND, 1_000_000)),
        Measure::Rate(Gcra::new(1_000_000, SECOND, 1_000_000)),
    ];
    let mut number = 0_u64;
    let mut admit = || {
        number += 1;
        let name = (number.wrapping_mul(7_919) % callers).to_le_bytes();
        let demand =
            |(limit, measure)| Demand { key: table.key(limit, [b"client".as_slice(), &name]), limit, measure, cost: 1 };
        let demands: [Demand<'_>; 4] =
            std::array::from_fn(|at| demand((u64::try_from(at).unwrap_or(0), &measures[at])));
        table.admit(Moment(number * 1_000), &demands[..limits]).is_ok()
    };
    // Memory that is touched for the first time is the kernel's cost.
    (0..callers).for_each(|_| assert!(admit()));
    bencher.bench_local(admit);
}

/// A caller who is refused.
#[divan::bench]
fn refuse(bencher: divan::Bencher) {
    let table = Table::new(1 << 20);
    let measure = Measure::Rate(Gcra::new(1, 86_400 * SECOND, 1));
    let key = table.key(1, [b"client".as_slice()]);
    let demand = [Demand { key, limit: 1, measure: &measure, cost: 1 }];
    bencher.bench_local(|| table.admit(Moment(SECOND), &demand).is_err());
}
