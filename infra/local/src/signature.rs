//! `cuadre signature`: whether a header signs a body, and which mistake explains it where it does not.
//!
//! Neither a signature nor any part of the key is ever shown: what this prints may be pasted into a ticket.

use std::path::{Path, PathBuf};

use cuadre::calendar::Instant;
use cuadre::pagoefectivo::Secret;
use cuadre::pagoefectivo::signature::diagnosis::{self, Case, Diagnosis};
use cuadre::pagoefectivo::signature::{Form, Scheme};
use cuadre_callback::BODY_BYTES_MAX;
use serde_json::Value;

use crate::cli::SignatureArguments;
use crate::failure::Failure;
use crate::{Done, Verdict, input};

pub(crate) fn run(arguments: &SignatureArguments) -> Result<Done, Failure> {
    check_stdin(arguments)?;
    let now = now(arguments.now.as_deref())?;
    let account = account(&arguments.secret_file)?;
    let scheme = match &arguments.scheme_file {
        Some(path) => scheme(path)?,
        None => account.scheme,
    };
    let body = input::read(&arguments.body_file)?;
    let case = Case {
        scheme: &scheme,
        secret_key: &account.secret_key,
        body: &body,
        header: &arguments.header,
        now,
    };
    let mut diagnosis = diagnosis::diagnose(&case)
        .map_err(|error| Failure::Input(format!("{}: {error}", arguments.secret_file.display())))?;
    if body.len() > BODY_BYTES_MAX {
        let size = body.len();
        let note = format!(
            "; the body has {size} bytes, and the callback answers 413 to more than {BODY_BYTES_MAX}"
        );
        diagnosis.text.push_str(&note);
    }
    let verdict = if diagnosis.form.is_some() { Verdict::Agreed } else { Verdict::Breaks };
    Ok(Done { verdict, report: if arguments.json { line(&diagnosis) } else { diagnosis.text } })
}

