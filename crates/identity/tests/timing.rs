//! Whether the time of an answer tells that there is such a user.
//!
//! A few tries only see that it works; `cargo xtask timing` makes many, in a release, and judges them by Welch's t-test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_precision_loss, missing_docs, unreachable_pub, dead_code)]

mod visiting;

use std::time::Instant;

use http::StatusCode;
use visiting::{Browser, House};

/// Past this, two means differ by more than chance (dudect, TVLA).
const THRESHOLD: f64 = 4.5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_and_wrong_passwords_take_the_same_time() {
    let asked = std::env::var("PORTCULLIS_TRIES").ok().map(|text| text.parse::<usize>().unwrap());
    let house = House::open().await;
    house.person("anna").await;
    let mut browser = house.browser();
    browser.get("/login").await;
    let csrf = visiting::hidden(&browser.page, "/login").unwrap();
    let (mut strangers, mut known) = (Vec::new(), Vec::new());
    for number in 0..asked.unwrap_or(3) {
        // By turns, so that whatever else the machine does falls on both.
        for first in [number % 2 == 0, number % 2 != 0] {
            // Past what failures are remembered for.
            house.clock.forward(4_000);
            let (times, name) = if first { (&mut strangers, "bela") } else { (&mut known, "anna") };
            times.push(timed(&mut browser, &csrf, name).await);
        }
    }
    let t = welch(&strangers, &known);
    println!(
        "{} tries each: strangers {:.3} ms, wrong passwords {:.3} ms, t = {t:.2}",
        known.len(),
        mean(&strangers) * 1e3,
        mean(&known) * 1e3
    );
    if asked.is_some() {
        assert!(t.abs() < THRESHOLD, "the time of an answer tells who is known: |t| = {:.2}", t.abs());
    }
}

async fn timed(browser: &mut Browser, csrf: &str, name: &str) -> f64 {
    let begun = Instant::now();
    let answer = browser.post_as_it_is("/login", &[("csrf", csrf), ("name", name), ("password", "a guess")]).await;
    let time = begun.elapsed().as_secs_f64();
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    time
}

/// Welch's t: the difference of two means by what it would vary by chance.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let spread = variance(one) / one.len() as f64 + variance(other) / other.len() as f64;
    (mean(one) - mean(other)) / spread.sqrt()
}

fn mean(times: &[f64]) -> f64 {
    times.iter().sum::<f64>() / times.len() as f64
}

fn variance(times: &[f64]) -> f64 {
    let mean = mean(times);
    times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (times.len() as f64 - 1.0)
}
