// Sign a user in with @azure/identity, or use a record, with the cache that its plug-in keeps in the home directory.
// Argument: a JSON object with clientId, tenantId, scope and, for a silent token, record. Environment: PACKAGES is where
// npm installed, PORT is the emulator's. Prints {record, token} or {error}.
const Module = require("node:module");
const https = require("node:https");

// The plug-in's native part needs libsecret's headers to be built: it is as on a machine without a keyring.
const absent = async () => {
  throw new Error("there is no libsecret here");
};
const load = Module._load;
Module._load = (name, ...rest) =>
  name === "keytar" ? { getPassword: absent, setPassword: absent, deletePassword: absent } : load(name, ...rest);

// The emulator answers for the public cloud, and nothing else is reached.
const request = https.request;
https.request = (options, ...rest) => {
  if (options.hostname === "127.0.0.1") return request.call(https, options, ...rest);
  if (options.hostname !== "login.microsoftonline.com") throw new Error(`there is no network to ${options.hostname}`);
  const headers = Object.fromEntries(Object.entries(options.headers).filter(([name]) => name.toLowerCase() !== "host"));
  const here = { ...options, hostname: "127.0.0.1", host: "127.0.0.1", port: process.env.PORT, headers };
  return request.call(https, here, ...rest);
};

const need = Module.createRequire(`${process.env.PACKAGES}/x.js`);
const identity = need("@azure/identity");
identity.useIdentityPlugin(need("@azure/identity-cache-persistence").cachePersistencePlugin);

const { clientId, tenantId, scope, record } = JSON.parse(process.argv[2]);
const credential = new identity.DeviceCodeCredential({
  clientId,
  tenantId,
  authorityHost: "https://login.microsoftonline.com",
  disableInstanceDiscovery: true,
  disableAutomaticAuthentication: Boolean(record),
  authenticationRecord: record && identity.deserializeAuthenticationRecord(record),
  tokenCachePersistenceOptions: { enabled: true, unsafeAllowUnencryptedStorage: true },
  userPromptCallback: () => {},
});

const main = async () => {
  const known = record || identity.serializeAuthenticationRecord(await credential.authenticate([scope]));
  return { record: known, token: (await credential.getToken(scope)).token };
};
main().then(
  (done) => console.log(JSON.stringify(done)),
  (error) => console.log(JSON.stringify({ error: `${error.name}: ${error.message}` })),
);
