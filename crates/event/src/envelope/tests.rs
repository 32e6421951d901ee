use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn limits() -> Limits {
    Limits { max_record_bytes: 1 << 20, max_inflated_bytes: 1 << 20, max_depth: 16 }
}

fn keyring() -> Keyring {
    Keyring::new(Some("b"), [("a".to_owned(), [1; 32]), ("b".to_owned(), [2; 32])]).unwrap()
}

fn out(value: impl Into<Bytes>) -> OutRecord {
    OutRecord {
        topic: "topic".into(),
        partition: None,
        key: Some("key".into()),
        headers: Headers::from_iter([("ce_id", "1")]),
        value: Some(value.into()),
    }
}

fn received(sent: OutRecord) -> Record {
    Record { offset: 0, timestamp: 0, key: sent.key, value: sent.value, headers: sent.headers }
}

mod vectors {
    use super::*;

    fn file() -> Value {
        serde_json::from_str(include_str!("../../../../schemas/envelope-vectors.json")).unwrap()
    }

    fn bytes(hex: &Value) -> Option<Vec<u8>> {
        let hex = hex.as_str()?;
        Some((0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect())
    }

    fn keyring(file: &Value, active: Option<&str>) -> Keyring {
        let keys = file["keys_hex"].as_object().unwrap();
        let keys = keys.iter().map(|(id, key)| (id.clone(), bytes(key).unwrap().try_into().unwrap()));
        Keyring::new(active, keys).unwrap()
    }

    fn record(vector: &Value) -> Record {
        let headers = vector["headers"].as_object().unwrap();
        Record {
            offset: 0,
            timestamp: 0,
            key: bytes(&vector["key_hex"]).map(Bytes::from),
            value: bytes(&vector["value_hex"]).map(Bytes::from),
            headers: headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap().to_owned()))
                .collect(),
        }
    }

    #[test]
    fn valid_records_open() {
        let file = file();
        let vectors = file["valid"].as_array().unwrap();
        assert!(vectors.len() >= 10);
        for vector in vectors {
            let payload =
                open(vector["topic"].as_str().unwrap(), &record(vector), &keyring(&file, None), &limits());
            assert_eq!(
                payload.as_deref(),
                Ok(&*bytes(&vector["plaintext_hex"]).unwrap()),
                "{}",
                vector["name"]
            );
        }
    }

    #[test]
    fn records_are_sealed_as_the_vectors_say() {
        let file = file();
        for vector in file["valid"].as_array().unwrap() {
            let Record { key, headers, value, .. } = record(vector);
            let encoding = headers.text(ENCODING).unwrap().to_owned();
            let topic: Arc<str> = vector["topic"].as_str().unwrap().into();
            if let Some(expected) = bytes(&vector["associated_data_hex"]) {
                assert_eq!(
                    associated_data(&encoding, &topic, key.as_deref()),
                    expected,
                    "{}",
                    vector["name"]
                );
            }
            let plain = OutRecord {
                topic: Arc::clone(&topic),
                partition: None,
                key,
                headers: Headers::new(),
                value: bytes(&vector["plaintext_hex"]).map(Bytes::from),
            };
            let sealing = Sealing { compress: encoding.contains("lz4"), encrypt: encoding.contains("aes") };
            let nonce = bytes(&vector["nonce_hex"]).map_or([0; 12], |nonce| nonce.try_into().unwrap());
            let keyring = keyring(&file, headers.text(KEY_ID));
            let sealed = seal(plain.clone(), &sealing, &keyring, nonce).unwrap();
            assert_eq!(sealed.headers, headers, "{}", vector["name"]);
            if !sealing.compress {
                assert_eq!(sealed.value, value, "{}", vector["name"]);
            }
            assert_eq!(open(&topic, &received(sealed), &keyring, &limits()).ok(), plain.value);
        }
    }

    #[test]
    fn invalid_records_are_refused() {
        let file = file();
        let vectors = file["invalid"].as_array().unwrap();
        assert!(vectors.len() >= 20);
        for vector in vectors {
            let payload =
                open(vector["topic"].as_str().unwrap(), &record(vector), &keyring(&file, None), &limits());
            assert_eq!(
                payload.map_err(|error| error.code()),
                Err(vector["error"].as_str().unwrap()),
                "{}",
                vector["name"]
            );
        }
    }
}

#[test]
fn records_in_no_envelope_are_not_copied() {
    let record = received(out("{}"));
    let payload = open("topic", &record, &Keyring::empty(), &limits()).unwrap();
    assert_eq!(payload.as_ptr(), record.value.unwrap().as_ptr());
    assert_eq!(open("topic", &Record::default(), &keyring(), &limits()).unwrap_err().code(), "no-payload");
}

