//! API keys in the database, from the outside.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

use store::{DEFAULT_LIFETIME, KeyChange, KeyId, NewKey, Store, StoreError};

const NOW: u64 = 1_800_000_000;

async fn open() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("data")).await.unwrap();
    (dir, store)
}

fn orders() -> NewKey {
    NewKey { scopes: vec!["orders:read".into(), "orders:write".into()], ..NewKey::new("shop", "laptop") }
}

#[tokio::test]
async fn a_created_key_is_found_by_its_digest_alone() {
    let (_dir, store) = open().await;
    let (key, record) = store.create_key(orders(), NOW).await.unwrap();
    assert_eq!(store.find_key(&key.digest()).await.unwrap().unwrap(), record);
    assert_eq!(record.expires, NOW + DEFAULT_LIFETIME.as_secs());
    let (other, _) = store.create_key(orders(), NOW).await.unwrap();
    assert_ne!(other.expose(), key.expose());
    let unknown = store::api_key::ApiKey::generate().unwrap();
    assert_eq!(store.find_key(&unknown.digest()).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_is_live_until_the_second_it_expires() {
    let (_dir, store) = open().await;
    let (_, record) = store.create_key(orders(), NOW).await.unwrap();
    assert!(record.is_live(record.expires - 1));
    assert!(!record.is_live(record.expires));
}

#[tokio::test]
async fn a_revocation_is_seen_by_another_process_without_a_close() {
    let (dir, store) = open().await;
    let (key, record) = store.create_key(orders(), NOW).await.unwrap();
    let other = Store::open(&dir.path().join("data")).await.unwrap();
    let before = other.change_counter().await.unwrap();
    store.revoke_key(&record.id, NOW + 1).await.unwrap();
    let seen = other.find_key(&key.digest()).await.unwrap().unwrap();
    assert_eq!(seen.revoked, Some(NOW + 1));
    assert!(!seen.is_live(NOW));
    assert_ne!(other.change_counter().await.unwrap(), before);
}

#[tokio::test]
async fn a_change_replaces_what_it_names_and_counts_for_other_processes() {
    let (_dir, store) = open().await;
    let (key, record) = store.create_key(orders(), NOW).await.unwrap();
    let before = store.change_counter().await.unwrap();
    let roles = KeyChange { roles: Some(vec!["auditor".into()]), ..KeyChange::default() };
    let changed = store.change_key(&record.id, roles, NOW + 1).await.unwrap();
    assert_eq!((&changed.scopes, changed.roles.as_slice()), (&record.scopes, &["auditor".to_owned()][..]));
    assert_eq!(store.find_key(&key.digest()).await.unwrap().unwrap(), changed);
    assert_ne!(store.change_counter().await.unwrap(), before);
    let bad = KeyChange { scopes: Some(vec!["a b".into()]), ..KeyChange::default() };
    assert!(matches!(store.change_key(&record.id, bad, NOW).await, Err(StoreError::InvalidScope(_))));
    let late = store.change_key(&record.id, KeyChange::default(), record.expires).await;
    assert!(matches!(late, Err(StoreError::NotLive(_))));
}

#[tokio::test]
async fn a_second_revocation_keeps_the_first_time() {
    let (_dir, store) = open().await;
    let (_, record) = store.create_key(orders(), NOW).await.unwrap();
    store.revoke_key(&record.id, NOW + 1).await.unwrap();
    assert_eq!(store.revoke_key(&record.id, NOW + 9).await.unwrap().revoked, Some(NOW + 1));
}

#[tokio::test]
async fn an_unknown_key_can_be_neither_revoked_nor_rolled_and_counts_no_change() {
    let (_dir, store) = open().await;
    let id = KeyId("key_0000000000000000".into());
    assert!(matches!(store.revoke_key(&id, NOW).await, Err(StoreError::UnknownKey(_))));
    assert!(matches!(store.roll_key(&id, Duration::ZERO, NOW).await, Err(StoreError::UnknownKey(_))));
    assert_eq!(store.change_counter().await.unwrap(), 0);
}

#[tokio::test]
async fn a_rolled_key_lives_for_its_grace_and_its_successor_for_as_long_as_it_did() {
    let (_dir, store) = open().await;
    let (old_key, old) = store.create_key(orders(), NOW).await.unwrap();
    let (new_key, new) = store.roll_key(&old.id, Duration::from_mins(1), NOW + 100).await.unwrap();
    let old = store.find_key(&old_key.digest()).await.unwrap().unwrap();
    assert_eq!(old.expires, NOW + 160);
    assert_eq!(new.expires, NOW + 100 + DEFAULT_LIFETIME.as_secs());
    assert_eq!((&new.owner, &new.name, &new.scopes), (&old.owner, &old.name, &old.scopes));
    assert_ne!(new.id, old.id);
    assert!(store.find_key(&new_key.digest()).await.unwrap().is_some());
    assert_eq!(store.change_counter().await.unwrap(), 1);
}

#[tokio::test]
async fn a_roll_never_lengthens_the_life_of_the_old_key_nor_revives_a_dead_one() {
    let (_dir, store) = open().await;
    let short = NewKey { expires_in: Duration::from_secs(10), ..orders() };
    let (key, old) = store.create_key(short, NOW).await.unwrap();
    store.roll_key(&old.id, Duration::from_hours(1), NOW).await.unwrap();
    assert_eq!(store.find_key(&key.digest()).await.unwrap().unwrap().expires, NOW + 10);
    assert!(matches!(store.roll_key(&old.id, Duration::ZERO, NOW + 10).await, Err(StoreError::NotLive(_))));
    store.revoke_key(&old.id, NOW).await.unwrap();
    assert!(matches!(store.roll_key(&old.id, Duration::ZERO, NOW).await, Err(StoreError::NotLive(_))));
}

#[tokio::test]
async fn the_last_use_only_moves_forward_and_is_no_change() {
    let (_dir, store) = open().await;
    let (_, record) = store.create_key(orders(), NOW).await.unwrap();
    let gone = KeyId("key_gone".into());
    store.touch_last_used(&[(record.id.clone(), NOW + 5), (gone, NOW), (record.id.clone(), NOW + 3)]).await.unwrap();
    assert_eq!(store.list_keys().await.unwrap()[0].last_used, Some(NOW + 5));
    assert_eq!(store.change_counter().await.unwrap(), 0);
}

#[tokio::test]
async fn what_cannot_be_logged_or_compared_safely_is_refused() {
    let (_dir, store) = open().await;
    for label in ["", "a\nb", "a\u{2028}b", "\u{1b}[31m", &"x".repeat(129)] {
        let made = store.create_key(NewKey::new(label, "n"), NOW).await;
        assert!(matches!(made, Err(StoreError::InvalidLabel { field: "owner", .. })), "{label:?}");
    }
    for scope in ["", "a b", "a\"", "a\\", "ä"] {
        let made = store.create_key(NewKey { scopes: vec![scope.into()], ..orders() }, NOW).await;
        assert!(matches!(made, Err(StoreError::InvalidScope(_))), "{scope:?}");
    }
    for lifetime in [Duration::ZERO, store::MAX_LIFETIME + Duration::from_secs(1)] {
        let made = store.create_key(NewKey { expires_in: lifetime, ..orders() }, NOW).await;
        assert!(matches!(made, Err(StoreError::InvalidLifetime { .. })));
    }
    assert!(store.list_keys().await.unwrap().is_empty());
}

#[tokio::test]
async fn only_the_owner_can_read_the_folder_and_every_file_in_it() {
    let (dir, store) = open().await;
    store.create_key(orders(), NOW).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let data = dir.path().join("data");
    assert_eq!(mode(&data), 0o700);
    for file in std::fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn a_folder_that_others_may_write_to_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Store::open(dir.path()).await, Err(StoreError::Exposed { mode: 0o777, .. })));
}

#[tokio::test]
async fn no_file_holds_the_text_of_a_key() {
    let (dir, store) = open().await;
    let (key, _) = store.create_key(orders(), NOW).await.unwrap();
    for file in std::fs::read_dir(dir.path().join("data")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(43).any(|window| window == &key.expose().as_bytes()[9..52]));
    }
}
