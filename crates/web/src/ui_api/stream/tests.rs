//! Nobody misses an event without being told.

use super::*;
use crate::limits::STREAM_EVENTS_HELD;
use crate::telemetry::Telemetry;

const BORN_MS: i64 = 1_000_000;

fn hub() -> (Hub, Telemetry) {
    let telemetry = Telemetry::default();
    (Hub::new(BORN_MS, telemetry.clone()), telemetry)
}

fn publish(hub: &Hub, count: u64) {
    for number in 0..count {
        hub.publish(Topic::Tick, &number);
    }
}

/// What the client has waiting, as `id` or `gap N until id`.
fn waiting(client: &mut Client) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(Some(delivery)) = futures::FutureExt::now_or_never(client.next()) {
        all.push(match delivery {
            Delivery::Event(event) => event.id.to_string(),
            Delivery::Gap { dropped, id } => format!("gap {dropped} until {id}"),
        });
    }
    all
}

#[test]
fn a_new_client_gets_what_happens_from_now_on() {
    let (hub, telemetry) = hub();
    publish(&hub, 2);
    let mut client = hub.join(Topic::ALL.to_vec(), None).unwrap();
    assert!(waiting(&mut client).is_empty());
    publish(&hub, 2);
    assert_eq!(waiting(&mut client), ["1000003", "1000004"]);
    assert_eq!(telemetry.stream_clients.get(), 1);
    drop(client);
    assert_eq!(telemetry.stream_clients.get(), 0);
}

#[test]
fn a_client_that_comes_back_gets_what_is_still_held() {
    let (hub, _) = hub();
    publish(&hub, 5);
    let mut client = hub.join(Topic::ALL.to_vec(), Some(1_000_003)).unwrap();
    publish(&hub, 1);
    assert_eq!(waiting(&mut client), ["1000004", "1000005", "1000006"]);
    let mut up_to_date = hub.join(Topic::ALL.to_vec(), Some(1_000_006)).unwrap();
    assert!(waiting(&mut up_to_date).is_empty());
}

#[test]
fn what_is_gone_is_told_as_one_gap() {
    let (hub, _) = hub();
    let held = STREAM_EVENTS_HELD as u64;
    publish(&hub, held + 10);
    let mut client = hub.join(Topic::ALL.to_vec(), Some(1_000_004)).unwrap();
    let got = waiting(&mut client);
    assert_eq!(got.first().map(String::as_str), Some("gap 6 until 1000010"));
    assert_eq!(got.len() as u64, held + 1);
}

#[test]
fn ids_of_another_life_of_the_process_are_a_gap() {
    let (hub, _) = hub();
    publish(&hub, 3);
    let mut after_restart = hub.join(Topic::ALL.to_vec(), Some(999_000)).unwrap();
    assert_eq!(
        waiting(&mut after_restart).first().map(String::as_str),
        Some("gap 1000 until 1000000")
    );
    let mut from_the_future = hub.join(Topic::ALL.to_vec(), Some(u64::MAX)).unwrap();
    assert_eq!(waiting(&mut from_the_future), ["gap 3 until 1000003"]);
}

#[test]
fn a_slow_client_is_told_what_it_lost_and_it_is_counted() {
    let (hub, telemetry) = hub();
    let mut client = hub.join(Topic::ALL.to_vec(), None).unwrap();
    let held = STREAM_EVENTS_HELD as u64;
    publish(&hub, held + 7);
    let got = waiting(&mut client);
    assert_eq!(got.first().map(String::as_str), Some("gap 7 until 1000007"));
    assert_eq!(got.get(1).map(String::as_str), Some("1000008"));
    assert_eq!(telemetry.stream_events_dropped.get(), 7);
}

#[test]
fn only_the_topics_asked_for_are_delivered() {
    let (hub, _) = hub();
    publish(&hub, 1);
    hub.publish(Topic::Alerts, &"a");
    let mut client = hub.join(vec![Topic::Alerts], Some(1_000_000)).unwrap();
    publish(&hub, 1);
    hub.publish(Topic::Alerts, &"b");
    assert_eq!(waiting(&mut client), ["1000002", "1000004"]);
}

#[test]
fn the_number_of_clients_is_bounded() {
    let (hub, _) = hub();
    let mut clients: Vec<_> = (0..STREAM_CLIENTS_MAX)
        .map(|_| hub.join(Topic::ALL.to_vec(), None).unwrap())
        .collect();
    assert!(hub.join(Topic::ALL.to_vec(), None).is_none());
    clients.pop();
    assert!(hub.join(Topic::ALL.to_vec(), None).is_some());
}