#[test]
fn sealing_is_refused_where_it_would_mislead() {
    let both = Sealing { compress: true, encrypt: true };
    let sealed = seal(out("x"), &both, &keyring(), [0; 12]).unwrap();
    assert_eq!(seal(sealed, &both, &keyring(), [0; 12]).unwrap_err().code(), "already-sealed");
    assert_eq!(seal(out("x"), &both, &Keyring::empty(), [0; 12]).unwrap_err().code(), "no-active-key");
    let tombstone = OutRecord { value: None, ..out("") };
    assert_eq!(seal(tombstone.clone(), &both, &keyring(), [0; 12]), Ok(tombstone));
    assert_eq!(seal(out("x"), &Sealing::default(), &keyring(), [0; 12]), Ok(out("x")));
}

#[test]
fn other_headers_stay_and_the_key_id_tells_the_key() {
    let sealed = seal(out("x"), &Sealing { compress: false, encrypt: true }, &keyring(), [7; 12]).unwrap();
    let names: Vec<_> = sealed.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["ce_id", ENCODING, KEY_ID, NONCE]);
    assert_eq!(sealed.headers.text(KEY_ID), Some("b"));
    let rotated = Keyring::new(Some("c"), [("c".to_owned(), [3; 32]), ("b".to_owned(), [2; 32])]).unwrap();
    assert_eq!(open("topic", &received(sealed.clone()), &rotated, &limits()).as_deref(), Ok(&b"x"[..]));
    let other = Keyring::new(Some("b"), [("b".to_owned(), [9; 32])]).unwrap();
    assert_eq!(open("topic", &received(sealed.clone()), &other, &limits()).unwrap_err().code(), "tampered");
    assert_eq!(
        open("topic", &received(sealed), &Keyring::empty(), &limits()).unwrap_err().code(),
        "unknown-key"
    );
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    let zeros = vec![0; 4 << 20];
    let sealed =
        received(seal(out(zeros), &Sealing { compress: true, encrypt: false }, &keyring(), [0; 12]).unwrap());
    assert!(sealed.value.as_ref().unwrap().len() < 64 << 10);
    let opened = open("topic", &sealed, &keyring(), &limits());
    assert_eq!(opened.unwrap_err().code(), "inflates-too-far");
    let exact = Limits { max_inflated_bytes: 4 << 20, ..limits() };
    assert_eq!(open("topic", &sealed, &keyring(), &exact).unwrap().len(), 4 << 20);
    let frame = sealed.value.unwrap();
    assert!(inflate(&frame, 4 << 20).unwrap().capacity() <= 4 << 20);
}

#[test]
fn large_records_are_refused_as_stored() {
    let record = received(out(vec![b' '; 101]));
    let small = Limits { max_record_bytes: 100, ..limits() };
    let error = open("topic", &record, &keyring(), &small).unwrap_err();
    assert_eq!(
        (error.code(), error.to_string()),
        ("too-large", "the payload has 101 bytes, more than the 100 allowed".into())
    );
}

#[test]
fn parts_of_the_associated_data_cannot_be_shifted() {
    let data = associated_data("aes256gcm", "t", Some(b"k"));
    assert_eq!(data, b"\0\0\0\x09aes256gcm\0\0\0\x01t\x01\0\0\0\x01k");
    assert_ne!(associated_data("e", "t", None), associated_data("e", "t", Some(b"")));
    assert_ne!(associated_data("e", "ab", Some(b"c")), associated_data("e", "a", Some(b"bc")));
}

proptest! {
    #[test]
    fn what_is_sealed_opens(
        value in prop::collection::vec(0..4_u8, 0..300),
        key: Option<Vec<u8>>,
        topic in "[a-z.]{1,12}",
        compress: bool,
        encrypt: bool,
        nonce: [u8; 12],
    ) {
        let plain = OutRecord { topic: topic.as_str().into(), key: key.map(Bytes::from), ..out(value.clone()) };
        let sealed = received(seal(plain, &Sealing { compress, encrypt }, &keyring(), nonce).unwrap());
        prop_assert_eq!(open(&topic, &sealed, &keyring(), &limits()), Ok(Bytes::from(value)));
        if encrypt {
            let elsewhere = open("ELSEWHERE", &sealed, &keyring(), &limits());
            prop_assert_eq!(elsewhere.map_err(|error| error.code()), Err("tampered"));
        }
    }

    #[test]
    fn no_change_to_an_encrypted_value_goes_unseen(place: prop::sample::Index, flip in 1..=255_u8, compress: bool) {
        let sealed = seal(out("some payload"), &Sealing { compress, encrypt: true }, &keyring(), [0; 12]).unwrap();
        let mut record = received(sealed);
        let mut value = record.value.take().unwrap().to_vec();
        let place = place.index(value.len());
        value[place] ^= flip;
        record.value = Some(value.into());
        prop_assert_eq!(open("topic", &record, &keyring(), &limits()).unwrap_err().code(), "tampered");
    }

    #[test]
    fn no_frame_panics(mut frame: Vec<u8>, valid: bool, place: prop::sample::Index, flip: u8) {
        if valid {
            frame = deflate(&frame).unwrap();
            let place = place.index(frame.len());
            frame[place] ^= flip;
        } else {
            frame.splice(0..0, FRAME_MAGIC);
        }
        let _ = inflate(&frame, 1 << 16);
    }
}
