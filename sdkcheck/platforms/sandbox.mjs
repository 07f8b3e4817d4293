// The simulated platforms' own side: they are told what to do, and asked for the truth.

const PATIENCE_MS = 10_000;

export class Sandbox {
  #url;

  constructor(url) {
    this.#url = url.replace(/\/+$/, '');
  }

  // kill ends the app's current token, as a platform does that is in the mood.
  async kill(platform, app, mode) {
    const res = await fetch(`${this.#url}/_sandbox/${platform}/apps/${app}/kill`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify(mode ? { mode } : {}),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (!res.ok) {
      throw new Error(`the sandbox answered with HTTP ${res.status}`);
    }
  }

  // truth is what a platform saw of an app.
  async truth(platform, app) {
    const res = await fetch(`${this.#url}/_sandbox/state`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const state = await res.json();
    const { counts, calls } = state.platforms.find((p) => p.name === platform).apps.find((a) => a.app_id === app);
    return { counts, calls, misuses: state.misuses };
  }
}
