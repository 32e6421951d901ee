//! What kind of data a payload is, by its media type.

use crate::record::Headers;

/// What this crate can make of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Json,
    MessagePack,
    /// Data without fields.
    Other,
}

impl Content {
    /// The data of a CloudEvent: JSON where nothing is said, as in the JSON event format.
    pub(crate) fn of(media_type: Option<&str>) -> Self {
        let Some(media_type) = media_type else {
            return Self::Json;
        };
        let name = essence(media_type);
        let ends_with = |suffix: &str| {
            name.len() > suffix.len() && name.is_char_boundary(name.len() - suffix.len()) && {
                name[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
            }
        };
        if ends_with("/json") || ends_with("+json") {
            Self::Json
        } else if ends_with("/msgpack")
            || ends_with("/x-msgpack")
            || ends_with("/vnd.msgpack")
            || ends_with("+msgpack")
        {
            Self::MessagePack
        } else {
            Self::Other
        }
    }

    /// A plain event: MessagePack where the headers say so, else JSON.
    pub(crate) fn of_plain(headers: &Headers) -> Self {
        match headers.text("content-type").map(|name| Self::of(Some(name))) {
            Some(Self::MessagePack) => Self::MessagePack,
            _ => Self::Json,
        }
    }
}

/// A media type without its parameters.
pub(crate) fn essence(media_type: &str) -> &str {
    media_type.split_once(';').map_or(media_type, |(name, _)| name).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_tell_the_content() {
        for json in ["application/json", "text/JSON; charset=utf-8", "application/problem+json"] {
            assert_eq!(Content::of(Some(json)), Content::Json, "{json}");
        }
        for packed in ["application/msgpack", "application/x-msgpack", "Application/vnd.msgpack ;x=y"] {
            assert_eq!(Content::of(Some(packed)), Content::MessagePack, "{packed}");
        }
        for other in ["text/plain", "", "json", "/json", "application/jsonx", "é"] {
            assert_eq!(Content::of(Some(other)), Content::Other, "{other}");
        }
        assert_eq!(Content::of(None), Content::Json);
    }

    #[test]
    fn plain_events_are_json_unless_told_otherwise() {
        let headers = |value: &'static str| Headers::from_iter([("content-type", value)]);
        assert_eq!(Content::of_plain(&Headers::new()), Content::Json);
        assert_eq!(Content::of_plain(&headers("text/plain")), Content::Json);
        assert_eq!(Content::of_plain(&headers("application/x-msgpack")), Content::MessagePack);
    }
}