/// The diagnosis for a machine, its members always in this order.
fn line(diagnosis: &Diagnosis) -> String {
    let form = Value::from(diagnosis.form.map(Form::word));
    let text = Value::from(diagnosis.text.as_str());
    format!(r#"{{"valid": {}, "form": {form}, "diagnosis": {text}}}"#, diagnosis.form.is_some())
}

/// Standard input can be read once only.
fn check_stdin(arguments: &SignatureArguments) -> Result<(), Failure> {
    let paths = [Some(&arguments.secret_file), Some(&arguments.body_file), arguments.scheme_file.as_ref()];
    let stdin = |path: &&PathBuf| path.as_path() == Path::new(input::STDIN);
    if paths.into_iter().flatten().filter(stdin).count() > 1 {
        return Err(Failure::Input(
            "- (standard input) can stand for one file only: name the others".to_owned(),
        ));
    }
    Ok(())
}

fn now(text: Option<&str>) -> Result<Instant, Failure> {
    let Some(text) = text else { return Ok(cuadre::aws::now()) };
    Instant::parse(text).ok_or_else(|| {
        Failure::Input(format!("--now {text:?} is not a time: write it as 2026-03-02T09:30:00-05:00"))
    })
}

/// What the secret file tells.
struct Account {
    secret_key: Secret,
    scheme: Scheme,
}

/// Reads the key alone, or the account's secret as it stands in Secrets Manager.
fn account(path: &Path) -> Result<Account, Failure> {
    let text = input::read_text(path)?;
    if text.trim_start().starts_with('{') {
        return account_of_secret(path, &text);
    }
    // Editors end a file with a line break; any other white space belongs to what was stored.
    let key = text.strip_suffix('\n').map_or(text.as_str(), |key| key.strip_suffix('\r').unwrap_or(key));
    Ok(Account { secret_key: Secret::new(key.to_owned()), scheme: Scheme::default() })
}

fn account_of_secret(path: &Path, text: &str) -> Result<Account, Failure> {
    let name = path.display();
    let secret: Value = serde_json::from_str(text).map_err(|error| {
        Failure::Input(format!("{name} begins with {{ and is no JSON ({error}): correct it"))
    })?;
    let Some(secret_key) = secret.get("secret_key").and_then(Value::as_str) else {
        return Err(Failure::Input(format!(
            "{name} has no text \"secret_key\": give the account's secret, or a file with the key alone"
        )));
    };
    let scheme = match secret.get("signature") {
        None => Scheme::default(),
        Some(signature) => scheme_of(path, signature.clone(), Some(secret_key))?,
    };
    Ok(Account { secret_key: Secret::new(secret_key.to_owned()), scheme })
}

fn scheme(path: &Path) -> Result<Scheme, Failure> {
    let text = input::read_text(path)?;
    let value = serde_json::from_str(&text)
        .map_err(|error| Failure::Input(format!("{} is no JSON ({error}): correct it", path.display())))?;
    scheme_of(path, value, None)
}

/// Reads a scheme. What stands there in its place is told only if it cannot be a key that strayed.
fn scheme_of(path: &Path, value: Value, secret_key: Option<&str>) -> Result<Scheme, Failure> {
    let name = path.display();
    if !value.is_object() {
        return Err(Failure::Input(format!(
            "{name}: a signature scheme is an object such as {{\"scheme\": \"pagoefectivo\", \"compact\": true}}"
        )));
    }
    serde_json::from_value(value).map_err(|error| {
        let error = error.to_string();
        let strayed = secret_key.is_some_and(|key| !key.is_empty() && error.contains(key));
        let error = if strayed { "it holds the key" } else { &error };
        Failure::Input(format!("{name}: the signature scheme is not understood: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use std::fs;

    /// Made up, with signatures by `openssl dgst -sha256 -hmac`.
    const KEY: &str = "Zm9yIHRlc3RzIG9ubHkgLSBub3QgYSBrZXk+/A==";
    const BODY: &str = r#"{"eventType":"cip.paid","operationNumber":"778899","data":{"cip":"3154722","currency":"PEN","amount":22.50}}"#;
    const TAG: &str = "78086ce038ab2e647978c76c23d68b3a247b5214ad6dd545a344ff1a24c5a4dc";
    /// Of the same body and key, in base64 with the decoded key.
    const PAYSAFE_TAG: &str = "4sjAqtglnj4+dG8QBNI+VY7VfDs2M+KAo2sAHsG2hgI=";
    /// Of `cip=3154722&timestamp=1772461800` and the key.
    const CANONICAL_TAG: &str = "26fa04c3e8f94f6e41b5d0932f724ade404043b7fbf7845a5d3d7feff2994ac7";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let spaced = BODY.replace(',', ", ").replace(':', " :\t");
        let common = [("key", KEY), ("body.json", BODY), ("spaced.json", spaced.as_str())];
        for (name, text) in common.iter().chain(files) {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    /// Runs the command; words that end in a file's name there become its path.
    fn signature(folder: &Path, words: &[&str]) -> Result<Done, Failure> {
        let place = |word: &&str| match folder.join(word) {
            path if path.is_file() || *word == "absent" => path.display().to_string(),
            _ => (*word).to_owned(),
        };
        let line = ["cuadre", "signature"].map(str::to_owned).into_iter().chain(words.iter().map(place));
        let Some(Command::Signature(arguments)) = Cli::parse_from(line).command else { panic!("signature") };
        run(&arguments)
    }

    const ASKED: [&str; 4] = ["--secret-file", "key", "--body-file", "body.json"];

    fn asked<'w>(more: &[&'w str]) -> Vec<&'w str> {
        ASKED.iter().chain(more).copied().collect()
    }

    #[test]
    fn a_right_signature_is_ok_and_a_wrong_one_is_explained() {
        let folder = folder(&[]);
        let check = |words: &[&str], verdict: Verdict, part: &str| {
            let done = signature(folder.path(), words).unwrap();
            assert_eq!(done.verdict, verdict, "{}", done.report);
            assert!(done.report.contains(part), "{}", done.report);
        };
        check(
            &asked(&["--header", TAG]),
            Verdict::Agreed,
            "ok: the signature is right over the body as received (raw)",
        );
        check(&asked(&["--header", &TAG.to_uppercase()]), Verdict::Agreed, "upper case, which is accepted");
        let spaced = ["--secret-file", "key", "--body-file", "spaced.json", "--header", TAG];
        check(&spaced, Verdict::Agreed, "needs \"compact\": true");
        check(&asked(&["--header", &format!("sha256={TAG}")]), Verdict::Breaks, "prefix such as sha256=");
        check(&asked(&["--header", &"0".repeat(64)]), Verdict::Breaks, "another key or another body");
        check(&asked(&["--header", "-"]), Verdict::Breaks, "wrong: ");
        check(&asked(&["--header", ""]), Verdict::Breaks, "the header is empty");
    }

    #[test]
    fn for_a_machine_it_is_one_line() {
        let folder = folder(&[]);
        let check = |header: &str, expected: &str| {
            let report = signature(folder.path(), &asked(&["--header", header, "--json"])).unwrap().report;
            assert_eq!(report, expected);
            let value: Value = serde_json::from_str(&report).unwrap();
            assert_eq!(value.as_object().unwrap().len(), 3);
        };
        check(
            TAG,
            r#"{"valid": true, "form": "raw", "diagnosis": "ok: the signature is right over the body as received (raw)"}"#,
        );
        check(
            &format!("\"{TAG}\""),
            r#"{"valid": false, "form": null, "diagnosis": "wrong: the value of the header stands in quotation marks"}"#,
        );
    }

    #[test]
    fn the_scheme_comes_from_its_file_or_from_the_account_s_secret() {
        let secret =
            |more: &str| format!(r#"{{"id_service":1,"access_key":"a","secret_key":"{KEY}"{more}}}"#);
        let folder = folder(&[
            ("plain.json", &secret("")),
            ("paysafe.json", &secret(r#","signature":{"scheme":"paysafe"}"#)),
            ("scheme.json", r#"{"scheme":"paysafe","key":"base64"}"#),
            ("own.json", r#"{"scheme":"pagoefectivo"}"#),
            ("canonical.json", r#"{"scheme":"canonical"}"#),
            ("timed.json", r#"{"timestamp":1772461800,"cip":"3154722"}"#),
        ]);
        let check = |words: &[&str], part: &str| {
            let done = signature(folder.path(), words).unwrap();
            assert!(done.report.contains(part), "{words:?}: {}", done.report);
        };
        let body = ["--body-file", "body.json", "--header"];
        check(&[&["--secret-file", "plain.json"], &body[..], &[TAG]].concat(), "ok: ");
        check(&[&["--secret-file", "paysafe.json"], &body[..], &[PAYSAFE_TAG]].concat(), "ok: ");
        check(
            &[&["--secret-file", "paysafe.json"], &body[..], &[TAG]].concat(),
            "wrong: the header is hexadecimal",
        );
        check(&asked(&["--header", PAYSAFE_TAG, "--scheme-file", "scheme.json"]), "ok: ");
        // What is named on the command line goes before what the secret says.
        check(
            &[&["--secret-file", "paysafe.json", "--scheme-file", "own.json"], &body[..], &[TAG]].concat(),
            "ok: ",
        );
        let timed = |now: &'static str| {
            let files =
                ["--secret-file", "key", "--body-file", "timed.json", "--scheme-file", "canonical.json"];
            [&files[..], &["--header", CANONICAL_TAG, "--now", now]].concat()
        };
        check(&timed("2026-03-02T09:35:00-05:00"), "(canonical)");
        check(&timed("2026-03-02T09:35:01-05:00"), "lies 301 seconds from now");
    }

    #[test]
    fn one_line_break_behind_the_key_is_the_editor_s_and_anything_else_is_told() {
        let feed = format!("{KEY}\n");
        let folder = folder(&[
            ("feed", &feed),
            ("return", &format!("{KEY}\r\n")),
            ("two", &format!("{KEY}\n\n")),
            ("blank", &format!(" {KEY}")),
            ("inside.json", &format!(r#"{{"secret_key":"{KEY}\n"}}"#)),
        ]);
        let check = |file: &str, verdict: Verdict, part: &str| {
            let words = ["--secret-file", file, "--body-file", "body.json", "--header", TAG];
            let done = signature(folder.path(), &words).unwrap();
            assert!(done.verdict == verdict && done.report.contains(part), "{file}: {}", done.report);
        };
        check("feed", Verdict::Agreed, "ok: ");
        check("return", Verdict::Agreed, "ok: ");
        for padded in ["two", "blank", "inside.json"] {
            check(padded, Verdict::Breaks, "begins or ends with white space");
        }
    }

    #[test]
    fn bad_input_is_one_sentence_that_says_what_to_do() {
        let folder = folder(&[
            ("empty", ""),
            ("short", "too-short"),
            ("latin", "x"),
            ("cut.json", r#"{"secret_key":"#),
            ("keyless.json", r#"{"id_service":1}"#),
            ("strayed.json", &format!(r#"{{"secret_key":"{KEY}","signature":"{KEY}"}}"#)),
            ("inside.json", &format!(r#"{{"secret_key":"{KEY}","signature":{{"scheme":"{KEY}"}}}}"#)),
            ("scheme.json", r#"{"scheme":"paypal"}"#),
            ("list.json", "[]"),
        ]);
        fs::write(folder.path().join("latin"), b"clave-con-\xf1-en-latin-1").unwrap();
        let check = |secret: &str, body: &str, more: &[&str], part: &str| {
            let words = [&["--secret-file", secret, "--body-file", body, "--header", TAG], more].concat();
            let outcome = signature(folder.path(), &words);
            let Err(failure) = outcome else { panic!("{words:?}: {outcome:?}") };
            assert_eq!(failure.exit_code(), 2);
            assert!(failure.sentence().contains(part), "{}", failure.sentence());
            assert!(!failure.sentence().contains(KEY), "{}", failure.sentence());
        };
        check("empty", "body.json", &[], "secret_key is shorter than 16 bytes");
        check("short", "body.json", &[], "secret_key is shorter than 16 bytes");
        check("absent", "body.json", &[], "absent: check the path");
        check("key", "absent", &[], "absent: check the path");
        check("key", "body.json", &["--scheme-file", "absent"], "absent: check the path");
        check("latin", "body.json", &[], "not UTF-8");
        check("cut.json", "body.json", &[], "is no JSON");
        check("keyless.json", "body.json", &[], "has no text \"secret_key\"");
        check("strayed.json", "body.json", &[], "a signature scheme is an object");
        check("inside.json", "body.json", &[], "it holds the key");
        check("key", "body.json", &["--scheme-file", "scheme.json"], "unknown variant `paypal`");
        check("key", "body.json", &["--scheme-file", "list.json"], "a signature scheme is an object");
        check("key", "body.json", &["--now", "today"], "--now");
        check("-", "-", &[], "can stand for one file only");
    }

    #[test]
    fn a_body_that_is_too_large_is_diagnosed_all_the_same() {
        let report = |size: usize| {
            let body = format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8));
            let folder = folder(&[("large.json", &body)]);
            let words = ["--secret-file", "key", "--body-file", "large.json", "--header", TAG];
            signature(folder.path(), &words).unwrap().report
        };
        assert!(!report(BODY_BYTES_MAX).contains("413"));
        let large = report(BODY_BYTES_MAX + 1);
        assert!(
            large.contains(
                "another key or another body; the body has 65537 bytes, and the callback answers 413"
            ),
            "{large}"
        );
    }

    #[test]
    fn what_it_says_holds_no_signature_and_no_key() {
        let folder = folder(&[("other", "bm90IHRoZSBzYW1lIGtleSBhdCBhbGwsIHN1cmVseQ==")]);
        let piece = |text: &str| text.chars().take(12).collect::<String>();
        let headers =
            [TAG.to_owned(), format!("{TAG},{TAG}"), TAG.to_uppercase(), format!("x{TAG}"), "0".repeat(64)];
        for header in &headers {
            for secret in ["key", "other"] {
                for json in [&[][..], &["--json"]] {
                    let words = ["--secret-file", secret, "--body-file", "spaced.json", "--header", header];
                    let report = signature(folder.path(), &[&words[..], json].concat()).unwrap().report;
                    for piece in [piece(TAG), piece(header), piece(KEY), piece("bm90IHRoZSBz")] {
                        assert!(!report.to_lowercase().contains(&piece.to_lowercase()), "{report}");
                    }
                }
            }
        }
    }
}
