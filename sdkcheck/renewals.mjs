// Plays a business server that uses co-wechat-api, unmodified, with a Hufu server in the
// platform's place, and holds Hufu to what it promises: every token the package hands out
// opens the platform for as long as the package goes on handing it out.
//
// usage: node renewals.mjs BASE_URL APP_ID HUFU_KEY SECONDS SANDBOX_URL
//
// It starts nothing. It prints a summary as JSON and exits 0, or 1 if a token was dead, a
// call failed, or fewer than two renewals were seen. No token is printed.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const API = createRequire(import.meta.url)('co-wechat-api');

const POLL_MS = 200;
// A business server that has just started has nothing cached and asks at once.
const NEWCOMER_EVERY_MS = 2500;
// Two planned renewals show three tokens.
const LEAST_TOKENS = 3;
const MOST_FAULTS_SHOWN = 10;

const args = process.argv.slice(2);
if (args.length !== 5 || !(Number(args[3]) > 0)) {
  console.error('usage: node renewals.mjs BASE_URL APP_ID HUFU_KEY SECONDS SANDBOX_URL');
  process.exit(2);
}
const [base, appID, key] = args;
const seconds = Number(args[3]);
const sandbox = args[4].replace(/\/+$/, '');

const started = Date.now();
const since = () => Number(((Date.now() - started) / 1000).toFixed(1));

const tokens = new Map(); // fingerprint → when it was first and last seen
const faults = [];
let reads = 0;
let probes = 0;
let straddled = 0;

function fingerprint(token) {
  return createHash('sha256').update(token).digest('hex').slice(0, 8);
}

// The package puts whole URLs, the key among them, into its error texts.
function redacted(err) {
  return String(err?.message ?? err).replaceAll(key, '***').replace(/access_token=[^&\s]+/g, 'access_token=***');
}

function fault(what) {
  faults.push(`${since()}s: ${what}`);
}

function newSDK(secret) {
  const api = new API(appID, secret);
  api.prefix = base.replace(/\/+$/, '') + '/cgi-bin/';
  return api;
}

// probe asks the platform itself, not Hufu, whether the token opens it.
async function probe(token) {
  probes++;
  const query = new URLSearchParams({ access_token: token });
  const res = await fetch(`${sandbox}/cgi-bin/getcallbackip?${query}`, { signal: AbortSignal.timeout(3000) });
  const answer = await res.json();
  if (res.status === 200 && !answer.errcode && Array.isArray(answer.ip_list)) {
    return null;
  }
  return `HTTP ${res.status}, errcode ${answer.errcode}: ${answer.errmsg}`;
}

// take gets a token the way every API method of the package does, and holds it to its promise.
async function take(api, who) {
  let token;
  try {
    reads++;
    token = await api.ensureAccessToken();
  } catch (err) {
    fault(`${who}: no token: ${redacted(err)}`);
    return;
  }
  if (typeof token.accessToken !== 'string' || token.accessToken === '' || !Number.isFinite(token.expireTime)) {
    fault(`${who}: what came is not a token`);
    return;
  }
  const id = fingerprint(token.accessToken);
  const seen = tokens.get(id) ?? { first: since(), last: since(), reads: 0 };
  tokens.set(id, { ...seen, last: since(), reads: seen.reads + 1 });

  try {
    const refused = await probe(token.accessToken);
    // A token that was asked about while its time ran out broke no promise.
    if (refused && Date.now() >= token.expireTime) {
      straddled++;
    } else if (refused) {
      const left = ((token.expireTime - Date.now()) / 1000).toFixed(1);
      fault(`${who}: dead token ${id}, ${left} s before its time, first seen at ${seen.first}s: ${refused}`);
    }
  } catch (err) {
    fault(`${who}: the sandbox did not answer: ${redacted(err)}`);
  }
}

// refusesStrangers checks that the key is looked at, and refused in the platform's own words.
async function refusesStrangers() {
  try {
    await newSDK('x'.repeat(40)).getAccessToken();
    fault('stranger: a wrong key got a token');
  } catch (err) {
    if (err.code !== 40125) {
      fault(`stranger: want errcode 40125 for a wrong key, got ${err.code}: ${redacted(err)}`);
    }
  }
}

async function every(ms, until, work) {
  while (Date.now() < until) {
    const next = Date.now() + ms;
    await work();
    await sleep(Math.max(0, next - Date.now()));
  }
}

const until = started + seconds * 1000;
const resident = newSDK(key);
await refusesStrangers();
await Promise.all([
  every(POLL_MS, until, () => take(resident, 'resident')),
  every(NEWCOMER_EVERY_MS, until, () => take(newSDK(key), 'newcomer')),
]);

if (tokens.size < LEAST_TOKENS) {
  fault(`saw ${tokens.size} distinct tokens, want at least ${LEAST_TOKENS}`);
}
const ok = faults.length === 0;
console.log(JSON.stringify({
  ok,
  app: appID,
  seconds: since(),
  reads,
  probes,
  straddled,
  renewals: Math.max(0, tokens.size - 1),
  tokens: [...tokens].map(([id, t]) => ({ id, first: t.first, last: t.last, reads: t.reads })),
  fault_count: faults.length,
  faults: faults.slice(0, MOST_FAULTS_SHOWN),
}, null, 2));
process.exitCode = ok ? 0 : 1;
