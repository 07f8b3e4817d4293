// Plays eight business servers at once, co-wechat-api and wechat-api, with real and with
// virtual tokens, on an app in classic mode and on one in stable mode, and makes all their
// calls pass through Hufu. Meanwhile the platform kills the apps' tokens, and somebody
// outside steals them, at random moments. Not one call may fail, and no package may ever
// get to know.
//
// usage: node gateway/check.mjs BASE_URL SANDBOX_URL SECONDS
//
// Keys are in the environment, as SDKCHECK_KEY_{CO,WA}_{REAL,VIRTUAL}. It starts nothing,
// prints a summary as JSON, and exits 0 or 1. No token and no key is printed.
//
// How many deaths are honest? A server that replaced dead tokens without end would spend
// the day's quota in a fight with whoever kills them, so that unplanned renewals have a
// budget: the first five of an app are made at once, and then the gaps between them grow,
// from 1 s to 5 min, until there was quiet for ten minutes. A call waits up to 10 s for its
// renewal, but the packages give up after 3 s (co-wechat-api) and 5 s (wechat-api). So five
// deaths of each app are what an app is promised to survive at any moments, and what is
// done here. A sixth and seventh would be survived too; from then on calls would fail in
// these packages, rightly. The moments are random but at least 3 s apart, because a token
// that dies before anybody has used it is no test.
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { fileCalls, turns } from './calls.mjs';
import { Sandbox } from './sandbox.mjs';
import { coWechatAPI, wechatAPI } from './sdks.mjs';

const DEATHS = 5;
const GAP_MS = { least: 3000, most: 7000 };
const TURN_MS = 100;
const FILE_MS = 500;
const CURRENT_MS = 200;
const ISSUE_MS = 400;
// Each of these is called often enough that it meets dead tokens in every run.
const MUST_MEET = ['/cgi-bin/message/custom/send', '/cgi-bin/user/info', '/cgi-bin/media/upload', '/cgi-bin/media/get'];
const MOST_FAULTS_SHOWN = 20;

const APPS = [
  // The two doors of the gateway: the root of the host, and the path of an app.
  { id: 'classic', mode: 'classic', appID: process.env.SDKCHECK_CLASSIC, door: '' },
  { id: 'stable', mode: 'stable', appID: process.env.SDKCHECK_STABLE, door: '/gateway/stable' },
];
const CLIENTS = [
  { name: 'co-wechat-api', handout: 'real', make: coWechatAPI, key: process.env.SDKCHECK_KEY_CO_REAL },
  { name: 'co-wechat-api', handout: 'virtual', make: coWechatAPI, key: process.env.SDKCHECK_KEY_CO_VIRTUAL },
  { name: 'wechat-api', handout: 'real', make: wechatAPI, key: process.env.SDKCHECK_KEY_WA_REAL },
  { name: 'wechat-api', handout: 'virtual', make: wechatAPI, key: process.env.SDKCHECK_KEY_WA_VIRTUAL },
];

const args = process.argv.slice(2);
if (args.length !== 3 || !(Number(args[2]) > 0) || CLIENTS.some((c) => !c.key) || APPS.some((a) => !a.appID)) {
  console.error('usage: node gateway/check.mjs BASE_URL SANDBOX_URL SECONDS, with the keys in the environment');
  process.exit(2);
}
const base = args[0].replace(/\/+$/, '');
const sandbox = new Sandbox(args[1]);
const started = Date.now();
const until = started + Number(args[2]) * 1000;

const since = () => Number(((Date.now() - started) / 1000).toFixed(1));
const faults = [];
function fault(what) {
  faults.push(`${since()}s: ${what}`);
}

// The packages put whole URLs, keys among them, into their error texts.
function redacted(err) {
  let s = String(err?.stack && err.name === 'AssertionError' ? err.message : (err?.message ?? err));
  for (const { key } of CLIENTS) {
    s = s.replaceAll(key, '***');
  }
  return s.replace(/access_token=[^&\s]+/g, 'access_token=***').slice(0, 500);
}

const digest = (token) => createHash('sha256').update(token).digest('hex');

