//! The openidconnect crate, as its own example has it.

use keygrove_clients::{Failure, Outcome, Registration, http, read, send, write};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims};
use openidconnect::reqwest::blocking::Client;
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse,
};

fn main() -> Result<(), Failure> {
    let told: Registration = read()?;
    let http = http()?;
    let metadata = CoreProviderMetadata::discover(&IssuerUrl::new(told.issuer.clone())?, &http)?;
    write(&if told.flow == "code" {
        code(&told, metadata, &http)?
    } else {
        client_credentials(&told, metadata, &http)?
    })
}

// It asks for `openid` by itself.
fn scopes(told: &Registration) -> impl Iterator<Item = Scope> {
    told.scope.split(' ').filter(|scope| *scope != "openid").map(|scope| Scope::new(scope.to_owned()))
}

fn client_credentials(
    told: &Registration,
    metadata: CoreProviderMetadata,
    http: &Client,
) -> Result<Outcome, Failure> {
    let secret = ClientSecret::new(told.client_secret.clone());
    let client =
        CoreClient::from_provider_metadata(metadata, ClientId::new(told.client_id.clone()), Some(secret));
    let token = client
        .exchange_client_credentials()?
        .add_scope(Scope::new("openid".to_owned()))
        .add_scopes(scopes(told))
        .add_extra_param("audience", &told.audience)
        .request(http)?;
    Ok(Outcome { access_token: token.access_token().secret().clone(), ..Outcome::default() })
}

fn code(told: &Registration, metadata: CoreProviderMetadata, http: &Client) -> Result<Outcome, Failure> {
    let secret = ClientSecret::new(told.client_secret.clone());
    let client =
        CoreClient::from_provider_metadata(metadata, ClientId::new(told.client_id.clone()), Some(secret))
            .set_redirect_uri(RedirectUrl::new(told.redirect_uri.clone())?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(scopes(told))
        .set_pkce_challenge(challenge)
        .url();
    let answer = send(&url)?;
    if answer.get("state") != Some(state.secret()) {
        return Err("the state is another".into());
    }
    let code = AuthorizationCode::new(answer.get("code").ok_or("there is no code")?.clone());
    let tokens = client.exchange_code(code)?.set_pkce_verifier(verifier).request(http)?;

    let id_token = tokens.id_token().ok_or("there is no ID token")?;
    let checks = client.id_token_verifier();
    let claims = id_token.claims(&checks, &nonce)?;
    let hash = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg()?,
        id_token.signing_key(&checks)?,
    )?;
    if claims.access_token_hash() != Some(&hash) {
        return Err("at_hash is another".into());
    }

    let subject = claims.subject().clone();
    let about: CoreUserInfoClaims =
        client.user_info(tokens.access_token().clone(), Some(subject.clone()))?.request(http)?;
    let refresh = tokens.refresh_token().ok_or("there is no refresh token")?;
    let renewed = client.exchange_refresh_token(refresh)?.request(http)?;
    Ok(Outcome {
        access_token: tokens.access_token().secret().clone(),
        renewed_access_token: Some(renewed.access_token().secret().clone()),
        id_token_subject: Some(subject.to_string()),
        userinfo_subject: Some(about.subject().to_string()),
    })
}
