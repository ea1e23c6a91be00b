//! Every single bit of many signed bodies, and of their signatures.

use super::*;

const SCHEMES: [&str; 5] = [
    r#"{"scheme":"pagoefectivo"}"#,
    r#"{"scheme":"pagoefectivo","compact":true}"#,
    r#"{"scheme":"paysafe"}"#,
    r#"{"scheme":"canonical","timestamp":null}"#,
    r#"{"scheme":"canonical","encoding":"base64","key":"base64","url_encoding":"form","timestamp":null}"#,
];

/// A notice of its own size for each index, in JSON without white space and without escapes, whose hexadecimal digits may
/// change their letter case and mean the same.
fn body(index: usize) -> String {
    let cip = 3_154_700 + index * 7;
    let concept = "Muñoz & Hijos, pedido ".chars().cycle().take(index * 5).collect::<String>();
    format!(
        r#"{{"eventType":"cip.paid","operationNumber":"{}","data":{{"cip":"{cip}","currency":"PEN","amount":{}.{:02},"concept":"{concept}","items":[{index},null,true]}}}}"#,
        index * 991,
        index * 13,
        index % 100,
    )
}

/// The body as it is sent and the header of its signature.
fn signed(verifier: &Verifier, index: usize) -> (Vec<u8>, String) {
    let body = body(index).into_bytes();
    match &verifier.scheme {
        Scheme::PagoEfectivo { compact: false } => (body.clone(), hex_of(verifier, &body)),
        Scheme::PagoEfectivo { compact: true } => {
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let pretty = serde_json::to_vec_pretty(&value).unwrap();
            let compact = compact::compact(&pretty).unwrap();
            (pretty, hex_of(verifier, &compact))
        }
        Scheme::Paysafe { .. } => (body.clone(), base64_of(verifier, &body)),
        Scheme::Canonical(canonical) => {
            let text = canonical.message(&body, now()).unwrap().text;
            let header = match canonical.encoding() {
                Encoding::Hex => hex_of(verifier, text.as_bytes()),
                Encoding::Base64 => base64_of(verifier, text.as_bytes()),
            };
            (body, header)
        }
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

#[test]
fn every_changed_bit_of_fifty_bodies_is_refused() {
    for index in 0..50 {
        let scheme = SCHEMES[index % SCHEMES.len()];
        let verifiers = [verifier(scheme, KEY)];
        let (body, header) = signed(&verifiers[0], index);
        assert!(check(&body, &[&header], &verifiers).is_ok(), "{scheme} {index}");
        for bit in 0..body.len() * 8 {
            let refused = check(&flipped(&body, bit), &[&header], &verifiers);
            assert!(refused.is_err(), "{scheme}, body {index}, bit {bit}");
        }
    }
}

#[test]
fn every_changed_bit_of_fifty_signatures_is_refused() {
    for index in 0..50 {
        let scheme = SCHEMES[index % SCHEMES.len()];
        let verifiers = [verifier(scheme, KEY)];
        let (body, header) = signed(&verifiers[0], index);
        for bit in 0..header.len() * 8 {
            let header = flipped(header.as_bytes(), bit);
            let found = verify(&verifiers, &body, |_| std::iter::once(header.as_slice()), now());
            // Bit 5 of a letter is its case, which says nothing in hexadecimal.
            let same = decoded(verifiers[0].scheme.encoding(), &header)
                .is_some_and(|_| header.len() == 64 && bit % 8 == 5 && header[bit / 8].is_ascii_alphabetic());
            assert_eq!(found.is_ok(), same, "{scheme}, signature {index}, bit {bit}");
        }
    }
}

#[test]
fn every_changed_bit_of_the_known_answer_is_wrong() {
    let verifiers = [own(KEY)];
    for bit in 0..BODY.len() * 8 {
        assert_eq!(check(&flipped(BODY, bit), &[TAG], &verifiers), Err(SignatureError::Wrong), "bit {bit}");
    }
    let tag = hex::decode(TAG).unwrap();
    for bit in 0..tag.len() * 8 {
        let header = hex::encode(flipped(&tag, bit));
        assert_eq!(check(BODY, &[&header], &verifiers), Err(SignatureError::Wrong), "bit {bit}");
    }
}
