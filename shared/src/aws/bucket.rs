//! The bucket: raw and normalized evidence, runs, the policy.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use super::{Patience, SdkConfig, StoreError, failed};

/// Largest object that is taken into memory: a function has a gigabyte or two, and rows point into these bytes.
pub const OBJECT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Least bytes of a piece of an object that is written piece by piece: S3 takes 5 MiB at the least, and 10,000 pieces.
const PIECE_BYTES: usize = 16 * 1024 * 1024;

/// Most objects that one listing gives; past it a function would spend its time on listing.
const KEYS_MAX: usize = 100_000;

/// Whether a write-once object was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is there now.
    New,
    /// It was there already and stays as it was.
    AlreadyThere,
}

/// An object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its bytes as stored.
    pub bytes: Vec<u8>,
    /// Which version of it; absent in a bucket without versions.
    pub version_id: Option<String>,
}

/// An object as a listing names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name.
    pub key: String,
    /// Its size as stored, in bytes.
    pub bytes: u64,
    /// Changes with its content.
    pub e_tag: String,
}

/// An S3 bucket; a clone shares its connections.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    name: String,
}

impl Bucket {
    /// Makes the client; nothing is read yet.
    #[must_use]
    pub fn new(config: &SdkConfig, patience: Patience, name: &str) -> Bucket {
        Bucket { client: Client::new(&patience.applied_to(config)), name: name.to_owned() }
    }

    /// Where an object lies, for people: `s3://bucket/key`.
    #[must_use]
    pub fn location(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// Writes an object unless one of that name is there (`If-None-Match: *`).
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` it may have been written all the same.
    pub async fn put_new(&self, key: &str, bytes: Vec<u8>) -> Result<Written, StoreError> {
        let request = self.client.put_object().bucket(&self.name).key(key).if_none_match("*");
        match request.body(ByteStream::from(bytes)).send().await {
            Ok(_) => Ok(Written::New),
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 412 => {
                Ok(Written::AlreadyThere)
            }
            Err(error) => Err(failed("PutObject", error)),
        }
    }

    /// Writes an object in place of whatever has its name; older versions stay in the bucket.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let request = self.client.put_object().bucket(&self.name).key(key).body(ByteStream::from(bytes));
        request.send().await.map(drop).map_err(|error| failed("PutObject", error))
    }

    /// Begins an object that is written piece by piece, however long it becomes. It is there when it is finished, and replaces
    /// whatever has its name.
    #[must_use]
    pub fn upload(&self, key: &str) -> Upload {
        Upload { bucket: self.clone(), key: key.to_owned(), id: None, parts: Vec::new(), waiting: Vec::new() }
    }

    /// Reads an object, or one version of it; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError`], `TooLarge` beyond [`OBJECT_BYTES_MAX`].
    pub async fn get(&self, key: &str, version_id: Option<&str>) -> Result<Option<Object>, StoreError> {
        let request = self.client.get_object().bucket(&self.name).key(key);
        let object = match request.set_version_id(version_id.map(str::to_owned)).send().await {
            Ok(object) => object,
            Err(SdkError::ServiceError(error)) if matches!(error.err(), GetObjectError::NoSuchKey(_)) => {
                return Ok(None);
            }
            Err(error) => return Err(failed("GetObject", error)),
        };
        let length = object.content_length.and_then(|length| usize::try_from(length).ok());
        if length.is_some_and(|length| length > OBJECT_BYTES_MAX) {
            return Err(StoreError::TooLarge { what: key.to_owned(), max: OBJECT_BYTES_MAX });
        }
        // A bucket without versions gives the word "null".
        let version_id = object.version_id.filter(|version| version != "null");
        let body = object.body.collect().await;
        let body =
            body.map_err(|error| StoreError::Unavailable { operation: "GetObject", source: error.into() })?;
        Ok(Some(Object { bytes: body.to_vec(), version_id }))
    }

    /// The last bytes of an object, however large it is; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get_end(&self, key: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let range = format!("bytes=-{bytes_max}");
        let object = match self.client.get_object().bucket(&self.name).key(key).range(range).send().await {
            Ok(object) => object,
            Err(SdkError::ServiceError(error)) if matches!(error.err(), GetObjectError::NoSuchKey(_)) => {
                return Ok(None);
            }
            Err(error) => return Err(failed("GetObject", error)),
        };
        let body = object.body.collect().await;
        let body =
            body.map_err(|error| StoreError::Unavailable { operation: "GetObject", source: error.into() })?;
        Ok(Some(body.to_vec()))
    }

    /// The objects under a prefix, in the order of their keys; with `after`, those alone whose keys sort after it.
    ///
    /// # Errors
    /// [`StoreError`], `TooLarge` for more keys than one call may give.
    pub async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Listed>, StoreError> {
        let request = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
        let mut pages = request.set_start_after(after.map(str::to_owned)).into_paginator().send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("ListObjectsV2", error))?;
            objects.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                let bytes = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
                let e_tag = object.e_tag.unwrap_or_default().trim_matches('"').to_owned();
                Some(Listed { key: object.key?, bytes, e_tag })
            }));
            if objects.len() > KEYS_MAX {
                return Err(StoreError::TooLarge { what: format!("the list of {prefix}"), max: KEYS_MAX });
            }
        }
        // A "folder" that somebody made in a console is an empty object whose key ends with a slash.
        objects.retain(|object| !object.key.ends_with('/'));
        objects.sort_unstable();
        Ok(objects)
    }
}

/// An object while it is written. One that is not finished is given up by the bucket's own rule.
#[derive(Debug)]
pub struct Upload {
    bucket: Bucket,
    key: String,
    /// Once the first piece has gone.
    id: Option<String>,
    parts: Vec<CompletedPart>,
    waiting: Vec<u8>,
}

impl Upload {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() < PIECE_BYTES { Ok(()) } else { self.send().await }
    }

    /// Sends what waits as the next piece.
    async fn send(&mut self) -> Result<(), StoreError> {
        let Bucket { client, name } = &self.bucket;
        let id = match &self.id {
            Some(id) => id.clone(),
            None => {
                let begun = client.create_multipart_upload().bucket(name).key(&self.key).send().await;
                let begun = begun.map_err(|error| failed("CreateMultipartUpload", error))?;
                self.id.insert(begun.upload_id.unwrap_or_default()).clone()
            }
        };
        let number = i32::try_from(self.parts.len().saturating_add(1)).unwrap_or(i32::MAX);
        let piece = ByteStream::from(std::mem::take(&mut self.waiting));
        let sent =
            client.upload_part().bucket(name).key(&self.key).upload_id(id).part_number(number).body(piece);
        let sent = sent.send().await.map_err(|error| failed("UploadPart", error))?;
        self.parts.push(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build());
        Ok(())
    }

    /// Ends the object.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finish(mut self) -> Result<(), StoreError> {
        if self.id.is_none() {
            return self.bucket.put(&self.key, self.waiting).await;
        }
        if !self.waiting.is_empty() {
            self.send().await?;
        }
        let Upload { bucket: Bucket { client, name }, key, id, parts, .. } = self;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let done = client.complete_multipart_upload().bucket(name).key(key).set_upload_id(id);
        let done = done.multipart_upload(parts).send().await;
        done.map(drop).map_err(|error| failed("CompleteMultipartUpload", error))
    }
}