// server is one business server.
function server(app, client, files) {
  const sdk = client.make(base + app.door, app.appID, client.key);
  const s = {
    app, client, sdk, who: `${client.name}, ${client.handout}, ${app.mode}`,
    calls: 0, stale: 0, slowest: 0, byCall: {},
  };
  sdk.keeper.on('rejected', () => fault(`${s.who}: the package saw its token rejected`));
  const attempt = async (name, work) => {
    const from = Date.now();
    // Whether the package is about to show a token that has been replaced.
    const held = sdk.keeper.token?.accessToken;
    if (client.handout === 'real' && held && app.current && digest(held) !== app.current) {
      s.stale++;
    }
    s.calls++;
    s.byCall[name] = (s.byCall[name] ?? 0) + 1;
    try {
      await work();
    } catch (err) {
      fault(`${s.who}: ${name} failed after ${Date.now() - from} ms: ${err?.code ?? ''} ${redacted(err)}`);
    }
    s.slowest = Math.max(s.slowest, Date.now() - from);
  };
  const loop = async (works, ms) => {
    const names = Object.keys(works);
    for (let i = randomInt(names.length); Date.now() < until; i++) {
      const name = names[i % names.length];
      const next = Date.now() + ms;
      await attempt(name, works[name]);
      await sleep(Math.max(1, next - Date.now()));
    }
  };
  s.run = async () => {
    const { data } = await sdk.call('getFollowers', '');
    const own = { sdk, sandbox, files, appID: app.appID, openID: data.openid[0] };
    const { uploads, downloads } = await fileCalls(own);
    await Promise.all([loop(turns(own), TURN_MS), loop(uploads, FILE_MS), loop(downloads, FILE_MS)]);
  };
  return s;
}

// deaths kills and steals. Both happen to each app.
async function deaths(app) {
  const kinds = ['kill', 'steal', 'kill', 'steal', randomInt(2) ? 'kill' : 'steal'].slice(0, DEATHS);
  kinds.sort(() => randomInt(3) - 1);
  app.deaths = [];
  for (const kind of kinds) {
    await sleep(randomInt(GAP_MS.least, GAP_MS.most + 1));
    if (Date.now() >= until) {
      return;
    }
    app.deaths.push(`${since()}s ${kind}`);
    try {
      await sandbox[kind](app.appID, app.mode);
    } catch (err) {
      fault(`the sandbox did not ${kind}: ${redacted(err)}`);
    }
  }
}

// follow keeps the digest of the app's current token, as the native API tells it.
async function follow(app) {
  const { key } = CLIENTS.find((c) => c.handout === 'real');
  while (Date.now() < until) {
    const res = await fetch(`${base}/v1/apps/${app.id}/tokens/access_token`, { headers: { Authorization: `Bearer ${key}` } });
    if (res.ok) {
      app.current = digest((await res.json()).token);
    }
    await sleep(CURRENT_MS);
  }
}

async function metrics() {
  const text = await (await fetch(`${base}/metrics`)).text();
  const of = (name, label) => {
    const found = {};
    for (const m of text.matchAll(new RegExp(`^${name}\\{${label}="([^"]+)"\\} (\\d+)`, 'gm'))) {
      found[m[1]] = Number(m[2]);
    }
    return found;
  };
  return { calls: of('hufu_gateway_calls_total', 'result'), replays: of('hufu_gateway_rejected_total', 'replay') };
}

async function makeFiles() {
  const dir = await mkdtemp(path.join(tmpdir(), 'sdkcheck-'));
  const make = async (name, size) => {
    const file = path.join(dir, name);
    await writeFile(file, randomBytes(size));
    return file;
  };
  return {
    dir,
    small: await make('small.jpg', 2_000),
    large: await make('large.jpg', 900 * 1024),
    video: await make('video.mp4', 50_000),
  };
}

await sandbox.slowDown(ISSUE_MS);
const files = await makeFiles();
const servers = APPS.flatMap((app) => CLIENTS.map((client) => server(app, client, files)));
await Promise.all([...servers.map((s) => s.run()), ...APPS.map(deaths), ...APPS.map(follow)]);
await rm(files.dir, { recursive: true });

