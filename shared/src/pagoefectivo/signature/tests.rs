//! The whole of verification, through its public interface: known answers, refusals, several keys.

mod canonical;
mod flips;

use base64::Engine;
use zeroize::ZeroizeOnDrop;

use super::*;

/// Ours, made with `openssl dgst -sha256 -hmac`: no notice with its signature and key is public.
const KEY: &str = "Zm9yIHRlc3RzIG9ubHkgLSBub3QgYSBrZXk+/A==";
const BODY: &[u8] = br#"{"eventType":"cip.paid","operationNumber":"778899","data":{"cip":"3154722","currency":"PEN","amount":22.50}}"#;
const TAG: &str = "78086ce038ab2e647978c76c23d68b3a247b5214ad6dd545a344ff1a24c5a4dc";

const NOW: &str = "2026-03-02T09:30:00-05:00";

fn now() -> Instant {
    Instant::parse(NOW).unwrap()
}

fn scheme(text: &str) -> Scheme {
    serde_json::from_str(text).unwrap()
}

fn verifier(scheme_text: &str, key: &str) -> Verifier {
    Verifier::new(scheme(scheme_text), &Secret::new(key.to_owned())).unwrap()
}

/// A verifier of PagoEfectivo's own scheme.
fn own(key: &str) -> Verifier {
    verifier(r#"{"scheme":"pagoefectivo"}"#, key)
}

/// The tag that the verifier's key makes over a message.
fn tag_of(verifier: &Verifier, message: &[u8]) -> Vec<u8> {
    let mut mac = verifier.prepared.clone();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex_of(verifier: &Verifier, message: &[u8]) -> String {
    hex::encode(tag_of(verifier, message))
}

fn base64_of(verifier: &Verifier, message: &[u8]) -> String {
    STANDARD.encode(tag_of(verifier, message))
}

/// Verifies with headers of any names.
fn with_headers(
    verifiers: &[Verifier],
    body: &[u8],
    headers: &[(&str, &str)],
    now: Instant,
) -> Result<Match, SignatureError> {
    let values = |name: &str| {
        let name = name.to_owned();
        headers.iter().filter(move |header| header.0 == name).map(|header| header.1.as_bytes())
    };
    verify(verifiers, body, values, now)
}

/// Verifies with values of the one header that all verifiers look at.
fn check(body: &[u8], values: &[&str], verifiers: &[Verifier]) -> Result<Match, SignatureError> {
    verify(verifiers, body, |_| values.iter().map(|value| value.as_bytes()), now())
}

const RAW: Result<Match, SignatureError> = Ok(Match { form: Form::Raw, key: 0 });
const COMPACT: Result<Match, SignatureError> = Ok(Match { form: Form::Compact, key: 0 });

#[test]
fn the_vectors_of_rfc_4231_are_accepted() {
    let check = |key: &[u8], data: &[u8], expected: &str, outcome: Result<Match, SignatureError>| {
        let own = Verifier::of_bytes(Scheme::default(), key).unwrap();
        assert_eq!(check(data, &[expected], &[own]), outcome, "{expected}");
        if let Ok(tag) = hex::decode(expected) {
            let paysafe = Verifier::of_bytes(Scheme::Paysafe { key: KeyText::Base64 }, key).unwrap();
            assert_eq!(
                super::tests::check(data, &[&STANDARD.encode(tag)], &[paysafe]),
                outcome,
                "{expected}"
            );
        }
    };
    let counted: Vec<u8> = (1..=25).collect();
    let long_key = [0xaa; 131];
    check(&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", RAW);
    check(
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        RAW,
    );
    check(&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", RAW);
    check(&counted, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b", RAW);
    // Case 5 is the one with a shortened tag.
    let shortened = Err(SignatureError::Malformed);
    check(&[0x0c; 20], b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b", shortened);
    check(
        &long_key,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        RAW,
    );
    check(
        &long_key,
        b"This is a test using a larger than block-size key and a larger than block-size data. \
        The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        RAW,
    );
}

#[test]
fn the_known_answer_is_accepted_in_either_letter_case() {
    assert_eq!(check(BODY, &[TAG], &[own(KEY)]), RAW);
    assert_eq!(check(BODY, &[&TAG.to_uppercase()], &[own(KEY)]), RAW);
}

#[test]
fn a_former_key_is_accepted_beside_the_current_one() {
    let other = "another-key-that-is-long-enough";
    assert_eq!(check(BODY, &[TAG], &[own(other), own(KEY)]), Ok(Match { form: Form::Raw, key: 1 }));
    assert_eq!(check(BODY, &[TAG], &[own(KEY), own(other)]), RAW);
    assert_eq!(check(BODY, &[TAG], &[own(KEY), own(KEY)]), RAW);
    assert_eq!(check(BODY, &[TAG], &[own(other)]), Err(SignatureError::Wrong));
    assert_eq!(check(BODY, &[TAG], &[]), Err(SignatureError::Wrong));
}

#[test]
fn only_one_whole_tag_is_a_signature() {
    let with_blank = format!(" {TAG}");
    let cut = |length: usize| TAG.chars().take(length).collect::<String>();
    let twice = format!("{TAG},{TAG}");
    let base64 = base64_of(&own(KEY), BODY);
    let refused =
        ["", &cut(62), &cut(63), &cut(32), &with_blank, &twice, &TAG.replace('a', "g"), "sha256=", &base64];
    for header in refused {
        assert_eq!(check(BODY, &[header], &[own(KEY)]), Err(SignatureError::Malformed), "{header:?}");
    }
    assert_eq!(check(BODY, &[], &[own(KEY)]), Err(SignatureError::Missing));
    assert_eq!(check(BODY, &[TAG, TAG], &[own(KEY)]), Err(SignatureError::Repeated));
    assert_eq!(check(BODY, &[TAG, ""], &[own(KEY)]), Err(SignatureError::Repeated));
}

#[test]
fn paysafe_signs_in_base64_with_the_decoded_key_or_its_text() {
    let decoded = verifier(r#"{"scheme":"paysafe"}"#, KEY);
    let text = verifier(r#"{"scheme":"paysafe","key":"text"}"#, KEY);
    let (of_decoded, of_text) = (base64_of(&decoded, BODY), base64_of(&text, BODY));
    assert_eq!(tag_of(&text, BODY), hex::decode(TAG).unwrap());
    assert_ne!(of_decoded, of_text);
    assert_eq!(check(BODY, &[&of_decoded], &[decoded]), RAW);
    assert_eq!(check(BODY, &[&of_text], &[text]), RAW);

    let decoded = [verifier(r#"{"scheme":"paysafe"}"#, KEY)];
    assert_eq!(check(BODY, &[&of_text], &decoded), Err(SignatureError::Wrong));
    let unpadded = of_decoded.trim_end_matches('=');
    let url_safe = base64::engine::general_purpose::URL_SAFE.encode([0xff; 32]);
    let short = STANDARD.encode([0; 31]);
    let long = STANDARD.encode([0; 33]);
    let hex = hex_of(&decoded[0], BODY);
    // The last character before the padding carries two bits that belong to no byte.
    let zeros = STANDARD.encode([0; 32]);
    let loose = zeros.replace("A=", "B=");
    assert_eq!(super::decoded(Encoding::Base64, zeros.as_bytes()), Some([0; 32]));
    for header in ["", unpadded, &url_safe, &short, &long, &hex, &loose, &format!("{of_decoded} ")] {
        assert_eq!(check(BODY, &[header], &decoded), Err(SignatureError::Malformed), "{header:?}");
    }
}

#[test]
fn white_space_between_tokens_may_be_unsigned_where_the_account_says_so() {
    let strict = || own(KEY);
    let lenient = || verifier(r#"{"scheme":"pagoefectivo","compact":true}"#, KEY);
    let spaced = b"{ \"amount\": 22.50,\r\n\t\"text\": \"a  b\" }\n";
    let compact = br#"{"amount":22.50,"text":"a  b"}"#;
    let (of_spaced, of_compact) = (hex_of(&strict(), spaced), hex_of(&strict(), compact));
    assert_eq!(check(spaced, &[&of_compact], &[lenient()]), COMPACT);
    assert_eq!(check(spaced, &[&of_spaced], &[lenient()]), RAW);
    assert_eq!(check(compact, &[&of_compact], &[lenient()]), RAW);
    assert_eq!(check(compact, &[&of_spaced], &[lenient()]), Err(SignatureError::Wrong));
    assert_eq!(check(spaced, &[&of_compact], &[strict()]), Err(SignatureError::Wrong));
    assert_eq!(
        check(spaced, &[&of_compact], &[strict(), lenient()]),
        Ok(Match { form: Form::Compact, key: 1 })
    );
    let changed = spaced.map(|byte| if byte == b'5' { b'6' } else { byte });
    assert_eq!(check(&changed, &[&of_compact], &[lenient()]), Err(SignatureError::Wrong));
}

#[test]
fn each_key_looks_at_its_own_header() {
    let verifiers = || [verifier(r#"{"scheme":"paysafe"}"#, KEY), own(KEY)];
    let paysafe = base64_of(&verifiers()[0], BODY);
    let check = |headers: &[(&str, &str)], expected: Result<usize, SignatureError>| {
        let found = with_headers(&verifiers(), BODY, headers, now());
        assert_eq!(found.map(|found| found.key), expected, "{headers:?}");
    };
    check(&[("signature", &paysafe)], Ok(0));
    check(&[("pe-signature", TAG)], Ok(1));
    check(&[("signature", &paysafe), ("pe-signature", TAG)], Ok(0));
    check(&[("signature", "no tag"), ("pe-signature", TAG)], Ok(1));
    check(&[("signature", TAG), ("pe-signature", &paysafe)], Err(SignatureError::Malformed));
    check(&[("other", TAG)], Err(SignatureError::Missing));
}

#[test]
fn the_most_telling_error_is_reported() {
    let verifiers = [verifier(r#"{"scheme":"paysafe"}"#, KEY), own(KEY)];
    let other = hex::encode([7; 32]);
    let check = |headers: &[(&str, &str)], expected: SignatureError| {
        assert_eq!(with_headers(&verifiers, BODY, headers, now()), Err(expected), "{headers:?}");
    };
    check(&[], SignatureError::Missing);
    check(&[("signature", "a"), ("signature", "b")], SignatureError::Repeated);
    check(&[("signature", "a")], SignatureError::Malformed);
    check(&[("signature", "a"), ("pe-signature", &other)], SignatureError::Wrong);
    check(&[("pe-signature", "a"), ("pe-signature", "b"), ("signature", "a")], SignatureError::Malformed);
}

#[test]
fn no_key_is_shown_and_what_is_made_of_it_is_wiped() {
    fn wiped<T: ZeroizeOnDrop>() {}
    // `Hmac` itself does not bear the mark; it consists of the states and the buffer of its hash.
    wiped::<Sha256>();
    let shown = format!("{:?}", own(KEY));
    assert_eq!(shown, "Verifier { scheme: PagoEfectivo { compact: false }, .. }");
}

#[test]
fn no_error_names_a_header_that_may_be_another_one() {
    for error in [
        SignatureError::Missing,
        SignatureError::Repeated,
        SignatureError::Malformed,
        SignatureError::Unreadable,
        SignatureError::Wrong,
        SignatureError::Timestamp,
        SignatureError::Stale,
    ] {
        assert!(!error.to_string().to_lowercase().contains("pe-"), "{error}");
    }
}
