//! What a header holds that is not one tag in the scheme's encoding.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::super::{Encoding, Scheme, TAG_BASE64_BYTES, TAG_BYTES, Tag, decoded};

/// Digits of a whole tag.
const HEX_DIGITS: usize = 2 * TAG_BYTES;

/// A mistake in the header that leaves a tag readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    Name,
    Space,
    Quotes,
    Prefix,
    Joined,
    Base64ForHex,
    HexForBase64,
    Base64OfHex,
    OtherBase64,
}

impl Mistake {
    pub(super) fn words(self, scheme: &Scheme) -> &'static str {
        match (self, scheme) {
            (Mistake::Base64ForHex, Scheme::Canonical(_)) => {
                "the header is base64: the scheme needs \"encoding\": \"base64\""
            }
            (Mistake::HexForBase64, Scheme::Canonical(_)) => {
                "the header is hexadecimal digits: the scheme needs \"encoding\": \"hex\""
            }
            (mistake, _) => mistake.plain_words(),
        }
    }

    fn plain_words(self) -> &'static str {
        match self {
            Mistake::Name => "the header's name stands in its value",
            Mistake::Space => "white space stands around the value of the header",
            Mistake::Quotes => "the value of the header stands in quotation marks",
            Mistake::Prefix => {
                "the header begins with a prefix such as sha256=, and the signature alone belongs there"
            }
            Mistake::Joined => {
                "the header holds several values joined by a comma, and one alone belongs there"
            }
            Mistake::Base64ForHex => "the header is base64, and hexadecimal digits are expected",
            Mistake::HexForBase64 => "the header is hexadecimal digits, and base64 is expected",
            Mistake::Base64OfHex => {
                "the header is base64 of the hexadecimal digits, and not of the bytes they stand for"
            }
            Mistake::OtherBase64 => {
                "the header is base64 in the alphabet for addresses or without its padding"
            }
        }
    }
}

/// What was made of a header.
#[derive(Debug)]
pub(super) struct Reading {
    /// The tags in it, each with the mistakes that have to be forgiven for it.
    pub(super) tags: Vec<(Vec<Mistake>, Tag)>,
    /// What to say of the header where no tag explains anything.
    pub(super) faults: Vec<String>,
}

/// Reads a header as leniently as can be.
pub(super) fn read(scheme: &Scheme, header: &str) -> Reading {
    let mut mistakes = Vec::new();
    let value = unwrapped(scheme, header, &mut mistakes);
    let parts: Vec<&str> = value.split([',', ';']).map(str::trim).collect();
    let mut tags = Vec::new();
    let mut faults = Vec::new();
    if parts.len() > 1 {
        mistakes.push(Mistake::Joined);
    }
    for part in &parts {
        let mut mistakes = mistakes.clone();
        let part = without_prefix(unquoted(part, &mut mistakes), &mut mistakes);
        match tag(scheme.encoding(), part) {
            Ok((mistake, tag)) => {
                mistakes.extend(mistake);
                tags.push((mistakes, tag));
            }
            Err(fault) => {
                faults.extend(mistakes.iter().map(|mistake| mistake.words(scheme).to_owned()));
                faults.push(fault);
            }
        }
    }
    // Parts that are no tag say nothing beside one that is.
    if let Some((mistakes, _)) = tags.first() {
        faults = mistakes.iter().map(|mistake| mistake.words(scheme).to_owned()).collect();
    } else if parts.len() > 1 {
        faults =
            vec![Mistake::Joined.words(scheme).to_owned(), "none of them is a whole signature".to_owned()];
    }
    Reading { tags, faults }
}

/// Takes off what was copied with the value: white space, the name of the header, quotation marks.
fn unwrapped<'h>(scheme: &Scheme, header: &'h str, mistakes: &mut Vec<Mistake>) -> &'h str {
    let mut value = header.trim();
    match value.split_once(':') {
        Some((name, rest)) if name.trim().eq_ignore_ascii_case(scheme.header()) => {
            mistakes.push(Mistake::Name);
            value = rest.trim();
        }
        _ if value.len() < header.len() => mistakes.push(Mistake::Space),
        _ => {}
    }
    unquoted(value, mistakes)
}

fn unquoted<'h>(value: &'h str, mistakes: &mut Vec<Mistake>) -> &'h str {
    let inside = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    match inside('"').or_else(|| inside('\'')) {
        Some(inside) => {
            mistakes.push(Mistake::Quotes);
            inside
        }
        None => value,
    }
}

/// Takes off `sha256=`, `v1=`, `hmac-sha256:` and the like. A tag itself has its `=` at the end only.
fn without_prefix<'h>(value: &'h str, mistakes: &mut Vec<Mistake>) -> &'h str {
    match value.split_once(['=', ':', ' ']) {
        Some((prefix, rest))
            if !prefix.is_empty() && prefix.len() < 16 && !rest.trim_matches('=').is_empty() =>
        {
            mistakes.push(Mistake::Prefix);
            rest.trim()
        }
        _ => value,
    }
}

/// The tag, and the encoding that it has in place of the right one; else what is wrong with the text.
fn tag(expected: Encoding, text: &str) -> Result<(Option<Mistake>, Tag), String> {
    if let Some(tag) = decoded(expected, text.as_bytes()) {
        return Ok((None, tag));
    }
    let hex = decoded(Encoding::Hex, text.as_bytes()).map(|tag| (Some(Mistake::HexForBase64), tag));
    let base64 = || {
        let mistake = match expected {
            Encoding::Hex => Mistake::Base64ForHex,
            Encoding::Base64 => Mistake::OtherBase64,
        };
        from_base64(text).and_then(|bytes| bytes.try_into().ok()).map(|tag| (Some(mistake), tag))
    };
    let base64_of_hex = || {
        let tag = decoded(Encoding::Hex, &from_base64(text)?)?;
        Some((Some(Mistake::Base64OfHex), tag))
    };
    hex.or_else(base64).or_else(base64_of_hex).ok_or_else(|| fault(expected, text))
}

/// Decodes base64 of either alphabet, padded or not.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decode = |alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok();
    decode(&STANDARD).or_else(|| decode(&URL_SAFE))
}

/// What is wrong with a text that holds no tag. Says positions and lengths, never what stands there.
fn fault(expected: Encoding, text: &str) -> String {
    let length = text.chars().count();
    if text.is_empty() {
        return "the header is empty".to_owned();
    }
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let known = match length {
            32 => ", as many as MD5 gives",
            40 => ", as many as SHA-1 gives",
            96 => ", as many as SHA-384 gives",
            128 => ", as many as SHA-512 gives",
            _ => "",
        };
        return match expected {
            Encoding::Hex => {
                format!("the header is {length} hexadecimal digits{known}, and {HEX_DIGITS} are expected")
            }
            Encoding::Base64 => {
                format!("the header is {length} hexadecimal digits{known}, and base64 is expected")
            }
        };
    }
    match expected {
        Encoding::Hex => match text.chars().position(|character| !character.is_ascii_hexdigit()) {
            Some(_) if from_base64(text).is_some() && length != HEX_DIGITS => format!(
                "the header looks like base64, of other than {TAG_BYTES} bytes, and {HEX_DIGITS} hexadecimal digits are expected"
            ),
            position => format!(
                "the header is no {HEX_DIGITS} hexadecimal digits: of its {length} characters, number {} is none",
                position.unwrap_or_default() + 1
            ),
        },
        Encoding::Base64 => format!(
            "the header is no base64 of {TAG_BYTES} bytes: it has {length} characters, and {TAG_BASE64_BYTES} are expected"
        ),
    }
}
