//! Whose components are loaded: keys that are trusted, digests that are banned.
//!
//! Decided on the bytes that were read, before anything is compiled. A signature is one of the
//! manifest's bytes (ed25519), and the manifest names the component's digest.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use ed25519_dalek::pkcs8::spki::DecodePublicKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{SIGNATURE_LENGTH, Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::bytes;
use crate::load_error::LoadError;
use crate::manifest::Manifest;
use crate::package::Package;

/// A key that plugins are signed with: `ed25519:` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// What is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{found}\" is no ed25519 key: {why}")]
pub struct KeyError {
    found: String,
    why: &'static str,
}

const PREFIX: &str = "ed25519:";

impl FromStr for PublicKey {
    type Err = KeyError;

    /// Takes the text that [`PublicKey`] shows, or a public key as PEM.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let error = |why| KeyError { found: text.chars().take(80).collect(), why };
        let text = text.trim();
        if text.starts_with("-----BEGIN") {
            let key = VerifyingKey::from_public_key_pem(text);
            return key.map(Self).map_err(|_| error("a PEM file, but not of such a public key"));
        }
        let digits = text.strip_prefix(PREFIX).unwrap_or(text);
        let bytes: Option<[u8; 32]> = from_hex(digits);
        let bytes = bytes.ok_or_else(|| error("64 hexadecimal digits are allowed"))?;
        VerifyingKey::from_bytes(&bytes).map(Self).map_err(|_| error("it is no point of the curve"))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", hex(self.0.as_bytes()))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A key that signs. Shows nothing of itself.
pub struct SecretKey(SigningKey);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

impl SecretKey {
    /// The key of 32 bytes that must be random.
    #[must_use]
    pub fn of(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a private key as PEM (PKCS #8), as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// What is none. The text is not repeated.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let why = "a private key as PEM (PKCS #8) is wanted";
        let error = |_| KeyError { found: "the file".to_owned(), why };
        SigningKey::from_pkcs8_pem(text).map(Self).map_err(error)
    }

    /// As PEM, or none where it can't be written.
    #[must_use]
    pub fn to_pem(&self) -> Option<String> {
        self.0.to_pkcs8_pem(LineEnding::LF).ok().map(|text| text.as_str().to_owned())
    }

    /// What others check it with.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The signature of a manifest, as its file holds it.
    #[must_use]
    pub fn sign(&self, manifest: &str) -> String {
        format!("{}\n", hex(&self.0.sign(manifest.as_bytes()).to_bytes()))
    }
}

/// Whose components are loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// Keys whose signatures count.
    pub keys: Vec<PublicKey>,
    /// Digests that never load.
    pub banned: BTreeSet<String>,
    /// Whether nothing loads without a signature.
    #[serde(skip)]
    pub require_signature: bool,
}

/// What is known of a component's origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// There is no signature.
    No,
    /// There is one, and no key is trusted that it could be checked against.
    Unchecked,
    /// A trusted key's.
    By(PublicKey),
}

impl Trust {
    /// Checks a package; gives its manifest and whose signature it has.
    ///
    /// # Errors
    /// [`LoadError::Banned`], [`LoadError::Signature`], [`LoadError::Manifest`].
    pub(crate) fn check(&self, package: &Package) -> Result<(Option<Manifest>, Signed), LoadError> {
        let digest = bytes::digest(&package.component);
        if self.banned.contains(&digest) {
            return Err(LoadError::Banned { digest });
        }
        let manifest = package.manifest.as_deref().map(Manifest::parse).transpose()?;
        if let Some(manifest) = &manifest {
            manifest.check_digest(&digest)?;
        }
        let refuse = |why: String| Err(LoadError::Signature { why });
        let (Some(text), Some(signature)) = (&package.manifest, &package.signature) else {
            if self.require_signature {
                return refuse(
                    "there is none beside it: NAME.bot.toml and NAME.bot.toml.sig are wanted \
                     (setting bots.require_signature)"
                        .to_owned(),
                );
            }
            return match &package.signature {
                Some(_) => refuse("it is of a NAME.bot.toml that is not there".to_owned()),
                None => Ok((manifest, Signed::No)),
            };
        };
        let Some(signature) = signature_of(signature) else {
            return refuse("it is neither 64 bytes nor 128 hexadecimal digits".to_owned());
        };
        if manifest.as_ref().is_none_or(|manifest| manifest.digest.is_none()) {
            return refuse("bot.toml names no digest, so it is of no component".to_owned());
        }
        if self.keys.is_empty() && !self.require_signature {
            return Ok((manifest, Signed::Unchecked));
        }
        let by =
            self.keys.iter().find(|key| key.0.verify_strict(text.as_bytes(), &signature).is_ok());
        match by {
            Some(key) => Ok((manifest, Signed::By(*key))),
            None => refuse(format!(
                "it is of none of the {} trusted keys (stockade plugin trust KEY)",
                self.keys.len()
            )),
        }
    }
}

/// Takes the bytes themselves, as openssl writes them, or their digits.
fn signature_of(file: &[u8]) -> Option<Signature> {
    if let Ok(raw) = <[u8; SIGNATURE_LENGTH]>::try_from(file) {
        return Some(Signature::from_bytes(&raw));
    }
    let digits = std::str::from_utf8(file).ok()?;
    from_hex::<SIGNATURE_LENGTH>(digits.trim()).map(|raw| Signature::from_bytes(&raw))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    if digits.len() != 2 * N || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
