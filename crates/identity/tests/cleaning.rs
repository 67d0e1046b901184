//! What has expired goes by itself, and nobody waits for it.
//!
//! `PORTCULLIS_EXPIRED=1000000 cargo test --release -p identity --test cleaning -- --nocapture` is the long form: it
//! prints how long the token endpoint takes before and while a million rows go.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod asking;
mod visiting;

use std::time::{Duration, Instant};

use asking::shop;
use http::StatusCode;
use identity::{Client, ClientKind, TokenFormat};
use visiting::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_tokens_go_in_batches_and_live_ones_stay() {
    let many: u64 = std::env::var("PORTCULLIS_EXPIRED").map_or(5_000, |text| text.parse().unwrap());
    let house = House::with(shop).await;
    let (client, secret) =
        house.client(ClientKind::Service, |client| client.token_format = Some(TokenFormat::Opaque)).await;
    fill(&house, many).await;
    let before = latencies(&house, &client, &secret, 3_000).await;
    let size = size(&house);
    let cleaning = tokio::spawn(house.identity.clone().clean());
    let (mut during, began) = (Vec::new(), Instant::now());
    while rows(&house).await > 0 {
        during.extend(latencies(&house, &client, &secret, 50).await);
    }
    println!("{many} expired rows went in {:.1} s", began.elapsed().as_secs_f64());
    for share in [50, 90, 99] {
        println!(
            "{share} % of /token within {:?} before, {:?} meanwhile",
            within(share, &before),
            within(share, &during)
        );
    }
    println!("{} tokens meanwhile", during.len());
    println!("file: {size} bytes before, {} after", self::size(&house));
    assert_eq!(house.identity.cleanup_lag().await.unwrap(), Duration::ZERO);
    cleaning.abort();
    let body = house.client_credentials(&client, &secret, &[]).await.json();
    house.identity.clean_once().await.unwrap();
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(house.introspect(&client, &secret, token).await["active"], true);
}

/// Puts rows into the database that expired before the house was opened.
async fn fill(house: &House, many: u64) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(house.folder.path().join(identity::DATABASE));
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
                INSERT INTO opaque (digest, claims, expires) SELECT randomblob(32), hex(randomblob(300)), $2 - i % 600 FROM n";
    let expired = i64::try_from(house.now()).unwrap() - 1;
    sqlx::query(fill).bind(i64::try_from(many).unwrap()).bind(expired).execute(&pool).await.unwrap();
    assert!(house.identity.cleanup_lag().await.unwrap() >= Duration::from_mins(10));
    pool.close().await;
}

async fn rows(house: &House) -> u64 {
    house.identity.cleanup_lag().await.unwrap().as_secs()
}

fn size(house: &House) -> u64 {
    std::fs::metadata(house.folder.path().join(identity::DATABASE)).unwrap().len()
}

async fn latencies(house: &House, client: &Client, secret: &str, many: usize) -> Vec<Duration> {
    let mut times = Vec::with_capacity(many);
    for _ in 0..many {
        let began = Instant::now();
        assert_eq!(house.client_credentials(client, secret, &[]).await.status(), StatusCode::OK);
        times.push(began.elapsed());
    }
    times
}

/// The time within which so many in a hundred were done.
fn within(share: usize, times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times.get(times.len().saturating_mul(share) / 100).copied().unwrap_or_default()
}
