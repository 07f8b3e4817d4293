// Makes all calls of three packages pass through Hufu at the root of its host, with real and
// with virtual tokens, and has the platforms end the apps' tokens meanwhile. Not one call may
// fail, and no package may ask for another token: each is renewed, and the call made again.
//
// usage: node platforms/check.mjs BASE_URL SANDBOX_URL
//
// The apps are in the environment as SDKCHECK_{WECOM,FEISHU,LARK,DINGTALK}, and the keys as
// SDKCHECK_KEY_{REAL,VIRTUAL}. It starts nothing, prints a summary as JSON, and exits 0 or 1.
// No token and no key is printed.
import { Sandbox } from './sandbox.mjs';
import { dingtalk, feishu, wecom } from './sdks.mjs';

// An app is promised to survive five deaths at any moments; the gaps between the renewals
// after them grow.
const DEATHS = 4;
const env = process.env;

const APPS = [
  { platform: 'wecom', id: env.SDKCHECK_WECOM, sandbox: `${env.SDKCHECK_WECOM}:1000002`, make: wecom },
  // The token of the app itself is kept, too.
  { platform: 'feishu', id: env.SDKCHECK_FEISHU, sandbox: env.SDKCHECK_FEISHU, make: feishu },
  { platform: 'lark', id: env.SDKCHECK_LARK, sandbox: env.SDKCHECK_LARK, make: feishu },
  { platform: 'dingtalk', id: env.SDKCHECK_DINGTALK, sandbox: env.SDKCHECK_DINGTALK, make: dingtalk },
];
const CLIENTS = [
  { handout: 'real', key: env.SDKCHECK_KEY_REAL },
  { handout: 'virtual', key: env.SDKCHECK_KEY_VIRTUAL },
];

const args = process.argv.slice(2);
if (args.length !== 2 || CLIENTS.some((c) => !c.key) || APPS.some((a) => !a.id)) {
  console.error('usage: node platforms/check.mjs BASE_URL SANDBOX_URL, with the apps and keys in the environment');
  process.exit(2);
}
const base = args[0].replace(/\/+$/, '');
const sandbox = new Sandbox(args[1]);

const faults = [];

// The packages put whole requests, keys among them, into their errors.
function redacted(err) {
  let s = String(err?.message ?? err);
  const answer = err?.response?.data;
  if (answer) {
    s += ` ${JSON.stringify(answer)}`;
  }
  for (const { key } of CLIENTS) {
    s = s.replaceAll(key, '***');
  }
  return s.replace(/access_token=[^&\s]+/g, 'access_token=***').slice(0, 400);
}

// round makes every call of the server once, all at the same time or one after the other.
async function round(server, together) {
  const works = Object.entries(server.sdk.calls).map(([name, work]) => async () => {
    server.byCall[name] = (server.byCall[name] ?? 0) + 1;
    try {
      await work();
    } catch (err) {
      faults.push(`${server.who}: ${name} failed: ${redacted(err)}`);
    }
  });
  if (together) {
    await Promise.all(works.map((work) => work()));
    return;
  }
  for (const work of works) {
    await work();
  }
}

async function checkApp(app) {
  const servers = CLIENTS.map((client) => ({
    who: `${app.platform}, ${client.handout}`, sdk: app.make(base, app.id, client.key), byCall: {},
  }));
  for (const s of servers) {
    await round(s, false);
  }
  for (let i = 0; i < DEATHS; i++) {
    await sandbox.kill(app.platform, app.sandbox);
    await Promise.all(servers.map((s) => round(s, i % 2 === 0)));
  }
  for (const s of servers) {
    if (s.sdk.asked() !== 1) {
      faults.push(`${s.who}: asked for a token ${s.sdk.asked()} times, want once`);
    }
  }
  const { counts, misuses } = await sandbox.truth(app.platform, app.sandbox);
  const refused = Object.values(counts.by_code ?? {}).reduce((a, b) => a + b, 0);
  // One for the start and one for each death, however many calls met it at the same time.
  const want = 1 + DEATHS;
  if (counts.issues !== want) {
    faults.push(`${app.platform}: ${counts.issues} tokens were issued, want ${want}`);
  }
  if (refused < DEATHS) {
    faults.push(`${app.platform}: ${refused} calls met a dead token, want ${DEATHS} at least`);
  }
  for (const m of misuses ?? []) {
    if (m.app === app.sandbox && m.what !== 'killed-token') {
      faults.push(`${app.platform}: Hufu misused the platform: ${m.what}: ${m.detail}`);
    }
  }
  return {
    platform: app.platform, issues: counts.issues, refusals: counts.by_code,
    servers: servers.map((s) => ({ who: s.who, token_requests: s.sdk.asked(), by_call: s.byCall })),
  };
}

const report = await Promise.all(APPS.map(checkApp));
const ok = faults.length === 0;
console.log(JSON.stringify({ ok, report, fault_count: faults.length, faults: faults.slice(0, 20) }, null, 2));
process.exitCode = ok ? 0 : 1;
