// The platform's own side: it is told what to do, and asked for the truth.

const PATIENCE_MS = 10_000;

export class Sandbox {
  #url;

  constructor(url) {
    this.#url = url.replace(/\/+$/, '');
  }

  async #post(path, body) {
    const res = await fetch(`${this.#url}/_sandbox/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (!res.ok) {
      throw new Error(`the sandbox answered ${path} with HTTP ${res.status}`);
    }
    return res.json();
  }

  // kill ends the app's current token, as a platform does that is in the mood.
  kill(appID, mode) {
    return this.#post(`apps/${appID}/kill`, { mode });
  }

  // steal has somebody else, who has the same secret, get a new token, which ends the
  // current one after the overlap.
  steal(appID, mode) {
    return this.#post(`apps/${appID}/rotate`, { mode });
  }

  // slowDown makes the platform take its time to issue tokens, as the real one does, so that
  // many calls meet a token between its death and its replacement.
  async slowDown(ms) {
    for (const path of ['/cgi-bin/token', '/cgi-bin/stable_token']) {
      await this.#post('faults', { kind: 'slow', path, delay: `${ms}ms` });
    }
  }

  async jscode(appID, openid) {
    return (await this.#post(`apps/${appID}/jscode`, { openid })).code;
  }

  // truth is what the platform saw of an app: its issues, and the dead tokens that calls
  // came with, each with the paths of those calls.
  async truth(appID) {
    const res = await fetch(`${this.#url}/_sandbox/state`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const state = await res.json();
    const app = state.apps.find((a) => a.app_id === appID);
    const dead = new Map(); // token's story → { how, paths }
    const others = [];
    for (const m of state.misuses) {
      if (m.app !== appID || m.probe) {
        continue;
      }
      if (m.what !== 'killed-token' && m.what !== 'outside-token') {
        others.push(`${m.what}: ${m.detail}`);
        continue;
      }
      const [path, story] = m.detail.split(' with ');
      const d = dead.get(story) ?? { how: m.what, paths: new Map() };
      d.paths.set(path, (d.paths.get(path) ?? 0) + 1);
      dead.set(story, d);
    }
    return { issues: app.counts.issues, outside: app.counts.outside, refusals: app.counts.by_errcode ?? {}, dead, others };
  }
}
