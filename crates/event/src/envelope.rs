//! The payload envelope: compression, then encryption, told by headers. `schemas/envelope.md` is its
//! specification, `schemas/envelope-vectors.json` are its test vectors.

use std::borrow::Cow;
use std::io::{BufRead, Read, Write};

use aes_gcm::aead::AeadInOut;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use lz4_flex::frame::{FrameDecoder, FrameEncoder};

use crate::error::{Error, ErrorKind, excerpt};
use crate::keyring::Keyring;
use crate::limits::Limits;
use crate::record::{Headers, OutRecord, Record};

/// What [`seal`] does to a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sealing {
    /// Compress it as an LZ4 frame.
    pub compress: bool,
    /// Encrypt it with AES-256-GCM and the keyring's active key.
    pub encrypt: bool,
}

/// Puts the payload of a record into its envelope. A record without payload stays as it is: a
/// tombstone has nothing to hide.
///
/// The nonce is used for encryption only. It must never repeat under one key: draw it at random, and
/// rotate the key before 2³² records.
///
/// # Errors
/// When encryption is asked for and the keyring has no active key, or when the record is sealed already.
pub fn seal(
    mut record: OutRecord,
    sealing: &Sealing,
    keyring: &Keyring,
    nonce: [u8; 12],
) -> Result<OutRecord, Error> {
    if is_sealed(&record.headers) {
        return Err(ErrorKind::AlreadySealed.into());
    }
    let Some(encoding) = Encoding::of(sealing) else {
        return Ok(record);
    };
    let Some(value) = record.value.take() else {
        return Ok(record);
    };
    let mut payload = if encoding.is_compressed() { deflate(&value)? } else { value.to_vec() };
    record.headers.push(ENCODING, encoding.name());
    if encoding.is_encrypted() {
        let (id, cipher) = keyring.active_cipher().ok_or(ErrorKind::NoActiveKey)?;
        let data = associated_data(encoding.name(), &record.topic, record.key.as_deref());
        cipher
            .encrypt_in_place(&nonce.into(), &data, &mut payload)
            .map_err(|_| ErrorKind::BadEnvelope { problem: "the payload is too large to encrypt" })?;
        record.headers.push(KEY_ID, id.to_owned());
        record.headers.push(NONCE, STANDARD.encode(nonce));
    }
    record.value = Some(payload.into());
    Ok(record)
}

/// Takes the payload of a record out of its envelope. That of a record which is in none is returned
/// as it is, without copying.
///
/// # Errors
/// When there is no payload, when it is larger than the limits allow, as stored or inflated, when the
/// envelope is malformed or of an unknown encoding, when the key is unknown, or when payload, topic,
/// record key or encoding are not those that were sealed.
pub fn open(topic: &str, record: &Record, keyring: &Keyring, limits: &Limits) -> Result<Bytes, Error> {
    match unseal(topic, record, keyring, limits)? {
        Some(payload) => Ok(payload.into_owned()),
        None => Err(ErrorKind::NoPayload.into()),
    }
}

/// The associated data of an encrypted payload: what is authenticated beside it. Each part is preceded
/// by its length in bytes as 32 bits, big-endian; a byte tells whether there is a record key.
pub fn associated_data(encoding: &str, topic: &str, key: Option<&[u8]>) -> Vec<u8> {
    let mut data = Vec::with_capacity(16 + encoding.len() + topic.len() + key.map_or(0, <[u8]>::len));
    let part = |bytes: &[u8], data: &mut Vec<u8>| {
        // Topics, keys and encodings are far below 4 GiB, which no broker takes in one record.
        data.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        data.extend_from_slice(bytes);
    };
    part(encoding.as_bytes(), &mut data);
    part(topic.as_bytes(), &mut data);
    match key {
        None => data.push(0),
        Some(key) => {
            data.push(1);
            part(key, &mut data);
        }
    }
    data
}

/// The payload out of its envelope; `None` for a tombstone.
pub(crate) fn unseal<'a>(
    topic: &str,
    record: &'a Record,
    keyring: &Keyring,
    limits: &Limits,
) -> Result<Option<Cow<'a, Bytes>>, Error> {
    let Some(value) = &record.value else {
        return Ok(None);
    };
    if value.len() > limits.max_record_bytes {
        return Err(ErrorKind::TooLarge { bytes: value.len(), limit: limits.max_record_bytes }.into());
    }
    if !is_sealed(&record.headers) {
        return Ok(Some(Cow::Borrowed(value)));
    }
    let encoding = Encoding::parse(&record.headers)?;
    let decrypted = if encoding.is_encrypted() {
        Cow::Owned(decrypt(encoding, topic, record, value, keyring)?)
    } else {
        Cow::Borrowed(&**value)
    };
    let payload = if encoding.is_compressed() {
        inflate(&decrypted, limits.max_inflated_bytes)?
    } else {
        decrypted.into_owned()
    };
    Ok(Some(Cow::Owned(payload.into())))
}

