// A certified authorization server (oidc-provider) for Keylodge's tests: one person, apps as the first argument says.
// It prints {"url"} and runs until it is ended. Its own pages for signing in and agreeing are the package's.
import http from 'node:http';
import Provider from 'oidc-provider';

const asked = JSON.parse(process.argv[2]);
const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const granted = {};
  const provider = new Provider(url, {
    clients: asked.clients,
    scopes: ['openid', 'offline_access', 'read', 'write'],
    claims: { openid: ['sub', 'email'] },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@acme.example` }) }),
    issueRefreshToken: () => true,
    rotateRefreshToken: () => asked.rotate,
    pkce: { required: () => true },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
    },
    ttl: { AccessToken: asked.access_token_ttl_s, ClientCredentials: asked.access_token_ttl_s },
  });
  const count = (context) => {
    const kind = context.oidc.params.grant_type;
    granted[kind] = (granted[kind] ?? 0) + 1;
  };
  provider.on('grant.success', count);
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url !== '/granted') return answer(request, response);
    response.setHeader('Content-Type', 'application/json');
    return response.end(JSON.stringify(granted));
  });
  console.log(JSON.stringify({ url }));
});
