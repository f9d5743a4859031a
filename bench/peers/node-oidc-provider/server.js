// node-oidc-provider doing the job of Keygrove's token endpoint: client_credentials with client_secret_post, JWT
// access tokens (RFC 9068) signed RS256 with one RSA-2048 key, in-memory adapter, cluster workers.
// Arguments: port, workers, client id, client secret, audience, scope.
import cluster from 'node:cluster';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, workers, clientId, clientSecret, audience, scope] = process.argv.slice(2);

if (cluster.isPrimary) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'bench' };
  for (let index = 0; index < Number(workers); index += 1) {
    cluster.fork({ SIGNING_KEY: JSON.stringify(jwk) });
  }
  process.on('SIGTERM', () => process.exit(0));
} else {
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    jwks: { keys: [JSON.parse(process.env.SIGNING_KEY)] },
    scopes: scope.split(' '),
    clients: [{
      client_id: clientId,
      client_secret: clientSecret,
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope,
    }],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: () => ({
          audience,
          scope,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 3600,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  provider.listen(Number(port), '127.0.0.1');
}