/// Whether the headers say that the payload is in an envelope.
pub fn is_sealed(headers: &Headers) -> bool {
    headers.get(ENCODING).is_some()
}

const ENCODING: &str = "olocus-encoding";
const KEY_ID: &str = "olocus-key-id";
const NONCE: &str = "olocus-nonce";

/// The encodings that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Lz4,
    Aes256Gcm,
    Lz4Aes256Gcm,
}

impl Encoding {
    fn of(sealing: &Sealing) -> Option<Self> {
        match (sealing.compress, sealing.encrypt) {
            (false, false) => None,
            (true, false) => Some(Self::Lz4),
            (false, true) => Some(Self::Aes256Gcm),
            (true, true) => Some(Self::Lz4Aes256Gcm),
        }
    }

    fn parse(headers: &Headers) -> Result<Self, Error> {
        let name = headers.get(ENCODING).map_or(&[][..], |name| name);
        let encodings = [Self::Lz4, Self::Aes256Gcm, Self::Lz4Aes256Gcm];
        let known = encodings.into_iter().find(|encoding| encoding.name().as_bytes() == name);
        known.ok_or_else(|| {
            ErrorKind::UnknownEncoding { name: excerpt(&String::from_utf8_lossy(name)) }.into()
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Aes256Gcm => "aes256gcm",
            Self::Lz4Aes256Gcm => "lz4+aes256gcm",
        }
    }

    fn is_compressed(self) -> bool {
        self != Self::Aes256Gcm
    }

    fn is_encrypted(self) -> bool {
        self != Self::Lz4
    }
}

fn decrypt(
    encoding: Encoding,
    topic: &str,
    record: &Record,
    value: &[u8],
    keyring: &Keyring,
) -> Result<Vec<u8>, Error> {
    let bad = |problem| ErrorKind::BadEnvelope { problem };
    let id =
        record.headers.text(KEY_ID).ok_or_else(|| bad("the header olocus-key-id is missing or no text"))?;
    let cipher = keyring.cipher(id).ok_or_else(|| ErrorKind::UnknownKey { id: excerpt(id) })?;
    let nonce = record.headers.get(NONCE).ok_or_else(|| bad("the header olocus-nonce is missing"))?;
    let nonce = STANDARD.decode(nonce).ok().and_then(|nonce| <[u8; 12]>::try_from(nonce).ok());
    let nonce = nonce.ok_or_else(|| bad("the header olocus-nonce is not 12 bytes in base64"))?;
    let data = associated_data(encoding.name(), topic, record.key.as_deref());
    let mut payload = value.to_vec();
    cipher.decrypt_in_place(&nonce.into(), &data, &mut payload).map_err(|_| ErrorKind::Tampered)?;
    Ok(payload)
}

fn deflate(payload: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = FrameEncoder::new(Vec::with_capacity(payload.len() / 2 + 32));
    let written = encoder.write_all(payload).map_err(lz4_flex::frame::Error::from);
    let frame = written.and_then(|()| encoder.finish());
    // A vector takes everything that is written to it.
    frame.map_err(|_| ErrorKind::BadCompression { problem: "it could not be written" }.into())
}

/// Inflates exactly one frame. Beside the output, which never grows beyond `limit`, it needs memory
/// for two blocks of at most 4 MiB and their window.
fn inflate(frame: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let bad = |problem| Error::from(ErrorKind::BadCompression { problem });
    if !frame.starts_with(&FRAME_MAGIC) {
        return Err(bad("it does not start with the magic number of an LZ4 frame"));
    }
    // The decoder takes the end of the input for the end of the frame. With an end mark behind the
    // input, it reads into that one if the frame has none of its own, which shows below.
    let mut decoder = FrameDecoder::new(frame.chain(&END_MARK[..]));
    let mut inflated = Vec::new();
    loop {
        let block = decoder.fill_buf().map_err(|_| bad("a block, its checksum or its length is wrong"))?;
        if block.is_empty() {
            break;
        }
        if block.len() > limit - inflated.len() {
            return Err(ErrorKind::InflatesTooFar { limit }.into());
        }
        let wanted = (inflated.len() + block.len()).max(inflated.capacity() * 2).min(limit);
        if inflated.len() + block.len() > inflated.capacity() {
            inflated.reserve_exact(wanted - inflated.len());
        }
        inflated.extend_from_slice(block);
        let length = block.len();
        decoder.consume(length);
    }
    match decoder.into_inner().into_inner() {
        ([], []) | ([], [_] | [_, _] | [_, _, _]) => Err(bad("it is truncated")),
        ([], _) => Ok(inflated),
        (_, _) => Err(bad("data follows after its end")),
    }
}

const FRAME_MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();
const END_MARK: [u8; 4] = [0; 4];

#[cfg(test)]
mod tests;
