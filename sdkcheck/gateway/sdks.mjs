// The two npm packages behind one interface, so that one loop of calls fits both. They are
// used as a business server uses them: by their documented constructor arguments, and with
// their base URLs assigned. Time-outs and retries are what they are by default.
//
// These fields are assigned, and so these calls come to Hufu:
//
//   co-wechat-api  prefix, snsPrefix, fileServerPrefix, payPrefix, merchantPrefix,
//                  customservicePrefix, wxaPrefix
//   wechat-api     endpoint, fileServerPrefix
//
// mpPrefix stays in both: it only makes addresses of pictures on mp.weixin.qq.com, which
// users' phones open and nobody here could serve.
//
// Absolute URLs, which no field moves, are in co-wechat-api's card (api_card.js), kf account
// and session (api_custom_service.js), datacube, device, feedback, semantic and shakearound
// calls. Those go to the platform itself: with a real token they still work, with a virtual
// one they cannot. wechat-api has none.
import { createRequire } from 'node:module';
import { EventEmitter } from 'node:events';

const require = createRequire(import.meta.url);

// A Keeper stands for the cache that business servers give to the packages, and sees what
// they put into it.
class Keeper extends EventEmitter {
  token = null;
  fetched = 0;
  seen = new Set();

  keep(token) {
    this.token = token;
    if (token) {
      this.fetched++;
      this.seen.add(token.accessToken);
    } else {
      // co-wechat-api throws its token away when a call was answered with 40001 or 42001.
      this.emit('rejected');
    }
  }
}

export function coWechatAPI(base, appID, key) {
  const API = require('co-wechat-api');
  const keeper = new Keeper();
  const api = new API(appID, key, async () => keeper.token, async (token) => keeper.keep(token));
  api.prefix = `${base}/cgi-bin/`;
  api.fileServerPrefix = `${base}/cgi-bin/`;
  api.snsPrefix = `${base}/sns/`;
  api.payPrefix = `${base}/pay/`;
  api.merchantPrefix = `${base}/merchant/`;
  api.customservicePrefix = `${base}/customservice/`;
  api.wxaPrefix = `${base}/wxa/`;
  return { keeper, call: (name, ...args) => api[name](...args), logsIn: true, hasWXACode: true };
}

export function wechatAPI(base, appID, key) {
  const API = require('wechat-api');
  const keeper = new Keeper();
  const api = new API(
    appID,
    key,
    (callback) => callback(null, keeper.token),
    (token, callback) => {
      keeper.keep(token);
      callback(null);
    },
  );
  api.endpoint = base;
  api.fileServerPrefix = `${base}/cgi-bin/`;
  const call = (name, ...args) =>
    new Promise((resolve, reject) => {
      api[name](...args, (err, data) => (err ? reject(err) : resolve(data)));
    });
  return { keeper, call, logsIn: false, hasWXACode: false };
}
