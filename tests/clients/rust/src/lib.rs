//! The dialogue with the test, as node/dialogue.mjs has it.

use oauth2::reqwest::blocking::Client;
use oauth2::reqwest::{Certificate, Url, redirect};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::error::Error;
use std::{env, fs, io};

pub type Failure = Box<dyn Error>;

#[derive(Deserialize)]
pub struct Registration {
    pub flow: String,
    pub issuer: String,
    pub client_id: String,
    pub client_secret: String,
    pub scope: String,
    pub audience: String,
    pub redirect_uri: String,
}

#[derive(Default, Serialize)]
pub struct Outcome {
    pub access_token: String,
    pub renewed_access_token: Option<String>,
    pub id_token_subject: Option<String>,
    pub userinfo_subject: Option<String>,
}

#[derive(Serialize)]
struct Sent<'a> {
    authorization_url: &'a str,
}

#[derive(Deserialize)]
struct Back {
    callback: String,
}

pub fn read<T: DeserializeOwned>() -> Result<T, Failure> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

pub fn write(value: &impl Serialize) -> Result<(), Failure> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// Send the person somewhere; gives the query of the address that the person was sent back to.
pub fn send(url: &Url) -> Result<HashMap<String, String>, Failure> {
    write(&Sent { authorization_url: url.as_str() })?;
    let back: Back = read()?;
    Ok(Url::parse(&back.callback)?.query_pairs().into_owned().collect())
}

/// An HTTP client that trusts the test's certificate, and follows no redirect, as the crates ask.
pub fn http() -> Result<Client, Failure> {
    let authority = Certificate::from_pem(&fs::read(env::var("SSL_CERT_FILE")?)?)?;
    Ok(Client::builder().add_root_certificate(authority).redirect(redirect::Policy::none()).build()?)
}
