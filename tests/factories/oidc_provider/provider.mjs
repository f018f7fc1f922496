// A real OpenID provider (oidc-provider) for the tests of signing in.
//
//   node provider.mjs '{"redirect_uri": …, "client_id": …, "client_secret": …}'
//
// `token_endpoint_auth_method` is how the client proves who it is; with `claims_in_id_token` names stand there too.
//
// It prints its issuer as one line of JSON and ends with its standard input. Nobody types a password here: whoever the
// test put at `/test/next` is signed in. `/test/keys` gives it new keys, as a provider that rotates them.
import { once } from 'node:events';
import http from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import Provider from 'oidc-provider';

const wanted = JSON.parse(process.argv[2]);
const server = http.createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

let next = {}; // who is at the browser: {sub, claims, deny, change, keep}
let asked = []; // the token requests, as they came
let serial = 0;
let privateKey;
let kid;
let answer;

async function begin() {
  const pair = await generateKeyPair('RS256', { extractable: true });
  privateKey = pair.privateKey;
  kid = `key-${(serial += 1)}`;
  const jwk = { ...(await exportJWK(privateKey)), kid, use: 'sig', alg: 'RS256' };
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: wanted.client_id,
        client_secret: wanted.token_endpoint_auth_method === 'none' ? undefined : wanted.client_secret,
        redirect_uris: [wanted.redirect_uri],
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: wanted.token_endpoint_auth_method ?? 'client_secret_basic',
      },
    ],
    clientAuthMethods: [wanted.token_endpoint_auth_method ?? 'client_secret_basic'],
    jwks: { keys: [jwk] },
    pkce: { required: () => true },
    cookies: { keys: ['tests'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
    conformIdTokenClaims: !wanted.claims_in_id_token,
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...next.claims }) }),
    ttl: { AccessToken: 300, AuthorizationCode: 60, Grant: 300, IdToken: 300, Interaction: 300, Session: 300 },
  });
  provider.use(async (ctx, following) => {
    await following();
    if (ctx.path !== '/token') return;
    asked.push({ ...ctx.oidc?.body, basic: ctx.get('authorization') });
    if (next.change && ctx.body?.id_token) ctx.body.id_token = await changed(ctx.body.id_token);
  });
  const callback = provider.callback();
  answer = (request, response) =>
    request.url.startsWith('/interaction/') ? signIn(provider, request, response) : callback(request, response);
}

// A token with other claims, truly signed unless the test wants that different: what a broken provider would send.
async function changed(token) {
  const [head, body] = token.split('.').map((part) => Buffer.from(part, 'base64url'));
  const header = { ...JSON.parse(head), ...next.change.header };
  const claims = Object.fromEntries(
    Object.entries({ ...JSON.parse(body), ...next.change.claims }).filter(([, value]) => value !== null),
  );
  if (next.change.as_it_is) {
    const parts = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    return [...parts, token.split('.')[2]].join('.');
  }
  return new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
}

async function signIn(provider, request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (next.deny) {
    const refused = { error: 'access_denied', error_description: 'the person said no' };
    await provider.interactionFinished(request, response, refused);
  } else if (prompt.name === 'login') {
    await provider.interactionFinished(request, response, { login: { accountId: next.sub } });
  } else {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
  }
}

async function control(request, response) {
  const chunks = await request.toArray();
  if (request.url === '/test/next') next = JSON.parse(Buffer.concat(chunks));
  if (request.url === '/test/keys') await begin();
  const told = JSON.stringify({ asked });
  asked = [];
  response.setHeader('content-type', 'application/json').end(told);
}

await begin();
server.on('request', (request, response) =>
  request.url.startsWith('/test/') ? control(request, response) : answer(request, response),
);
process.stdin.resume().on('end', () => process.exit(0));
console.log(JSON.stringify({ issuer }));
