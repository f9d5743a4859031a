// Made for browsers, for public clients: nothing of it needs a window but the navigation.
import { InMemoryWebStorage, OidcClient, WebStorageStateStore } from 'oidc-client-ts'
import { run } from './dialogue.mjs'

await run({
  async code(told, person) {
    const client = new OidcClient({
      authority: told.issuer,
      client_id: told.client_id,
      redirect_uri: told.redirect_uri,
      scope: told.scope,
      loadUserInfo: true,
      stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
    })
    const { url } = await client.createSigninRequest({ nonce: crypto.randomUUID() })
    const signedIn = await client.processSigninResponse(String(await person(url)))
    const renewed = await client.useRefreshToken({ state: signedIn })
    return {
      access_token: signedIn.access_token,
      id_token_subject: null, // it reads the id token, and believes it because of how it came
      userinfo_subject: signedIn.profile.sub,
      renewed_access_token: renewed.access_token,
    }
  },
})