// What the packages saw.
for (const s of servers) {
  if (s.client.handout === 'virtual') {
    if (s.sdk.keeper.fetched !== 1 || s.sdk.keeper.seen.size !== 1) {
      fault(`${s.who}: asked for a token ${s.sdk.keeper.fetched} times and saw ${s.sdk.keeper.seen.size}, want once and one`);
    }
    // A server that has just started gets the very same one.
    const young = s.client.make(base + s.app.door, s.app.appID, s.client.key);
    await young.call('getFollowers', '').catch((err) => fault(`${s.who}: a newcomer failed: ${redacted(err)}`));
    if (!s.sdk.keeper.seen.has(young.keeper.token?.accessToken)) {
      fault(`${s.who}: a newcomer got another virtual token`);
    }
  } else if (s.stale === 0) {
    fault(`${s.who}: never showed a token that had been replaced, so that this was not tried`);
  }
}

// What the platform saw: the deaths, and calls that came with the dead tokens. These were
// all made again, or one would have failed above.
const report = [];
const pathsMet = new Set();
for (const app of APPS) {
  const t = await sandbox.truth(app.appID);
  const met = [...t.dead.values()];
  const killed = met.filter((d) => d.how === 'killed-token').length;
  const stolen = met.filter((d) => d.how === 'outside-token').length;
  if (app.deaths.length !== DEATHS) {
    fault(`${app.id}: there was time for ${app.deaths.length} deaths, want ${DEATHS}`);
  }
  // A planned renewal may come before anybody has met a dead token.
  if (killed < 1 || stolen < 1 || met.length < DEATHS - 1) {
    fault(`${app.id}: calls met ${killed} killed and ${stolen} stolen tokens, want ${DEATHS - 1} of ${DEATHS} or more`);
  }
  for (const d of met) {
    for (const p of d.paths.keys()) {
      pathsMet.add(p);
    }
  }
  for (const o of t.others) {
    fault(`${app.id}: Hufu misused the platform: ${o}`);
  }
  const renewals = t.issues - 1;
  // In stable mode the token that was issued to the thief is the app's, and is taken.
  const replaced = app.mode === 'stable' ? app.deaths.filter((d) => d.endsWith('kill')).length : met.length;
  if (renewals <= replaced) {
    fault(`${app.id}: ${renewals} renewals for ${replaced} deaths, so that no planned one was tried`);
  }
  report.push({
    app: app.id, deaths: app.deaths, issues: t.issues, outside: t.outside, refusals: t.refusals,
    dead_tokens: met.map((d) => ({ how: d.how, calls: Object.fromEntries(d.paths) })),
  });
}
for (const p of MUST_MEET) {
  if (!pathsMet.has(p)) {
    fault(`no call of ${p} met a dead token, so that its replay was not tried`);
  }
}

// What Hufu saw: of all calls not one was answered with an error, so that no package can
// have made one again.
const { calls, replays } = await metrics();
for (const [result, n] of Object.entries(calls)) {
  if (result !== 'ok' && n > 0) {
    fault(`${n} calls ended as ${result}`);
  }
}
for (const [replay, n] of Object.entries(replays)) {
  if (replay !== 'done' && n > 0) {
    fault(`${n} rejected calls ended as ${replay}`);
  }
}
if (!(replays.done >= DEATHS)) {
  fault(`${replays.done} calls were made again, want ${DEATHS} at least`);
}

const ok = faults.length === 0;
console.log(JSON.stringify({
  ok,
  seconds: since(),
  servers: servers.map((s) => ({
    who: s.who, calls: s.calls, with_a_replaced_token: s.stale, token_requests: s.sdk.keeper.fetched, slowest_ms: s.slowest, by_call: s.byCall,
  })),
  platform: report,
  hufu: { calls, replays },
  fault_count: faults.length,
  faults: faults.slice(0, MOST_FAULTS_SHOWN),
}, null, 2));
process.exitCode = ok ? 0 : 1;
