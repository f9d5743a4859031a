import * as client from 'openid-client'
import { run } from './dialogue.mjs'

// Without the checks of signatures it believes an ID token because of how it came.
const configure = (told) =>
  client.discovery(new URL(told.issuer), told.client_id, told.client_secret, undefined, {
    execute: [client.enableNonRepudiationChecks],
  })

await run({
  async client_credentials(told) {
    const { scope, audience } = told
    const tokens = await client.clientCredentialsGrant(await configure(told), { scope, audience })
    return { access_token: tokens.access_token }
  },

  async code(told, person) {
    const config = await configure(told)
    const pkceCodeVerifier = client.randomPKCECodeVerifier()
    const expectedState = client.randomState()
    const expectedNonce = client.randomNonce()
    const callback = await person(
      client.buildAuthorizationUrl(config, {
        redirect_uri: told.redirect_uri,
        scope: told.scope,
        code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
        state: expectedState,
        nonce: expectedNonce,
      }),
    )
    const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
    const tokens = await client.authorizationCodeGrant(config, callback, checks)
    const { sub } = tokens.claims()
    const about = await client.fetchUserInfo(config, tokens.access_token, sub)
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
    return {
      access_token: tokens.access_token,
      id_token_subject: sub,
      userinfo_subject: about.sub,
      renewed_access_token: renewed.access_token,
    }
  },
})
