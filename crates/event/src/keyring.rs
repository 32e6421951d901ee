//! Keys of the payload envelope.

use std::collections::BTreeMap;
use std::fmt;

use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::error::{Error, ErrorKind};

/// Keys by id. One of them may be active: it seals; all of them open. To rotate, add a key, make it
/// active once every reader has it, and drop the old one when no record sealed with it is left.
///
/// Neither `Debug` nor any error shows a key.
#[derive(Clone, Default)]
pub struct Keyring {
    active: Option<String>,
    ciphers: BTreeMap<String, Aes256Gcm>,
}

impl Keyring {
    /// A keyring without keys: it seals and opens nothing.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A keyring of these keys, of which `active` seals.
    ///
    /// # Errors
    /// When an id is repeated or is not 1 to 64 letters, digits, `.`, `_` or `-`, or when the active one
    /// is not among them.
    pub fn new(
        active: Option<&str>,
        keys: impl IntoIterator<Item = (String, [u8; 32])>,
    ) -> Result<Self, Error> {
        let mut ciphers = BTreeMap::new();
        for (index, (id, key)) in keys.into_iter().enumerate() {
            let entry = Some(index + 1);
            if !is_id(&id) {
                return Err(bad(entry, "an id is 1 to 64 letters, digits, `.`, `_` or `-`"));
            }
            if ciphers.insert(id, Aes256Gcm::new(&key.into())).is_some() {
                return Err(bad(entry, "its id is already taken"));
            }
        }
        match active {
            Some(active) if !ciphers.contains_key(active) => {
                Err(bad(None, "it has no key with the id of the active one"))
            }
            active => Ok(Self { active: active.map(str::to_owned), ciphers }),
        }
    }

    /// Reads a keyring from text: entries `id:key`, one a line or separated by commas, each key 32
    /// bytes in base64 or hexadecimal. The first one is active, unless an entry `active=id` says
    /// otherwise. A key that is the only entry may stand without an id: it is `default`. Empty entries, and
    /// those that start with `#`, are left out.
    ///
    /// # Errors
    /// When an entry is malformed, or as for [`Keyring::new`]. Messages name entries by number only,
    /// for a key might stand where an id is expected.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut active = None;
        let mut keys = Vec::new();
        let entries = text.split(['\n', ',']).map(str::trim);
        let entries: Vec<&str> =
            entries.filter(|entry| !entry.is_empty() && !entry.starts_with('#')).collect();
        if let [only] = *entries
            && let Some(key) = parse_key(only)
        {
            return Self::new(Some(DEFAULT_ID), [(DEFAULT_ID.to_owned(), key)]);
        }
        for (index, entry) in entries.into_iter().enumerate() {
            let number = Some(index + 1);
            if let Some(id) = entry.strip_prefix("active=") {
                if active.replace(id.trim()).is_some() {
                    return Err(bad(number, "the active key is named twice"));
                }
                continue;
            }
            let (id, key) = entry.split_once(':').ok_or_else(|| bad(number, "expected `id:key`"))?;
            let id = id.trim();
            if !is_id(id) {
                return Err(bad(number, "an id is 1 to 64 letters, digits, `.`, `_` or `-`"));
            }
            if keys.iter().any(|(known, _)| known == id) {
                return Err(bad(number, "its id is already taken"));
            }
            let key = parse_key(key.trim())
                .ok_or_else(|| bad(number, "a key is 32 bytes in base64 or hexadecimal"))?;
            keys.push((id.to_owned(), key));
        }
        let first = keys.first().map(|(id, _)| id.clone());
        Self::new(active.or(first.as_deref()), keys)
    }

    /// The id of the key that seals.
    pub fn active(&self) -> Option<&str> {
        self.active.as_deref()
    }

    /// The ids of all keys.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ciphers.keys().map(String::as_str)
    }

    pub(crate) fn cipher(&self, id: &str) -> Option<&Aes256Gcm> {
        self.ciphers.get(id)
    }

    pub(crate) fn active_cipher(&self) -> Option<(&str, &Aes256Gcm)> {
        let id = self.active.as_deref()?;
        Some((id, self.ciphers.get(id)?))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.ids().collect();
        f.debug_struct("Keyring").field("active", &self.active).field("ids", &ids).finish_non_exhaustive()
    }
}

/// The id of a key that stands alone without one.
const DEFAULT_ID: &str = "default";

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    // No base64 of 32 bytes has 64 characters, so the length tells the two spellings apart.
    if text.len() == 64 {
        return parse_hex(text);
    }
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    BASE64.decode(text).ok()?.try_into().ok()
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |index: usize| char::from(pair[index]).to_digit(16);
        *byte = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Some(key)
}

fn bad(entry: Option<usize>, problem: &'static str) -> Error {
    ErrorKind::BadKeyring { entry, problem }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn reads_both_spellings_of_a_key() {
        let keyring =
            Keyring::parse(&format!("# ours\n a : {HEX},b:{BASE64}\n\nc:{}", BASE64.trim_end_matches('=')))
                .unwrap();
        assert_eq!(keyring.ids().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(keyring.active(), Some("a"));
        assert_eq!(parse_key(HEX), parse_key(BASE64));
        assert_eq!(Keyring::parse(&format!("a:{HEX},b:{HEX},active=b")).unwrap().active(), Some("b"));
        assert_eq!(Keyring::parse(" \n").unwrap().active(), None);
    }

    #[test]
    fn one_key_alone_needs_no_id() {
        for text in [HEX, BASE64, &format!("# ours\n {BASE64} \n")] {
            let keyring = Keyring::parse(text).unwrap();
            assert_eq!((keyring.active(), keyring.ids().count()), (Some("default"), 1));
        }
        assert!(Keyring::parse(&format!("{HEX}\n{HEX}")).is_err());
        assert!(Keyring::parse(&format!("{HEX},active=default")).is_err());
    }

    #[test]
    fn what_is_wrong_is_told_without_the_key() {
        let short = &HEX[2..];
        for text in [
            format!("{HEX}\na:{BASE64}"),
            format!("{HEX}:a"),
            format!("a:{short}"),
            format!("a:{HEX},a:{HEX}"),
            format!("a:{HEX}\nactive={HEX}"),
            format!("a:{HEX}\nactive=a,active=a"),
            format!(":{HEX}"),
            format!("a:{}g", &HEX[1..]),
        ] {
            let error = Keyring::parse(&text).unwrap_err();
            assert_eq!(error.code(), "bad-keyring");
            assert!(!format!("{error} {error:?}").contains(&short[..16]), "{error:?}");
        }
        assert_eq!(
            Keyring::parse(&format!("#x\na:{HEX}\nb")).unwrap_err().to_string(),
            "keyring entry 2: expected `id:key`"
        );
    }

    #[test]
    fn debug_shows_ids_only() {
        let text = format!("{:?}", Keyring::parse(&format!("a:{HEX}")).unwrap());
        assert_eq!(text, "Keyring { active: Some(\"a\"), ids: [\"a\"], .. }");
    }
}
