import * as client from 'openid-client'
import { privateKey, run } from './dialogue.mjs'

// Without the checks of signatures it believes an ID token because of how it came.
const configure = async (told) =>
  client.discovery(new URL(told.issuer), told.client_id, told.client_secret, await authentication(told), {
    execute: [client.enableNonRepudiationChecks],
  })

async function authentication({ private_jwk }) {
  if (!private_jwk) return undefined
  return client.PrivateKeyJwt(await privateKey(private_jwk))
}

// What comes to the redirect URI, as a web server hands it on.
const arrival = (url, { redirect_uri, response_mode }) =>
  response_mode === 'form_post'
    ? new Request(redirect_uri, { method: 'POST', body: url.searchParams })
    : url

async function signOut(config, { post_logout_redirect_uri }, person, id_token_hint) {
  if (!post_logout_redirect_uri) return null
  const state = client.randomState()
  const asked = { post_logout_redirect_uri, id_token_hint, state }
  const end = await person(client.buildEndSessionUrl(config, asked))
  if (end.searchParams.get('state') !== state) throw new Error('the state is another')
  return end.origin + end.pathname
}

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
        ...(told.response_mode && { response_mode: told.response_mode }),
      }),
    )
    const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
    const tokens = await client.authorizationCodeGrant(config, arrival(callback, told), checks)
    const { sub } = tokens.claims()
    const about = await client.fetchUserInfo(config, tokens.access_token, sub)
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
    return {
      access_token: tokens.access_token,
      id_token_subject: sub,
      userinfo_subject: about.sub,
      renewed_access_token: renewed.access_token,
      signed_out_at: await signOut(config, told, person, tokens.id_token),
    }
  },
})
