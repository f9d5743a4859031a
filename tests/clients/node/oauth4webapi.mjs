import * as oauth from 'oauth4webapi'
import { privateKey, run } from './dialogue.mjs'

async function discover(told) {
  const issuer = new URL(told.issuer)
  const response = await oauth.discoveryRequest(issuer)
  return {
    as: await oauth.processDiscoveryResponse(issuer, response),
    client: { client_id: told.client_id },
    secret: told.private_jwk
      ? oauth.PrivateKeyJwt(await privateKey(told.private_jwk))
      : oauth.ClientSecretBasic(told.client_secret),
  }
}

await run({
  async client_credentials(told) {
    const { as, client, secret } = await discover(told)
    const { scope, audience } = told
    const response = await oauth.clientCredentialsGrantRequest(as, client, secret, { scope, audience })
    return { access_token: (await oauth.processClientCredentialsResponse(as, client, response)).access_token }
  },

  async code(told, person) {
    const { as, client, secret } = await discover(told)
    const verifier = oauth.generateRandomCodeVerifier()
    const state = oauth.generateRandomState()
    const nonce = oauth.generateRandomNonce()
    const url = new URL(as.authorization_endpoint)
    const asked = {
      client_id: told.client_id,
      redirect_uri: told.redirect_uri,
      response_type: 'code',
      scope: told.scope,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    }
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value)
    const answer = oauth.validateAuthResponse(as, client, await person(url), state)

    const response = await oauth.authorizationCodeGrantRequest(
      as, client, secret, answer, told.redirect_uri, verifier,
    )
    const checks = { expectedNonce: nonce, requireIdToken: true }
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, checks)
    await oauth.validateApplicationLevelSignature(as, response)
    const { sub } = oauth.getValidatedIdTokenClaims(tokens)

    const about = await oauth.processUserInfoResponse(
      as, client, sub, await oauth.userInfoRequest(as, client, tokens.access_token),
    )
    const renewed = await oauth.processRefreshTokenResponse(
      as, client, await oauth.refreshTokenGrantRequest(as, client, secret, tokens.refresh_token),
    )
    return {
      access_token: tokens.access_token,
      id_token_subject: sub,
      userinfo_subject: about.sub,
      renewed_access_token: renewed.access_token,
    }
  },
})
