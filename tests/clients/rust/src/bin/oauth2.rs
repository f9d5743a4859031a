//! The oauth2 crate. It knows no discovery and no ID tokens.

use keygrove_clients::{Failure, Outcome, Registration, http, read, send, write};
use oauth2::basic::BasicClient;
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, PkceCodeChallenge, RedirectUrl, Scope,
    TokenResponse, TokenUrl,
};

fn main() -> Result<(), Failure> {
    let told: Registration = read()?;
    write(&if told.flow == "code" { code(&told)? } else { client_credentials(&told)? })
}

fn scopes(told: &Registration) -> impl Iterator<Item = Scope> {
    told.scope.split(' ').map(|scope| Scope::new(scope.to_owned()))
}

fn client_credentials(told: &Registration) -> Result<Outcome, Failure> {
    let token = BasicClient::new(ClientId::new(told.client_id.clone()))
        .set_client_secret(ClientSecret::new(told.client_secret.clone()))
        .set_token_uri(TokenUrl::new(format!("{}/oauth2/token", told.issuer))?)
        .exchange_client_credentials()
        .add_scopes(scopes(told))
        .add_extra_param("audience", &told.audience)
        .request(&http()?)?;
    Ok(Outcome { access_token: token.access_token().secret().clone(), ..Outcome::default() })
}

fn code(told: &Registration) -> Result<Outcome, Failure> {
    let http = http()?;
    let client = BasicClient::new(ClientId::new(told.client_id.clone()))
        .set_client_secret(ClientSecret::new(told.client_secret.clone()))
        .set_auth_uri(AuthUrl::new(format!("{}/oauth2/auth", told.issuer))?)
        .set_token_uri(TokenUrl::new(format!("{}/oauth2/token", told.issuer))?)
        .set_redirect_uri(RedirectUrl::new(told.redirect_uri.clone())?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scopes(scopes(told))
        .set_pkce_challenge(challenge)
        .url();
    let answer = send(&url)?;
    if answer.get("state") != Some(state.secret()) {
        return Err("the state is another".into());
    }
    let code = AuthorizationCode::new(answer.get("code").ok_or("there is no code")?.clone());
    let token = client.exchange_code(code).set_pkce_verifier(verifier).request(&http)?;
    let refresh = token.refresh_token().ok_or("there is no refresh token")?;
    let renewed = client.exchange_refresh_token(refresh).request(&http)?;
    Ok(Outcome {
        access_token: token.access_token().secret().clone(),
        renewed_access_token: Some(renewed.access_token().secret().clone()),
        ..Outcome::default()
    })
}
