// A real OpenID Connect issuer on this machine (oidc-provider, certified), with a few people whom it knows.
import { createRequire } from "node:module";

const [modules, port, callback] = process.argv.slice(2);
const { default: Provider } = await import(createRequire(modules).resolve("oidc-provider"));

const people = {
  ana: { email: "Ana@example.org", email_verified: true },
  ben: { email: "ben@example.org", email_verified: true, groups: ["studio"] },
  vic: { email: "vic@example.org", email_verified: true },
  eve: { email: "ana@example.org", email_verified: false },
};

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "voicestack", client_secret: "known-to-both", redirect_uris: [callback] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
  scopes: ["openid", "email", "profile", "groups"],
  pkce: { methods: ["S256"], required: () => true },
  findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
});
provider.listen(Number(port), "127.0.0.1");
